package io.github.connlimit.benchmarks.server;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Which core each process runs on, so that one does not take the other's time. */
final class Cores {

    private final int count = Runtime.getRuntime().availableProcessors();
    private final boolean pin = count > 1 && Executables.find("taskset").isPresent();

    /** The last core. */
    List<String> server(List<String> command) {
        return on(count - 1, command);
    }

    /** The first core. */
    List<String> generator(List<String> command) {
        return on(0, command);
    }

    /** A core of its own if there are three; otherwise the generator's, where it gives way to it. */
    List<String> attacker(List<String> command) {
        if (count > 2) {
            return on(1, command);
        }
        List<String> yielding = new ArrayList<>();
        Executables.find("nice").ifPresent(nice -> yielding.addAll(List.of(nice.toString(), "-n", "10")));
        yielding.addAll(command);
        return on(0, yielding);
    }

    private List<String> on(int core, List<String> command) {
        if (!pin) {
            return command;
        }
        List<String> pinned = new ArrayList<>(List.of("taskset", "-c", String.valueOf(core)));
        pinned.addAll(command);
        return pinned;
    }

    String describe() {
        if (!pin) {
            return "Nothing is pinned to a core here, so that server and generator take each other's time.";
        }
        String attacker =
                count > 2 ? "the attacker on a third" : "the attacker on that of the generator, with less weight";
        return "The server is pinned to one core, the generator to another, " + attacker + ".";
    }

    /** Looks for programs. */
    static final class Executables {

        private Executables() {}

        static java.util.Optional<Path> find(String name) {
            String directories = System.getenv().getOrDefault("PATH", "") + ":/usr/sbin:/sbin";
            return Arrays.stream(directories.split(":"))
                    .filter(directory -> !directory.isEmpty())
                    .map(directory -> Path.of(directory, name))
                    .filter(Files::isExecutable)
                    .findFirst();
        }

        static String version(Path executable, String option) {
            try {
                Process process = new ProcessBuilder(executable.toString(), option)
                        .redirectErrorStream(true)
                        .start();
                String text =
                        new String(process.getInputStream().readAllBytes(), java.nio.charset.StandardCharsets.UTF_8);
                return text.lines().findFirst().orElse(executable.toString());
            } catch (IOException unknown) {
                return executable.toString();
            }
        }
    }
}
