package io.github.connlimit.tomcat;

import io.github.connlimit.ConnectionGate;
import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.ConnectionPermit;
import io.github.connlimit.ConnectionPhase;
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
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;
import java.util.function.Function;
import java.util.function.Predicate;

/**
 * The connections of one endpoint, NIO or NIO2: admits them, refuses them, and gives their permits back. Connections are
 * told apart by their channel, never by Tomcat's objects round it, which are reused. This class is thread-safe, and
 * what the endpoint calls never throws.
 *
 * @param <U> the channel of a connection
 */
final class LimitedConnections<U extends NetworkChannel> {

    private static final long MAX_SWEEP_MILLIS = 1000;
    private static final long SWEEP_CLOSED_NANOS = TimeUnit.SECONDS.toNanos(10);

    private final Transport<U> transport;
    private final LingeringClose<U> lingering;
    private final TlsRefusals<U> tlsRefusals;
    private final ConnectionGate.Channels<U> channels = new GateChannels();
    private volatile RefusalHandler<? super U> refusalHandler;

    /** The counted connections by their remote address. */
    private final Map<SocketAddress, U> byRemote = new ConcurrentHashMap<>();

    /** What to do at the end of some connections. Almost always empty. */
    private final Map<U, Runnable> whenClosed = new ConcurrentHashMap<>();

    /** Counts new connections. {@code null} until the first start, before which nothing is accepted. */
    private volatile ConnectionGate<U> gate;

    /**
     * Gates of limiters that were replaced, for as long as they have connections that the present one could not count
     * yet. Almost always empty.
     */
    private final List<ConnectionGate<U>> former = new CopyOnWriteArrayList<>();

    /** Used by the one thread that sweeps. */
    private long sweptNanos = System.nanoTime();

