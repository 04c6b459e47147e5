package io.github.connlimit;

import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicIntegerFieldUpdater;

/**
 * One counted connection. {@link #close()} gives it back to the client that it was counted for, whatever has been
 * reconfigured since. This class is thread-safe.
 *
 * @since 0.1.0
 */
public class ConnectionPermit implements AutoCloseable {

    private static final AtomicIntegerFieldUpdater<ConnectionPermit> STATE =
            AtomicIntegerFieldUpdater.newUpdater(ConnectionPermit.class, "state");

    /** Once true, always true; no other bit is set then. */
    private static final int CLOSED = 1;

    /** Set at the start or never. */
    private static final int PENDING = 2;

    /** The streams on this connection, counted in the bits from here upwards: HTTP/2 may have several on one. */
    private static final int ONE_STREAM = 4;

    private final ConnectionLimiter limiter;

    /** Set once, before the permit leaves the limiter. */
    private Client client;

    private volatile int state;

    ConnectionPermit(ConnectionLimiter limiter, boolean pending) {
        this.limiter = limiter;
        this.state = pending ? PENDING : 0;
    }

    void bind(Client counted) {
        client = counted;
    }

    /**
     * Says that this connection has proved itself: its handshake is complete and the first byte of a request has come. It
     * is pending no longer, and no deadline ends it. Every call but the first does nothing, and so does one on a permit
     * that never was pending.
     */
    public void established() {
        endPending();
    }

    boolean isClosed() {
        return state == CLOSED;
    }

    boolean isPending() {
        return (state & PENDING) != 0;
    }

    /** @return whether this call ended it */
    boolean endPending() {
        int now;
        do {
            now = state;
            if ((now & PENDING) == 0) {
                return false;
            }
        } while (!STATE.compareAndSet(this, now, now & ~PENDING));
        limiter.uncountPending(client);
        return true;
    }

    Client client() {
        return client;
    }

    /**
     * Counts this connection as a long-lived stream, of which a client may have
     * {@link ConnectionLimits#reservedConnections()} fewer than connections. A connection that carries several streams
     * counts as one.
     *
     * @return to be closed when the stream has ended (closing the permit ends it too); empty if the client has as many
     *     streams as it may have, or this permit is closed
     */
    public Optional<Stream> tryBeginStream() {
        // Made before it is counted: running out of memory must not lose a count.
        Optional<Stream> stream = Optional.of(new Stream());
        while (true) {
            int now = state;
            if (now == CLOSED) {
                return Optional.empty();
            }
            boolean first = now < ONE_STREAM;
            if (first && !limiter.tryCountStream(client)) {
                if (state != now) {
                    // Perhaps a stream of this same connection has taken the last place, and this one needs none.
                    continue;
                }
                if (!limiter.refuseStream(client)) {
                    return Optional.empty();
                }
            }
            if (STATE.compareAndSet(this, now, now + ONE_STREAM)) {
                return stream;
            }
            if (first) {
                limiter.uncountStream(client);
            }
        }
    }

    private void endStream() {
        int now;
        do {
            now = state;
            if (now == CLOSED) {
                return;
            }
        } while (!STATE.compareAndSet(this, now, now - ONE_STREAM));
        if (now - ONE_STREAM < ONE_STREAM) {
            limiter.uncountStream(client);
        }
    }

    /** Gives the permit back; its client may have one more connection at once. Every call but the first does nothing. */
    @Override
    public void close() {
        if (end()) {
            limiter.release(client);
        }
    }

    /** Closes the one of two permits for the same connection that is not needed: the end of its reassignment. */
    void closeSurplus() {
        limiter.endReassignment(end() ? client : null);
    }

    /** @return whether this call ended all but the count of the connection itself */
    private boolean end() {
        int before = STATE.getAndSet(this, CLOSED);
        if (before == CLOSED) {
            return false;
        }
        ended();
        if ((before & PENDING) != 0) {
            limiter.uncountPending(client);
        }
        if (before >= ONE_STREAM) {
            limiter.uncountStream(client);
        }
        return true;
    }

    /** Called once, when this permit has been closed. */
    void ended() {
        // A permit without a deadline has nothing to give up.
    }

    /**
     * A long-lived stream on a counted connection. This class is thread-safe.
     *
     * @since 0.1.0
     */
    public final class Stream implements AutoCloseable {

        private final AtomicBoolean ended = new AtomicBoolean();

        private Stream() {}

        /** Ends the stream; the connection stays counted. Every call but the first does nothing. */
        @Override
        public void close() {
            if (ended.compareAndSet(false, true)) {
                endStream();
            }
        }
    }
}
