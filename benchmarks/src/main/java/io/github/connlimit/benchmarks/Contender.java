package io.github.connlimit.benchmarks;

import io.github.connlimit.ConnectionLimits;
import java.util.function.BiFunction;

/** The ways to count that are compared with one another. */
public enum Contender {
    CONNLIMIT("connlimit", ConnlimitCounter::new),
    COMPUTE("bare compute", (clients, limits) -> new ComputeCounter(clients::key, limits.maxPerClient())),
    COMPUTE_OF_ADDRESS(
            "bare compute, keys of addresses",
            (clients, limits) -> new ComputeCounter(clients::newKey, limits.maxPerClient())),
    ONE_LOCK("go-connlimit's way", (clients, limits) -> new OneLockCounter(clients, limits.maxPerClient())),
    ATOMIC_LONG_MAP("AtomicLongMap", (clients, limits) -> new AtomicLongMapCounter(clients, limits.maxPerClient())),
    MULTISET("ConcurrentHashMultiset", (clients, limits) -> new MultisetCounter(clients, limits.maxPerClient()));

    private final String title;
    private final BiFunction<Clients, ConnectionLimits, Counter> maker;

    Contender(String title, BiFunction<Clients, ConnectionLimits, Counter> maker) {
        this.title = title;
        this.maker = maker;
    }

    /** What it is called in tables. */
    public String title() {
        return title;
    }

    /** A counter without connections; only connlimit knows rules. */
    public Counter counter(Clients clients, ConnectionLimits limits) {
        return maker.apply(clients, limits);
    }
}
