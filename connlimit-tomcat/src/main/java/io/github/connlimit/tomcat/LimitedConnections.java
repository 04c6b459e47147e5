package io.github.connlimit.tomcat;

import io.github.connlimit.ConnectionGate;
import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.ErrorPolicy;
import io.github.connlimit.Refusal;
import io.github.connlimit.RefusalBudget;
import io.github.connlimit.RefusalHandler;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channel;
import java.nio.channels.NetworkChannel;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;

/**
 * The connections of one endpoint, NIO or NIO2: admits them, refuses them, and gives their permits back. Connections are
 * told apart by their channel, never by Tomcat's objects round it, which are reused. This class is thread-safe, and
 * what the endpoint calls never throws.
 *
 * @param <U> the channel of a connection
 */
final class LimitedConnections<U extends NetworkChannel> {

    private final Transport<U> transport;
    private final LingeringClose<U> lingering;
    private volatile RefusalHandler<? super U> refusalHandler;

    /** Counts new connections. {@code null} until the first start, before which nothing is accepted. */
    private volatile ConnectionGate<U> gate;

    /**
     * Gates of limiters that were replaced, for as long as they have connections that the present one could not count
     * yet. Almost always empty.
     */
    private final List<ConnectionGate<U>> former = new CopyOnWriteArrayList<>();

    LimitedConnections(Transport<U> transport, LingeringClose<U> lingering) {
        this.transport = transport;
        this.lingering = lingering;
    }

    Transport<U> transport() {
        return transport;
    }

    void refusalHandler(RefusalHandler<? super U> handler) {
        refusalHandler = handler;
    }

    /** Counts by this limiter from now on, also what is open already. */
    synchronized void use(ConnectionLimiter limiter) {
        ConnectionGate<U> before = gate;
        if (before == null || before.limiter() != limiter) {
            ConnectionGate<U> after = new ConnectionGate<>(limiter);
            if (before == null) {
                gate = after;
            } else {
                // In this order: see admit and release.
                former.add(before);
                gate = after;
                carryOver(before);
            }
        }
    }

    /**
     * Counts a connection that was just accepted; if its client is at its limit, ends it.
     *
     * @return whether the endpoint may go on with it; if not, it must not touch it any more
     */
    boolean admit(U channel) {
        ConnectionGate<U> used = gate;
        try {
            SocketAddress remote = remoteAddress(channel, used);
            if (remote instanceof UnixDomainSocketAddress) {
                // No address to count by, and nobody comes from afar this way.
                return true;
            }
            InetAddress peer = remote == null ? null : ((InetSocketAddress) remote).getAddress();
            if (peer == null ? used.limiter().limits().onError() == ErrorPolicy.ADMIT : used.admit(channel, peer)) {
                if (used != gate) {
                    // Replaced in between: whoever replaced it may have looked at this gate too early to see the
                    // channel.
                    carryOver(used);
                }
                return true;
            }
            refuse(channel, peer, used);
        } catch (Throwable error) {
            // Nothing above throws unless memory has run out.
            transport.destroy(channel);
        }
        return false;
    }

    private SocketAddress remoteAddress(U channel, ConnectionGate<U> used) {
        try {
            SocketAddress remote = transport.remoteAddress(channel);
            if (remote == null) {
                throw new IOException("the socket is not connected");
            }
            return remote;
        } catch (Throwable error) {
            used.report("reading the remote address of a connection failed, onError decides", error);
            return null;
        }
    }

    private void refuse(U channel, InetAddress peer, ConnectionGate<U> used) {
        try {
            RefusalHandler<? super U> handler = refusalHandler;
            Refusal how = used.limiter().limits().refuse();
            if (handler != null && peer != null) {
                handler.refuse(channel, peer);
            } else if (how == Refusal.RESPOND && peer != null && !transport.isSecure()) {
                Optional<RefusalBudget.Place> place = used.tryRespond(peer);
                if (place.isPresent()) {
                    lingering.respond(channel, place.get(), used);
                    return;
                }
                transport.resetOnClose(channel);
            } else if (how != Refusal.CLOSE) {
                transport.resetOnClose(channel);
            }
        } catch (Throwable error) {
            used.report("refusing a connection failed", error);
        }
        transport.destroy(channel);
    }

    /** Gives the permit of a connection that has ended back; does nothing if that has been done. */
    void release(U channel) {
        if (channel == null) {
            return;
        }
        ConnectionGate<U> present;
        do {
            present = gate;
            // Read after the present one, so that none is missed, and asked before it: a connection that is just being
            // carried over is then found here, there, or in both.
            for (ConnectionGate<U> one : former) {
                one.release(channel);
            }
            if (present != null) {
                present.release(channel);
            }
        } while (present != gate);
    }

    /** Gives back what Tomcat did not report the end of. Never throws, as an executor would not run it again then. */
    void sweep() {
        ConnectionGate<U> present = gate;
        if (present == null) {
            return;
        }
        try {
            for (ConnectionGate<U> one : former) {
                one.releaseClosed(Channel::isOpen);
                carryOver(one);
            }
            present.releaseClosed(Channel::isOpen);
        } catch (Throwable error) {
            present.report("sweeping the connections failed", error);
        }
    }

    void releaseAll() {
        former.forEach(ConnectionGate::releaseAll);
        ConnectionGate<U> present = gate;
        if (present != null) {
            present.releaseAll();
        }
    }

    boolean isEmpty() {
        ConnectionGate<U> present = gate;
        return former.isEmpty() && (present == null || present.openConnections() == 0);
    }

    /**
     * Lets the present limiter count the connections of a replaced one. Those of a client that has reached the present
     * limit stay where they are until there is room, or until they are closed: none is closed for this.
     */
    private synchronized void carryOver(ConnectionGate<U> from) {
        if (!former.contains(from)) {
            former.add(from);
        }
        ConnectionGate<U> to = gate;
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
            return (limit == 0 || to.limiter().openConnections(peer) < limit) && to.admit(channel, peer);
        } catch (IOException | RuntimeException closed) {
            // Its release or the next sweep will find it.
            return false;
        }
    }

    void start() {
        lingering.start();
    }

    void stop() {
        lingering.stop();
        sweep();
    }
}
