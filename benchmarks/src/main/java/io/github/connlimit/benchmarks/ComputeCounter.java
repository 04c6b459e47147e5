package io.github.connlimit.benchmarks;

import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BiFunction;
import java.util.function.IntFunction;

/**
 * Counts with a bare {@link ConcurrentHashMap}: the least that counting in one map can cost. It gives
 * no permit, so whoever releases must know the key and must not release twice.
 */
final class ComputeCounter implements Counter {

    private final IntFunction<Clients.Key> keys;
    private final ConcurrentHashMap<Clients.Key, Integer> counts = new ConcurrentHashMap<>();

    private final BiFunction<Clients.Key, Integer, Integer> up;
    private final BiFunction<Clients.Key, Integer, Integer> down = (key, count) -> count == 1 ? null : count - 1;

    /** @param keys the key of each client */
    ComputeCounter(IntFunction<Clients.Key> keys, int limit) {
        this.keys = keys;
        this.up = (key, count) -> count == null ? Integer.valueOf(1) : count >= limit ? count : count + 1;
    }

    @Override
    public Object acquire(int client, Object connection) {
        return counts.compute(keys.apply(client), up);
    }

    @Override
    public void release(int client, Object connection, Object acquired) {
        counts.compute(keys.apply(client), down);
    }

    @Override
    public int open(int client) {
        Integer count = counts.get(keys.apply(client));
        return count == null ? 0 : count;
    }

    @Override
    public Object state() {
        return counts;
    }
}
