package io.github.connlimit.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

/** What the figures were measured on, as text. */
final class Machine {

    private static final Path CPU = Path.of("/proc/cpuinfo");
    private static final Path MEMORY = Path.of("/proc/meminfo");

    private Machine() {}

    static String describe() {
        return cores() + " cores (" + field(CPU, "model name", "CPU model unknown") + "), " + memory() + "; "
                + System.getProperty("java.vm.name") + " " + System.getProperty("java.runtime.version") + "; "
                + System.getProperty("os.name") + " " + System.getProperty("os.version");
    }

    /** The machine's cores, also when this process is pinned to one of them. */
    private static long cores() {
        try (var lines = Files.lines(CPU)) {
            long cores = lines.filter(line -> line.startsWith("processor")).count();
            return cores == 0 ? Runtime.getRuntime().availableProcessors() : cores;
        } catch (IOException unreadable) {
            return Runtime.getRuntime().availableProcessors();
        }
    }

    private static String memory() {
        String kilobytes = field(MEMORY, "MemTotal", "").replaceAll("\\D", "");
        return kilobytes.isEmpty()
                ? "memory unknown"
                : String.format(Locale.ROOT, "%.0f GiB", Long.parseLong(kilobytes) / (1024.0 * 1024.0));
    }

    private static String field(Path file, String name, String otherwise) {
        try (var lines = Files.lines(file)) {
            return lines.filter(line -> line.startsWith(name))
                    .map(line -> line.substring(line.indexOf(':') + 1).trim())
                    .findFirst()
                    .orElse(otherwise);
        } catch (IOException unreadable) {
            return otherwise;
        }
    }
}
