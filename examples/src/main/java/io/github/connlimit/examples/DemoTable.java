package io.github.connlimit.examples;

import io.github.connlimit.ConnectionLimiter;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/** The figures of the demo as a table, as they are at the moment. This class is thread-safe. */
final class DemoTable implements Supplier<List<String>> {

    private static final String ROW = "  %-18s %5d %9d %8d  %s";

    private final ConnectionLimiter limiter;
    private final Tally tally;
    private final DemoClient[] clients;

    DemoTable(ConnectionLimiter limiter, Tally tally, DemoClient... clients) {
        this.limiter = limiter;
        this.tally = tally;
        this.clients = clients;
    }

    @Override
    public List<String> get() {
        List<String> lines = new ArrayList<>();
        lines.add("  client              open  admitted  refused  (limit "
                + limiter.limits().maxPerClient() + ")");
        for (DemoClient client : clients) {
            Tally.Count count = tally.of(client.address());
            int open = limiter.openConnections(client.address());
            lines.add(ROW.formatted(client, open, count.admitted(), count.refused(), "#".repeat(open))
                    .stripTrailing());
        }
        return lines;
    }
}
