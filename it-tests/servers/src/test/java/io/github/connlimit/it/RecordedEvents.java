package io.github.connlimit.it;

import io.github.connlimit.Cidr;
import io.github.connlimit.ClientUsage;
import io.github.connlimit.ConnectionPhase;
import io.github.connlimit.LimiterListener;
import io.github.connlimit.RefusalReason;
import java.time.Duration;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.LongAdder;

/** Counts what a limiter reports. Thread-safe. */
final class RecordedEvents implements LimiterListener {

    /** A connection that was closed at its deadline, or would have been. */
    record TimedOut(Cidr client, ConnectionPhase phase, Duration timeout, boolean dryRun) {}

    private record Refused(RefusalReason reason, boolean dryRun) {}

    private final Map<Cidr, LongAdder> admitted = new ConcurrentHashMap<>();
    private final Map<Refused, LongAdder> refused = new ConcurrentHashMap<>();
    private final Map<Cidr, LongAdder> closed = new ConcurrentHashMap<>();
    private final Map<Cidr, Integer> most = new ConcurrentHashMap<>();
    private final Queue<TimedOut> timedOut = new ConcurrentLinkedQueue<>();

    @Override
    public void admitted(ClientUsage client) {
        add(admitted, client.client());
        most.merge(client.client(), client.openConnections(), Math::max);
    }

    @Override
    public void refused(ClientUsage client, RefusalReason reason, boolean dryRun) {
        add(refused, new Refused(reason, dryRun));
    }

    @Override
    public void timedOut(ClientUsage client, ConnectionPhase phase, Duration timeout, boolean dryRun) {
        timedOut.add(new TimedOut(client.client(), phase, timeout, dryRun));
    }

    @Override
    public void closed(ClientUsage client) {
        add(closed, client.client());
    }

    private static <K> void add(Map<K, LongAdder> counts, K key) {
        counts.computeIfAbsent(key, ignored -> new LongAdder()).increment();
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

    /** How many connections were in fact refused, as their clients had as many as they may have. */
    long refused() {
        return refused(RefusalReason.CONNECTIONS);
    }

    /** How many were in fact refused for this reason. */
    long refused(RefusalReason reason) {
        return refused(reason, false);
    }

    /** How many would have been refused for this reason. */
    long refusedInDryRun(RefusalReason reason) {
        return refused(reason, true);
    }

    /** How many connections and streams would have been refused. */
    long refusedInDryRun() {
        long sum = 0;
        for (RefusalReason reason : RefusalReason.values()) {
            sum += refusedInDryRun(reason);
        }
        return sum;
    }

    private long refused(RefusalReason reason, boolean dryRun) {
        LongAdder count = refused.get(new Refused(reason, dryRun));
        return count == null ? 0 : count.sum();
    }

    /** What was closed at its deadline, or would have been, in that order. */
    Queue<TimedOut> timedOut() {
        return timedOut;
    }

    /** How many connections were closed at their deadline, or would have been. */
    long timedOut(boolean dryRun) {
        return timedOut.stream().filter(event -> event.dryRun() == dryRun).count();
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
