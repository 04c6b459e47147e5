package io.github.connlimit;

import java.net.InetAddress;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Predicate;

/**
 * Binds one permit to each live connection of a server, for adapters: {@link #admit} where the server accepts,
 * {@link #release} wherever it may learn that the connection has ended, as often as it likes. Its methods never throw,
 * so that a server's accept loop cannot be harmed. This class is thread-safe.
 *
 * @param <C> what stands for a connection, compared by {@code equals}: best the channel itself
 */
public final class ConnectionGate<C> {

    private final ConnectionLimiter limiter;
    private final ConcurrentHashMap<C, ConnectionPermit> permits = new ConcurrentHashMap<>();

    /**
     * Makes a gate without connections.
     *
     * @param limiter counts for this gate, and perhaps for others too
     */
    public ConnectionGate(ConnectionLimiter limiter) {
        this.limiter = Objects.requireNonNull(limiter, "limiter");
    }

    /** The limiter that counts for this gate. */
    public ConnectionLimiter limiter() {
        return limiter;
    }

    /**
     * Counts a connection, unless its client has as many as it may have. If counting fails, the error is logged, and
     * {@link ConnectionLimits#onError()} decides.
     *
     * @param channel the connection
     * @param peer its remote address, or {@code null} if it could not be told, which is an error
     * @return whether the connection may go on; if not, the caller has to end it, and need not release it
     */
    public boolean admit(C channel, InetAddress peer) {
        ConnectionPermit permit = null;
        try {
            permit = limiter.acquireOrNull(peer);
            if (permit == null) {
                return false;
            }
            ConnectionPermit present = permits.putIfAbsent(channel, permit);
            if (present != null) {
                // Already counted: a second permit would never be given back.
                permit.close();
            }
            return true;
        } catch (Throwable error) {
            if (permit != null) {
                permit.close();
            }
            report("counting a connection failed; onError=" + limiter.limits().onError() + " decides", error);
            return limiter.limits().onError() == ErrorPolicy.ADMIT;
        }
    }

    /**
     * Gives back the permit of a connection that has ended. Does nothing for one that has none (any more).
     *
     * @return whether this call gave it back
     */
    public boolean release(C channel) {
        try {
            ConnectionPermit permit = permits.remove(channel);
            if (permit == null) {
                return false;
            }
            permit.close();
            return true;
        } catch (Throwable error) {
            report("giving back a permit failed", error);
            return false;
        }
    }

    /**
     * Gives back the permits of connections that are open no longer but were never released, for an adapter to call
     * now and then: no server reports every end.
     *
     * @param open tells whether a connection is still open, without blocking
     * @return how many permits were given back
     */
    public int releaseClosed(Predicate<? super C> open) {
        return releaseAllBut(open);
    }

    /**
     * Gives back all permits, for an adapter to call when its server has stopped.
     *
     * @return how many permits were given back
     */
    public int releaseAll() {
        return releaseAllBut(channel -> false);
    }

    private int releaseAllBut(Predicate<? super C> keep) {
        int released = 0;
        for (Map.Entry<C, ConnectionPermit> entry : permits.entrySet()) {
            try {
                // By key and value: the entry may have been replaced by now.
                if (!keep.test(entry.getKey()) && permits.remove(entry.getKey(), entry.getValue())) {
                    entry.getValue().close();
                    released++;
                }
            } catch (Throwable error) {
                report("sweeping a connection failed", error);
            }
        }
        return released;
    }

    /**
     * Asks for a place for a refused connection that is to be told why, off the accept thread; see
     * {@link Refusal#RESPOND}.
     *
     * @param peer its remote address
     * @return the place, to be closed when the connection is closed; empty if too many connections are being told
     *     already, and this one is to be reset
     */
    public Optional<RefusalBudget.Place> tryRespond(InetAddress peer) {
        try {
            return limiter.refusalBudget().tryTake(limiter.limits().clientOf(peer));
        } catch (Throwable error) {
            report("taking a place for a refused connection failed", error);
            return Optional.empty();
        }
    }

    /** How many connections hold a permit of this gate. */
    public long openConnections() {
        return permits.mappingCount();
    }

    /**
     * Logs an error of an adapter's own, or of what it called for the user, at most once every ten seconds.
     *
     * @param what what failed
     * @param error why
     */
    public void report(String what, Throwable error) {
        limiter.errors().report(what, error);
    }
}
