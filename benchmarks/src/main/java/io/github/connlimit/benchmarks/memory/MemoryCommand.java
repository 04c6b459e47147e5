package io.github.connlimit.benchmarks.memory;

import io.github.connlimit.benchmarks.Clients;
import io.github.connlimit.benchmarks.Contender;
import io.github.connlimit.benchmarks.Report;
import io.github.connlimit.benchmarks.Series;
import io.github.connlimit.benchmarks.Target;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.concurrent.Callable;
import org.openjdk.jol.info.GraphStats;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Measures the memory that the counts of open connections take. */
@Command(name = "memory", description = "Bytes of heap per open connection, against other ways to count.")
public final class MemoryCommand implements Callable<Integer> {

    private static final int COLLECTIONS = 3;

    /** In KiB: what the JVM itself, which can be reached from the limiter's logger, may grow by in the meantime. */
    private static final Target LEFT = Target.atMost(64);

    @Option(names = "--connections", defaultValue = "1000000", description = "Default: 1000000.")
    private int connections;

    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            description = "Show this help and exit.")
    private boolean help;

    @Option(names = "--results", defaultValue = "benchmarks/results", description = "Where to write the table.")
    private Path results;

    /**
     * What one contender takes, in bytes.
     *
     * @param fresh for each connection, none of which has sent anything yet
     * @param established for each connection, when all have
     * @param heap the same as the heap tells
     * @param left in all, when all connections are closed, more than before the first
     */
    private record Sizes(double fresh, double established, double heap, long left) {}

    @Override
    public Integer call() throws IOException {
        // The graph has records and hidden classes in it, whose fields the JDK does not locate for JOL.
        System.setProperty("jol.magicFieldOffset", "true");

        Report report = new Report(
                "Memory",
                "Retained size by JOL of all that a server keeps to count " + Series.text(connections, 0)
                        + " open connections, so that each is counted down once; the connections themselves and their "
                        + "addresses not included. For connlimit that is the `ConnectionGate` with its limiter and "
                        + "deadlines; for go-connlimit's way its one map; for the others their map of counts with its "
                        + "keys, and a `ConcurrentHashMap` from connection to key. A *fresh* connection has yet to send "
                        + "its first byte and has a deadline for it. What the heap has grown by after a collection is "
                        + "shown as a check (of all but connlimit and go-connlimit's way without the keys, which are "
                        + "there before). *Left* is what is held when all connections have closed, beyond the size "
                        + "before the first.");
        report.heading("One connection for each client").table(table(connections, Target.atMost(160)));
        report.heading("All connections from one client").table(table(1, Target.atMost(64)));
        report.write(results, "memory.md");
        return 0;
    }

    private Report.Table table(int clients, Target target) {
        Report.Table table = new Report.Table(
                "",
                "bytes a connection, fresh",
                "target",
                "bytes a connection, established",
                "target",
                "by the heap",
                "× connlimit",
                "left, KiB",
                "target");
        double own = Double.NaN;
        for (Contender contender : EnumSet.complementOf(EnumSet.of(Contender.COMPUTE_OF_ADDRESS))) {
            System.out.printf("%s, %d clients%n", contender.title(), clients);
            Sizes sizes = measure(contender, clients);
            boolean subject = contender == Contender.CONNLIMIT;
            own = subject ? sizes.established() : own;
            table.row(
                    contender.title(),
                    subject ? Series.text(sizes.fresh(), 1) : "–",
                    subject ? target.verdict(sizes.fresh()) : "–",
                    Series.text(sizes.established(), 1),
                    subject ? target.verdict(sizes.established()) : "–",
                    Series.text(sizes.heap(), 1),
                    Series.text(sizes.established() / own, 2),
                    Series.text(sizes.left() / 1024.0, 1),
                    subject ? LEFT.verdict(sizes.left() / 1024.0) : "–");
        }
        return table;
    }

    private Sizes measure(Contender contender, int count) {
        Clients clients = Clients.ipv4(count);
        Object[] open = new Object[connections];
        Arrays.setAll(open, i -> new Object());
        Bookkeeping books = Bookkeeping.of(contender, clients);
        long before = size(books);
        long heapBefore = heap();
        for (int i = 0; i < connections; i++) {
            books.open(i % count, open[i]);
        }
        check(books, connections);
        double fresh = perConnection(size(books) - before, open);
        for (Object connection : open) {
            books.establish(connection);
        }
        books.sweep();
        double heap = (double) (heap() - heapBefore) / connections;
        double established = perConnection(size(books) - before, open);
        for (int i = 0; i < connections; i++) {
            books.close(i % count, open[i]);
        }
        books.sweep();
        check(books, 0);
        return new Sizes(fresh, established, heap, size(books) - before);
    }

    private static void check(Bookkeeping books, long expected) {
        if (books.size() != expected) {
            throw new IllegalStateException(books.size() + " connections are counted, not " + expected);
        }
    }

    private static double perConnection(long bytes, Object[] open) {
        long itself = GraphStats.parseInstance(open[0]).totalSize();
        return (double) bytes / open.length - itself;
    }

    private static long size(Bookkeeping books) {
        return GraphStats.parseInstance(books.state()).totalSize();
    }

    private static long heap() {
        for (int i = 0; i < COLLECTIONS; i++) {
            System.gc();
        }
        return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
    }
}
