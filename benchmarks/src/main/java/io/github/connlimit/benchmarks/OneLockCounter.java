package io.github.connlimit.benchmarks;

import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/**
 * Counts by the algorithm of go-connlimit: one lock, and a map from the text of an address to the set of its
 * connections. The key is made anew from the address in every call, as it is there.
 */
final class OneLockCounter implements Counter {

    private final Clients clients;
    private final int limit;

    /** Guarded by this. */
    private final Map<String, Set<Object>> connections = new HashMap<>();

    OneLockCounter(Clients clients, int limit) {
        this.clients = clients;
        this.limit = limit;
    }

    @Override
    public Object acquire(int client, Object connection) {
        String key = key(client);
        synchronized (this) {
            Set<Object> open = connections.computeIfAbsent(key, absent -> new HashSet<>());
            if (limit > 0 && open.size() >= limit) {
                return null;
            }
            open.add(connection);
        }
        return (Runnable) () -> remove(client, connection);
    }

    private void remove(int client, Object connection) {
        String key = key(client);
        synchronized (this) {
            Set<Object> open = connections.get(key);
            if (open == null) {
                return;
            }
            open.remove(connection);
            if (open.isEmpty()) {
                connections.remove(key);
            }
        }
    }

    private String key(int client) {
        return "ip:" + clients.address(client).getHostAddress();
    }

    @Override
    public void release(int client, Object connection, Object acquired) {
        remove(client, connection);
    }

    @Override
    public int open(int client) {
        String key = key(client);
        synchronized (this) {
            Set<Object> open = connections.get(key);
            return open == null ? 0 : open.size();
        }
    }

    @Override
    public Object state() {
        return connections;
    }
}
