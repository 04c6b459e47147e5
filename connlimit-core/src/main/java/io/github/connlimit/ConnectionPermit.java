package io.github.connlimit;

import java.util.concurrent.atomic.AtomicIntegerFieldUpdater;

/**
 * One counted connection. {@link #close()} gives it back to the client that it was counted for, whatever has been
 * reconfigured since. This class is thread-safe.
 */
public final class ConnectionPermit implements AutoCloseable {

    private static final AtomicIntegerFieldUpdater<ConnectionPermit> CLOSED =
            AtomicIntegerFieldUpdater.newUpdater(ConnectionPermit.class, "closed");

    private final ConnectionLimiter limiter;

    /** Set once, before the permit leaves the limiter. */
    private Client client;

    /** 0, then 1 for ever. */
    @SuppressWarnings("unused")
    private volatile int closed;

    ConnectionPermit(ConnectionLimiter limiter) {
        this.limiter = limiter;
    }

    void bind(Client counted) {
        client = counted;
    }

    /** Gives the permit back; its client may have one more connection at once. Every call but the first does nothing. */
    @Override
    public void close() {
        if (CLOSED.compareAndSet(this, 0, 1)) {
            limiter.release(client);
        }
    }
}
