package io.github.connlimit.benchmarks;

import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.ConnectionPermit;

/** Counts with connlimit. */
final class ConnlimitCounter implements Counter {

    private final Clients clients;
    private final ConnectionLimiter limiter;

    ConnlimitCounter(Clients clients, ConnectionLimits limits) {
        this.clients = clients;
        this.limiter = new ConnectionLimiter(limits);
    }

    @Override
    public Object acquire(int client, Object connection) {
        return limiter.tryAcquire(clients.address(client)).orElse(null);
    }

    @Override
    public void release(int client, Object connection, Object acquired) {
        ((ConnectionPermit) acquired).close();
    }

    @Override
    public int open(int client) {
        return limiter.openConnections(clients.address(client));
    }

    @Override
    public Object state() {
        return limiter;
    }
}
