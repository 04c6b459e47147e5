package io.github.connlimit.tomcat;

import io.github.connlimit.ConnectionGate;
import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionPermit;
import io.github.connlimit.ConnectionPhase;
import io.github.connlimit.ErrorPolicy;
import io.github.connlimit.RefusalHandler;
import io.github.connlimit.Rejection;
import io.github.connlimit.ServerSupport;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channel;
import java.nio.channels.NetworkChannel;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.Predicate;

/**
 * The connections of one endpoint, NIO or NIO2, from accept to close: admits or refuses each, and gives its permit back at
 * its end. A connection is known by its channel, never by Tomcat's objects round it, which Tomcat uses again. This class is
 * thread-safe, and what the endpoint calls never throws.
 *
 * @param <U> the channel of a connection
 */
final class LimitedConnections<U extends NetworkChannel> {

    private static final long MAX_SWEEP_MILLIS = 1000;
    private static final long MIN_LOOK_MILLIS = 10;
    private static final long SWEEP_CLOSED_NANOS = TimeUnit.SECONDS.toNanos(10);

    private final Transport<U> transport;
    private final Refusals<U> refusals;
    private final LimiterGates<U> gates;
    private final OpenChannels<U> open;
    private final ConnectionGate.Channels<U> channels = new GateChannels();

    /** What to do with a request of those connections whose first header is awaited, in HTTP/2. */
    private final Map<U, Runnable> inFirstHeader = new ConcurrentHashMap<>();

    /** By the clock of the limiter. Used by the one thread that sweeps, once there is a limiter. */
    private volatile long sweptNanos;

    private long lookedNanos;

    LimitedConnections(Transport<U> transport, LingeringClose<U> lingering) {
        this.transport = transport;
        refusals = new Refusals<>(transport, lingering);
        gates = new LimiterGates<>(transport);
        open = new OpenChannels<>(transport);
    }

    Transport<U> transport() {
        return transport;
    }

    void refusalHandler(RefusalHandler<? super U> handler) {
        refusals.handler(handler);
    }

    /** Counts by this limiter from now on, also what is open already. */
    void use(ConnectionLimiter limiter) {
        sweptNanos = limiter.ticker().read();
        gates.use(limiter);
    }

    /** Warns of what is asked for and not done, now and after each change. */
    void warn(System.Logger logger, Map<ServerSupport.Feature, String> lacking) {
        gates.present().warn(ServerSupport.TOMCAT, logger, Set.of(), lacking);
    }

    /**
     * Counts a connection that was just accepted. If its client is at its limit, ends the connection, or has it answered
     * after the TLS handshake.
     *
     * @return whether the endpoint may go on with it; if not, it must not touch it any more
     */
    boolean admit(U channel) {
        ConnectionGate<U> gate = gates.present();
        try {
            SocketAddress remote = remoteAddress(channel, gate);
            if (remote instanceof UnixDomainSocketAddress) {
                // No address to count by, and nobody comes from afar this way.
                return true;
            }
            InetAddress peer = remote == null ? null : ((InetSocketAddress) remote).getAddress();
            Rejection rejection = peer == null ? ofUnknown(gate) : gate.tryAdmit(channel, peer, firstPhase());
            if (rejection != null) {
                return refusals.refuse(channel, peer, rejection, gate);
            }
            if (peer != null) {
                open.add(remote, channel);
            }
            gates.countedBy(gate);
            return true;
        } catch (Throwable error) {
            // Nothing above throws unless memory has run out.
            transport.destroy(channel);
            return false;
        }
    }

    private static Rejection ofUnknown(ConnectionGate<?> gate) {
        return gate.limiter().limits().onError() == ErrorPolicy.ADMIT ? null : Rejection.SERVER_LIMIT;
    }

    /** What every connection has to do first. */
    ConnectionPhase firstPhase() {
        return transport.isSecure() ? ConnectionPhase.HANDSHAKE : ConnectionPhase.FIRST_BYTE;
    }

    private SocketAddress remoteAddress(U channel, ConnectionGate<U> gate) {
        try {
            SocketAddress remote = transport.remoteAddress(channel);
            if (remote == null) {
                throw new IOException("the socket is not connected");
            }
            return remote;
        } catch (Throwable error) {
            gate.report("reading the remote address of a connection failed, onError decides", error);
            return null;
        }
    }

