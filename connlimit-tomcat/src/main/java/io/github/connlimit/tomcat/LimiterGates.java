package io.github.connlimit.tomcat;

import io.github.connlimit.ConnectionGate;
import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.ConnectionPermit;
import io.github.connlimit.ConnectionPhase;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.channels.NetworkChannel;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.BiConsumer;
import java.util.function.Predicate;

/**
 * The gates that count the connections of an endpoint: that of its limiter, and those of limiters that were replaced, for
 * as long as they have connections that the present one could not count yet. This class is thread-safe.
 *
 * @param <U> the channel of a connection
 */
final class LimiterGates<U extends NetworkChannel> {

    private final Transport<U> transport;

    /** Counts new connections. {@code null} until the first start, before which nothing is accepted. */
    private volatile ConnectionGate<U> present;

    /** Almost always empty. */
    private final List<ConnectionGate<U>> former = new CopyOnWriteArrayList<>();

    LimiterGates(Transport<U> transport) {
        this.transport = transport;
    }

    /** The gate of the present limiter, or {@code null} before the first start. */
    ConnectionGate<U> present() {
        return present;
    }

    /** Counts by this limiter from now on, also what is open already. */
    synchronized void use(ConnectionLimiter limiter) {
        ConnectionGate<U> before = present;
        if (before == null || before.limiter() != limiter) {
            ConnectionGate<U> after = new ConnectionGate<>(limiter);
            if (before == null) {
                present = after;
            } else {
                // In this order: see countedBy and tell.
                former.add(before);
                present = after;
                before.stopHolding();
                carryOver(before);
            }
        }
    }

    /** To be called after a gate has admitted a connection. */
    void countedBy(ConnectionGate<U> used) {
        if (used != present) {
            // Replaced in between: whoever replaced it may have looked at this gate too early to see the channel.
            carryOver(used);
        }
    }

    /** Tells every gate that may know the connection. */
    void tell(U channel, BiConsumer<ConnectionGate<U>, U> event) {
        ConnectionGate<U> now;
        do {
            now = present;
            // Read after the present one, so that none is missed, and asked before it: a connection that is just being
            // carried over is then found here, there, or in both.
            for (ConnectionGate<U> one : former) {
                event.accept(one, channel);
            }
            if (now != null) {
                event.accept(now, channel);
            }
        } while (now != present);
    }

    Optional<ConnectionPermit> permit(U channel) {
        for (ConnectionGate<U> one : former) {
            Optional<ConnectionPermit> permit = one.permit(channel);
            if (permit.isPresent()) {
                return permit;
            }
        }
        return present.permit(channel);
    }

    /**
     * Closes what is past its deadline.
     *
     * @return after how many milliseconds to call this again
     */
    long sweep(ConnectionGate.Channels<U> channels) {
        long next = present.sweep(channels);
        for (ConnectionGate<U> one : former) {
            next = Math.min(next, one.sweep(channels));
            carryOver(one);
        }
        return next;
    }

    /** Gives back the permits of all connections but those that are open. */
    void releaseClosed(Predicate<U> open) {
        for (ConnectionGate<U> one : former) {
            one.releaseClosed(open);
            carryOver(one);
        }
        present.releaseClosed(open);
    }

    void startHolding() {
        present.startHolding();
    }

    /** Ends all refused connections that are held, and holds none until {@link #startHolding}. */
    void stopHolding() {
        former.forEach(ConnectionGate::stopHolding);
        ConnectionGate<U> now = present;
        if (now != null) {
            now.stopHolding();
        }
    }

    void releaseAll() {
        former.forEach(ConnectionGate::releaseAll);
        ConnectionGate<U> now = present;
        if (now != null) {
            now.releaseAll();
        }
    }

    boolean isEmpty() {
        ConnectionGate<U> now = present;
        return former.isEmpty() && (now == null || now.openConnections() == 0);
    }

    /**
     * Lets the present limiter count the connections of a replaced one. Those of a client that has reached the present
     * limit stay where they are until there is room, or until they are closed. No connection is closed for this.
     */
    private synchronized void carryOver(ConnectionGate<U> from) {
        if (!former.contains(from)) {
            former.add(from);
        }
        ConnectionGate<U> to = present;
        from.releaseClosed(channel -> {
            if (hasRoomFor(channel, to) && !from.release(channel)) {
                // Ended in between: whoever released it may have looked at the new gate too early.
                to.release(channel);
            }
            return true;
        });
        if (from.openConnections() == 0) {
            former.remove(from);
        }
    }

    /** Admits the channel, if that can be done without a refusal that nobody would see. */
    private boolean hasRoomFor(U channel, ConnectionGate<U> to) {
        try {
            InetAddress peer = ((InetSocketAddress) transport.remoteAddress(channel)).getAddress();
            ConnectionLimits limits = to.limiter().limits();
            int limit = limits.limitFor(peer);
            if (limit != 0 && to.limiter().openConnections(peer) >= limit) {
                return false;
            }
            ConnectionPhase phase = transport.phase(channel);
            if (phase != null && phase != ConnectionPhase.HEADER) {
                return to.admit(channel, peer, phase);
            }
            // One that is established is none that has just been opened: like a request, it has no rate.
            boolean admitted = to.admitRequest(channel, peer);
            if (admitted && phase == ConnectionPhase.HEADER) {
                to.headerBegun(channel);
            }
            return admitted;
        } catch (IOException | RuntimeException closed) {
            // Its release or the next sweep will find it.
            return false;
        }
    }
}
