package io.github.connlimit.it;

import io.github.connlimit.Cidr;
import io.github.connlimit.ClientUsage;
import io.github.connlimit.LimiterListener;
import io.github.connlimit.RefusalReason;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;

/** Counts what a limiter reports, by client. Thread-safe. */
final class RecordedEvents implements LimiterListener {

    private final Map<Cidr, LongAdder> admitted = new ConcurrentHashMap<>();
    private final Map<Cidr, LongAdder> refused = new ConcurrentHashMap<>();
    private final Map<Cidr, LongAdder> closed = new ConcurrentHashMap<>();
    private final Map<Cidr, Integer> most = new ConcurrentHashMap<>();

    @Override
    public void admitted(ClientUsage client) {
        add(admitted, client);
        most.merge(client.client(), client.openConnections(), Math::max);
    }

    @Override
    public void refused(ClientUsage client, RefusalReason reason, boolean dryRun) {
        add(refused, client);
    }

    @Override
    public void closed(ClientUsage client) {
        add(closed, client);
    }

    private static void add(Map<Cidr, LongAdder> counts, ClientUsage client) {
        counts.computeIfAbsent(client.client(), ignored -> new LongAdder()).increment();
    }

    private static long sum(Map<Cidr, LongAdder> counts) {
        return counts.values().stream().mapToLong(LongAdder::sum).sum();
    }

    private static Map<Cidr, Long> copy(Map<Cidr, LongAdder> counts) {
        Map<Cidr, Long> copy = new ConcurrentHashMap<>();
        counts.forEach((client, count) -> copy.put(client, count.sum()));
        return copy;
    }

    long admitted() {
        return sum(admitted);
    }

    long refused() {
        return sum(refused);
    }

    long closed() {
        return sum(closed);
    }

    /** How many connections were admitted of each client. */
    Map<Cidr, Long> admittedByClient() {
        return copy(admitted);
    }

    /** How many connections were closed of each client. */
    Map<Cidr, Long> closedByClient() {
        return copy(closed);
    }

    /** The largest number of open connections that was reported for each client. */
    Map<Cidr, Integer> mostOpen() {
        return most;
    }
}
