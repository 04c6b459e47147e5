package io.github.connlimit.benchmarks.server;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The kernel's counts of connections that had to wait for a retransmission: if one of them moves in a round, that round
 * has measured the kernel's timer.
 *
 * @param counts by their names in {@code /proc/net/netstat}
 */
record KernelCounters(Map<String, Long> counts) {

    private static final Path FILE = Path.of("/proc/net/netstat");
    private static final List<String> NAMES =
            List.of("ListenOverflows", "ListenDrops", "TCPReqQFullDrop", "TCPReqQFullDoCookies", "TCPSynRetrans");

    static KernelCounters now() {
        Map<String, Long> counts = new LinkedHashMap<>();
        try {
            List<String> lines = Files.readAllLines(FILE);
            for (int i = 0; i + 1 < lines.size(); i += 2) {
                String[] names = lines.get(i).split(" ");
                String[] values = lines.get(i + 1).split(" ");
                for (int j = 1; j < names.length; j++) {
                    if (NAMES.contains(names[j])) {
                        counts.put(names[j], Long.parseLong(values[j]));
                    }
                }
            }
        } catch (IOException unreadable) {
            throw new UncheckedIOException("these benchmarks need Linux: " + FILE, unreadable);
        }
        return new KernelCounters(counts);
    }
}
