package io.github.connlimit.benchmarks;

import com.google.common.util.concurrent.AtomicLongMap;

/** Counts with Guava's {@link AtomicLongMap} on ready-made keys. */
final class AtomicLongMapCounter implements Counter {

    private final Clients clients;
    private final int limit;
    private final AtomicLongMap<Clients.Key> counts = AtomicLongMap.create();

    AtomicLongMapCounter(Clients clients, int limit) {
        this.clients = clients;
        this.limit = limit;
    }

    @Override
    public Object acquire(int client, Object connection) {
        Clients.Key key = clients.key(client);
        long before = counts.getAndUpdate(key, count -> count >= limit ? count : count + 1);
        return before >= limit ? null : key;
    }

    @Override
    public void release(int client, Object connection, Object acquired) {
        Clients.Key key = clients.key(client);
        if (counts.decrementAndGet(key) == 0) {
            counts.removeIfZero(key);
        }
    }

    @Override
    public int open(int client) {
        return (int) counts.get(clients.key(client));
    }

    @Override
    public Object state() {
        return counts;
    }
}
