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
    private final ConcurrentHashMap<C, ConnectionPermit> permits;

    /**
     * Makes a gate without connections.
     *
     * @param limiter counts for this gate, and perhaps for others too
     */
    public ConnectionGate(ConnectionLimiter limiter) {
        this(limiter, new ConcurrentHashMap<>());
    }

    ConnectionGate(ConnectionLimiter limiter, ConcurrentHashMap<C, ConnectionPermit> permits) {
        this.limiter = Objects.requireNonNull(limiter, "limiter");
        this.permits = permits;
    }

    /** The limiter that counts for this gate. */
    public ConnectionLimiter limiter() {
        return limiter;
    }

    /**
     * Counts a connection, unless its client has as many as it may have, or this gate has counted it already. If
     * counting fails, the error is logged, and {@link ConnectionLimits#onError()} decides.
     *
     * @param channel the connection
     * @param peer its remote address, or {@code null} if it could not be told, which is an error
     * @return whether the connection may go on; if not, the caller has to end it, and need not release it
     */
    public boolean admit(C channel, InetAddress peer) {
        ConnectionPermit permit = null;
        try {
            if (permits.containsKey(channel)) {
                return true;
            }
            permit = limiter.tryAcquire(peer).orElse(null);
            if (permit == null) {
                return false;
            }
            if (permits.putIfAbsent(channel, permit) != null) {
                // Counted by another thread in between: a second permit would never be given back.
                permit.close();
            }
            return true;
        } catch (Throwable error) {
            if (permit != null) {
                release(channel, permit);
                permit.close();
            }
            report("counting a connection failed, onError decides", error);
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
            ConnectionPermit permit = permits.get(channel);
            return permit != null && release(channel, permit);
        } catch (Throwable error) {
            report("giving back a permit failed", error);
            return false;
        }
    }

    private boolean release(C channel, ConnectionPermit permit) {
        try {
            // By key and value: the entry may have been replaced by now.
            if (!permits.remove(channel, permit)) {
                return false;
            }
        } catch (Throwable error) {
            // Out of memory, perhaps after the removal: whatever is left of the entry, the connection has ended.
            report("forgetting a connection failed", error);
        }
        permit.close();
        return true;
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
        try {
            for (Map.Entry<C, ConnectionPermit> entry : permits.entrySet()) {
                if (releaseUnless(keep, entry.getKey(), entry.getValue())) {
                    released++;
                }
            }
        } catch (Throwable error) {
            report("sweeping the connections failed", error);
        }
        return released;
    }

    private boolean releaseUnless(Predicate<? super C> keep, C channel, ConnectionPermit permit) {
        try {
            return !keep.test(channel) && release(channel, permit);
        } catch (Throwable error) {
            report("sweeping a connection failed", error);
            return false;
        }
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
     * @param error why, or {@code null} if {@code what} says it all
     */
    public void report(String what, Throwable error) {
        limiter.errors().report(what, error);
    }
}
