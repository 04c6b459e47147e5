package io.github.connlimit.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.connlimit.Cidr;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import javax.management.JMException;
import javax.management.ObjectName;

/** What there is in this process now; later, it tells what is new and should be gone. */
final class Leftovers {

    private static final Path DESCRIPTORS = Path.of("/proc/self/fd");

    /** What a test and a container keep for the next time: constants, pools, caches. */
    private static final long HEAP_TOLERANCE_BYTES = 24L << 20;

    /** A container may still know the last server, and there are constants of classes that had not been used before. */
    private static final long OBJECTS_TOLERANCE = 100;

    /**
     * Clients and how often they were refused, which the last server's listener and its summary of refusals remember, and
     * what every limiter has dozens of: the parts of tables, and kinds of errors.
     */
    private static final Set<String> NOT_COUNTED = Set.of(
            Cidr.class.getName(),
            "io.github.connlimit.IpAddress",
            "io.github.connlimit.Client",
            "io.github.connlimit.Tally",
            "io.github.connlimit.ClientTable$Part",
            "io.github.connlimit.ClientSizes",
            "io.github.connlimit.ErrorLog$Kind",
            "io.github.connlimit.RateBuckets",
            "io.github.connlimit.Stripe");

    private static final String PERMIT = "io.github.connlimit.GatePermit";

    /** Threads that go on. */
    private static final Set<String> KEPT = Set.of(
            // Tomcat's: begun anew by a WebSocket that is opened while its application stops, and never ended.
            "WebSocket background processing",
            // The virtual machine's one for CompletableFuture, up to Java 24 and from then on.
            "CompletableFutureDelayScheduler",
            "ForkJoinPool.commonPool-delayScheduler");

    private final Set<Thread> threads = new HashSet<>(Thread.getAllStackTraces().keySet());
    private final Map<String, Long> objects = objects();
    private final long heapBytes = heapBytes();
    private final Map<String, Integer> descriptors = descriptors();

    /** Waits until everything is gone that came after this was made. */
    void awaitNone() {
        TestBed.awaitUntil(
                "threads that are left behind",
                () -> assertThat(Thread.getAllStackTraces().keySet())
                        .filteredOn(thread -> !threads.contains(thread) && !KEPT.contains(thread.getName()))
                        .isEmpty());
        TestBed.awaitUntil(
                "file descriptors that are left behind",
                () -> assertThat(descriptors()).isEqualTo(descriptors));
        TestBed.awaitUntil("objects of connlimit that are left behind", () -> {
            Map<String, Long> now = objects();
            assertThat(now.getOrDefault(PERMIT, 0L)).as(PERMIT).isLessThanOrEqualTo(objects.getOrDefault(PERMIT, 0L));
            assertThat(sum(now)).as("%s before, now %s", objects, now).isLessThan(sum(objects) + OBJECTS_TOLERANCE);
            assertThat(heapBytes()).as("bytes").isLessThan(heapBytes + HEAP_TOLERANCE_BYTES);
        });
    }

    private static long sum(Map<String, Long> counts) {
        return counts.values().stream().mapToLong(Long::longValue).sum();
    }

    static long heapBytes() {
        return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
    }

    /** The living objects of connlimit's own classes; to tell them, the garbage is collected. */
    static Map<String, Long> objects() {
        String histogram;
        try {
            histogram = (String) ManagementFactory.getPlatformMBeanServer()
                    .invoke(
                            new ObjectName("com.sun.management:type=DiagnosticCommand"),
                            "gcClassHistogram",
                            new Object[] {new String[0]},
                            new String[] {String[].class.getName()});
        } catch (JMException error) {
            throw new IllegalStateException(error);
        }
        Map<String, Long> objects = new TreeMap<>();
        histogram.lines().forEach(line -> {
            String[] fields = line.trim().split("\\s+");
            if (fields.length >= 4 && ChaosLog.isOfConnlimit(fields[3]) && !NOT_COUNTED.contains(fields[3])) {
                objects.put(fields[3], Long.parseLong(fields[1]));
            }
        });
        return objects;
    }

    /** How many there are of sockets, selectors and the like; not files, which the class loader opens when it likes. */
    static Map<String, Integer> descriptors() {
        Map<String, Integer> counts = new TreeMap<>();
        if (!Files.isDirectory(DESCRIPTORS)) {
            return counts;
        }
        try (Stream<Path> all = Files.list(DESCRIPTORS)) {
            for (Path one : all.toList()) {
                try {
                    String target = Files.readSymbolicLink(one).toString();
                    if (!target.startsWith("/")) {
                        counts.merge(target.replaceAll("\\[?\\d+]?$", ""), 1, Integer::sum);
                    }
                } catch (NoSuchFileException closed) {
                    // The one by which the directory was read, at least.
                }
            }
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
        return counts;
    }
}