    /**
     * How a connection is refused that was let in for that; costs next to nothing as long as there are none.
     *
     * @return {@code null} if it is not refused
     */
    <S> TlsRefusal refusal(S socket, Function<S, U> channelOf) {
        if (refusals.overTls().isEmpty()) {
            return null;
        }
        U channel = channelOf.apply(socket);
        return channel == null ? null : refusals.overTls().get(channel);
    }

    void handshakeCompleted(U channel) {
        gates.tell(channel, ConnectionGate::handshakeCompleted);
    }

    void established(U channel) {
        gates.tell(channel, ConnectionGate::established);
    }

    boolean hasHeaderTimeout() {
        return !gates.present().limiter().limits().headerTimeout().isZero();
    }

    void headerBegun(U channel) {
        gates.tell(channel, ConnectionGate::headerBegun);
    }

    /** As {@link #headerBegun}, for a connection that tells by a request that its header is complete. */
    void firstHeaderBegun(U channel, Runnable completed) {
        inFirstHeader.put(channel, completed);
        headerBegun(channel);
    }

    boolean awaitsRequests() {
        return !inFirstHeader.isEmpty();
    }

    /** To be called when a request of this connection is served. */
    void requestCame(ConnectionEnds ends) {
        open.find(ends).map(inFirstHeader::remove).ifPresent(Runnable::run);
    }

    /** The permit of an open connection. */
    Optional<ConnectionPermit> permit(ConnectionEnds ends) {
        return open.find(ends).flatMap(gates::permit);
    }

    /** Runs the action when a connection has ended; at once if it has. */
    void whenClosed(ConnectionEnds ends, Runnable action) {
        open.whenClosed(ends, action, channel -> gates.permit(channel).isPresent());
    }

    /** Gives back the permit of a connection that has ended. Every call but the first does nothing. */
    void release(U channel) {
        if (channel == null) {
            return;
        }
        open.forget(channel);
        inFirstHeader.remove(channel);
        gates.tell(channel, ConnectionGate::release);
        refusals.overTls().release(channel);
        open.runWhenClosed(channel);
    }

    /**
     * Closes what is past its deadline, and finds, now and then, what Tomcat did not report the end of. Never throws.
     *
     * @return after how many milliseconds to call this again
     */
    long sweep() {
        ConnectionGate<U> gate = gates.present();
        if (gate == null) {
            return MAX_SWEEP_MILLIS;
        }
        try {
            long next = Math.min(gates.sweep(channels), lookForRecords(gate));
            long now = gate.limiter().ticker().read();
            if (now - sweptNanos >= SWEEP_CLOSED_NANOS) {
                sweptNanos = now;
                forgetClosed();
            }
            return next;
        } catch (Throwable error) {
            gate.report("sweeping the connections failed", error);
            return MAX_SWEEP_MILLIS;
        }
    }

    /** @return after how many milliseconds to look again */
    private long lookForRecords(ConnectionGate<U> gate) {
        long timeout = gate.limiter().limits().headerTimeout().toMillis();
        if (timeout == 0 || !transport.isSecure() || !transport.hidesRecords()) {
            return MAX_SWEEP_MILLIS;
        }
        long period = Math.max(MIN_LOOK_MILLIS, Math.min(MAX_SWEEP_MILLIS, timeout / 4));
        long now = gate.limiter().ticker().read();
        if (now - lookedNanos >= TimeUnit.MILLISECONDS.toNanos(period)) {
            lookedNanos = now;
            transport.lookForRecords();
        }
        return period;
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

    private void releaseAllBut(Predicate<U> isOpen) {
        ConnectionGate<U> gate = gates.present();
        if (gate == null) {
            return;
        }
        try {
            gates.releaseClosed(isOpen);
            forgetClosed();
        } catch (Throwable error) {
            gate.report("sweeping the connections failed", error);
        }
    }

    private void forgetClosed() {
        refusals.overTls().releaseClosed();
        open.forgetClosed();
        inFirstHeader.keySet().removeIf(channel -> !channel.isOpen());
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
        gates.present().report(what, error);
    }

    void releaseAll() {
        gates.releaseAll();
        refusals.overTls().releaseAll();
        open.forgetAll();
        inFirstHeader.clear();
    }

    boolean isEmpty() {
        return gates.isEmpty() && open.isEmpty() && refusals.overTls().isEmpty();
    }

    void start() {
        refusals.start();
        gates.startHolding();
    }

    void stop() {
        refusals.stop();
        gates.stopHolding();
        releaseClosed();
    }
}