    LimitedConnections(Transport<U> transport, LingeringClose<U> lingering) {
        this.transport = transport;
        this.lingering = lingering;
        this.tlsRefusals = new TlsRefusals<>(transport);
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
     * Counts a connection that was just accepted; if its client is at its limit, ends it, or has it answered after the
     * TLS handshake.
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
            if (peer == null
                    ? used.limiter().limits().onError() != ErrorPolicy.ADMIT
                    : !used.admit(channel, peer, firstPhase())) {
                return refuse(channel, peer, used);
            }
            if (peer != null) {
                byRemote.put(remote, channel);
            }
            if (used != gate) {
                // Replaced in between: whoever replaced it may have looked at this gate too early to see the channel.
                carryOver(used);
            }
            return true;
        } catch (Throwable error) {
            // Nothing above throws unless memory has run out.
            transport.destroy(channel);
            return false;
        }
    }

    /** What every connection has to do first. */
    ConnectionPhase firstPhase() {
        return transport.isSecure() ? ConnectionPhase.HANDSHAKE : ConnectionPhase.FIRST_BYTE;
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

    /** @return whether the endpoint may go on with it, for it to be answered later */
    private boolean refuse(U channel, InetAddress peer, ConnectionGate<U> used) {
        try {
            RefusalHandler<? super U> handler = refusalHandler;
            Refusal how = used.limiter().limits().refuse();
            if (handler != null && peer != null) {
                handler.refuse(channel, peer);
            } else if (how == Refusal.RESPOND && peer != null) {
                Optional<RefusalBudget.Place> place = used.tryRespond(peer, transport.isSecure());
                if (place.isPresent()) {
                    return respond(channel, place.get(), used);
                }
                transport.resetOnClose(channel);
            } else if (how != Refusal.CLOSE) {
                transport.resetOnClose(channel);
            }
        } catch (RejectedExecutionException serverStopped) {
            // Nobody is answered any more.
        } catch (Throwable error) {
            used.report("refusing a connection failed", error);
        }
        transport.destroy(channel);
        return false;
    }

    private boolean respond(U channel, RefusalBudget.Place place, ConnectionGate<U> used) {
        if (transport.isSecure()) {
            tlsRefusals.begin(channel, place, used);
            return true;
        }
        lingering.respond(channel, place, used);
        return false;
    }

    /**
     * How a connection is refused that was let in for that; costs next to nothing as long as there are none.
     *
     * @return {@code null} if it is not refused
     */
    <S> TlsRefusal refusal(S socket, Function<S, U> channelOf) {
        if (tlsRefusals.isEmpty()) {
            return null;
        }
        U channel = channelOf.apply(socket);
        return channel == null ? null : tlsRefusals.get(channel);
    }

    void handshakeCompleted(U channel) {
        tell(channel, ConnectionGate::handshakeCompleted);
    }

    void established(U channel) {
        tell(channel, ConnectionGate::established);
    }

    /** The permit of an open connection, by its remote address. */
    Optional<ConnectionPermit> permit(SocketAddress remote) {
        U channel = byRemote.get(remote);
        if (channel == null) {
            return Optional.empty();
        }
        for (ConnectionGate<U> one : former) {
            Optional<ConnectionPermit> permit = one.permit(channel);
            if (permit.isPresent()) {
                return permit;
            }
        }
        return gate.permit(channel);
    }

    /** Runs the action when the connection with this remote address has ended; at once if it has. */
    void whenClosed(SocketAddress remote, Runnable action) {
        U channel = byRemote.get(remote);
        if (channel == null) {
            action.run();
            return;
        }
        Runnable before = whenClosed.put(channel, action);
        if (before != null) {
            before.run();
        }
        // Released in between, perhaps.
        if (permit(remote).isEmpty()) {
            runWhenClosed(channel);
        }
    }

    private void runWhenClosed(U channel) {
        if (!whenClosed.isEmpty()) {
            Runnable action = whenClosed.remove(channel);
            if (action != null) {
                action.run();
            }
        }
    }

    /** Gives the permit of a connection that has ended back; does nothing if that has been done. */
    void release(U channel) {
        if (channel == null) {
            return;
        }
        try {
            SocketAddress remote = transport.remoteAddress(channel);
            if (remote != null) {
                byRemote.remove(remote, channel);
            }
        } catch (IOException closed) {
            // The sweep will find it.
        }
        tell(channel, ConnectionGate::release);
        tlsRefusals.release(channel);
        runWhenClosed(channel);
    }

    /** Tells every gate that may know the connection. */
    private void tell(U channel, BiConsumer<ConnectionGate<U>, U> event) {
        ConnectionGate<U> present;
        do {
            present = gate;
            // Read after the present one, so that none is missed, and asked before it: a connection that is just being
            // carried over is then found here, there, or in both.
            for (ConnectionGate<U> one : former) {
                event.accept(one, channel);
            }
            if (present != null) {
                event.accept(present, channel);
            }
        } while (present != gate);
    }

    /**
     * Does all that is due. Never throws.
     *
     * @return after how many milliseconds to call it again
     */
    long sweep() {
        ConnectionGate<U> present = gate;
        if (present == null) {
            return MAX_SWEEP_MILLIS;
        }
        try {
            long next = present.sweep(channels);
            for (ConnectionGate<U> one : former) {
                next = Math.min(next, one.sweep(channels));
                carryOver(one);
            }
            long now = System.nanoTime();
            if (now - sweptNanos >= SWEEP_CLOSED_NANOS) {
                sweptNanos = now;
                forgetClosed();
            }
            return next;
        } catch (Throwable error) {
            present.report("sweeping the connections failed", error);
            return MAX_SWEEP_MILLIS;
        }
    }

    /** Gives back what Tomcat did not report the end of, at once. Never throws. */
    void releaseClosed() {
        releaseAllBut(Channel::isOpen);
    }

    /** Closes what a stopped endpoint has left open, and gives it back. Never throws. */
    void closeForgotten() {
        releaseAllBut(channel -> {
            try {
                channel.close();
            } catch (IOException error) {
                report("closing a connection that Tomcat had left open failed", error);
            }
            return channel.isOpen();
        });
    }

    private void releaseAllBut(Predicate<U> open) {
        ConnectionGate<U> present = gate;
        if (present == null) {
            return;
        }
        try {
            for (ConnectionGate<U> one : former) {
                one.releaseClosed(open);
                carryOver(one);
            }
            present.releaseClosed(open);
            forgetClosed();
        } catch (Throwable error) {
            present.report("sweeping the connections failed", error);
        }
    }

    private void forgetClosed() {
        byRemote.values().removeIf(channel -> !channel.isOpen());
        tlsRefusals.releaseClosed();
        for (U channel : whenClosed.keySet()) {
            if (!channel.isOpen()) {
                runWhenClosed(channel);
            }
        }
    }

    private final class GateChannels implements ConnectionGate.Channels<U> {

        @Override
        public boolean isOpen(U channel) {
            return channel.isOpen();
        }

        @Override
        public boolean closeExpired(U channel, ConnectionPhase phase) {
            return transport.closeExpired(channel);
        }
    }

    /** Logs an error of the endpoint's. */
    void report(String what, Throwable error) {
        gate.report(what, error);
    }

    void releaseAll() {
        former.forEach(ConnectionGate::releaseAll);
        ConnectionGate<U> present = gate;
        if (present != null) {
            present.releaseAll();
        }
        byRemote.clear();
        tlsRefusals.releaseAll();
        whenClosed.keySet().forEach(this::runWhenClosed);
    }

    boolean isEmpty() {
        ConnectionGate<U> present = gate;
        return former.isEmpty()
                && byRemote.isEmpty()
                && whenClosed.isEmpty()
                && tlsRefusals.isEmpty()
                && (present == null || present.openConnections() == 0);
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
            if (limit != 0 && to.limiter().openConnections(peer) >= limit) {
                return false;
            }
            ConnectionPhase phase = transport.phase(channel);
            return phase == null ? to.admit(channel, peer) : to.admit(channel, peer, phase);
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
        releaseClosed();
    }
}
