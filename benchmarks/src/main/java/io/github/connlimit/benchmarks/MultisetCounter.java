package io.github.connlimit.benchmarks;

import com.google.common.collect.ConcurrentHashMultiset;

/** Counts with Guava's {@link ConcurrentHashMultiset} on ready-made keys. */
final class MultisetCounter implements Counter {

    private final Clients clients;
    private final int limit;
    private final ConcurrentHashMultiset<Clients.Key> counts = ConcurrentHashMultiset.create();

    MultisetCounter(Clients clients, int limit) {
        this.clients = clients;
        this.limit = limit;
    }

    @Override
    public Object acquire(int client, Object connection) {
        Clients.Key key = clients.key(client);
        if (counts.add(key, 1) >= limit) {
            counts.remove(key, 1);
            return null;
        }
        return key;
    }

    @Override
    public void release(int client, Object connection, Object acquired) {
        counts.remove(clients.key(client), 1);
    }

    @Override
    public int open(int client) {
        return counts.count(clients.key(client));
    }

    @Override
    public Object state() {
        return counts;
    }
}
