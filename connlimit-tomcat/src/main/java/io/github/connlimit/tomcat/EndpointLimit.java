package io.github.connlimit.tomcat;

import io.github.connlimit.ConnectionPhase;
import java.nio.channels.NetworkChannel;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import org.apache.tomcat.util.net.AbstractEndpoint;
import org.apache.tomcat.util.net.AbstractEndpoint.Handler;
import org.apache.tomcat.util.net.SocketEvent;
import org.apache.tomcat.util.net.SocketWrapperBase;

/**
 * What a limited endpoint does, NIO or NIO2. Tomcat wants a subclass of each of its two endpoints; they override what
 * connlimit has to hear of and pass it on to this class, which asks back for what only a subclass can reach. This class is
 * thread-safe.
 *
 * @param <S> Tomcat's channel
 * @param <U> the channel of a connection
 */
abstract class EndpointLimit<S, U extends NetworkChannel> implements Transport<U> {

    private final AbstractEndpoint<S, U> endpoint;
    private final LimitedConnections<U> connections;

    /** How many threads have offered a channel that Tomcat may not have taken yet. */
    private final AtomicInteger accepting = new AtomicInteger();

    /** {@code null} without a Connector. */
    private volatile ScheduledExecutorService lastUtilityExecutor;

    EndpointLimit(AbstractEndpoint<S, U> endpoint, Function<Transport<U>, LingeringClose<U>> lingering) {
        this.endpoint = endpoint;
        connections = new LimitedConnections<>(this, lingering.apply(this));
    }

    /** What Tomcat does with an accepted connection. */
    abstract boolean takeOver(U socket);

    /** Closes a socket as Tomcat does after an error. */
    abstract void closeSocket(U socket);

    /** The wrapper of a connection that Tomcat has taken over, or {@code null}. */
    abstract SocketWrapperBase<S> wrapper(U socket);

    abstract U channelOf(S channel);

    /**
     * Fills the pool that Tomcat 10.1 takes its channels from with tracked ones.
     *
     * @param accepting how many threads may be about to take one
     */
    abstract void offerChannels(int accepting);

    final LimitedConnections<U> connections() {
        return connections;
    }

    final Handler<S> limited(Handler<S> handler) {
        return new LimitedHandler<>(handler, connections, this::channelOf);
    }

    /** A connector that has stopped takes its executor away; Tomcat would then make one that nobody shuts down. */
    final void utilityExecutor(ScheduledExecutorService executor) {
        if (executor != null) {
            lastUtilityExecutor = executor;
        }
    }

    /** For the {@code setSocketOptions} of the endpoint. */
    final boolean accept(U socket) {
        // Before Tomcat has it: it may be processed, and even closed, inside the call.
        if (!connections.admit(socket)) {
            return false;
        }
        boolean accepted;
        try {
            offerChannels(accepting.incrementAndGet());
            accepted = takeOver(socket);
        } catch (Throwable error) {
            // Tomcat would leave it at that. The virtual machine is in trouble, or there is no channel.
            closeSocket(socket);
            if (socket.isOpen()) {
                destroy(socket);
            }
            if (error instanceof Error) {
                throw error;
            }
            connections.report("taking over a connection failed", error);
            return false;
        } finally {
            accepting.decrementAndGet();
        }
        if (!accepted && wrapper(socket) == null) {
            connections.release(socket);
        }
        return accepted;
    }

    @Override
    public final boolean isSecure() {
        return endpoint.isSSLEnabled();
    }

    @Override
    public final ConnectionPhase phase(U channel) {
        Progress<?> progress = Progress.of(wrapper(channel));
        return progress == null ? null : progress.phase();
    }

    @Override
    public final boolean closeExpired(U channel) {
        SocketWrapperBase<S> wrapper = wrapper(channel);
        Progress<?> progress = Progress.of(wrapper);
        if (progress == null) {
            // A channel that Tomcat has made itself: nobody can tell how far its connection has come, so it is late.
            boolean untracked = wrapper != null && !wrapper.isClosed();
            if (untracked) {
                close(wrapper);
            }
            return untracked;
        }
        boolean waiting = LimitedHandler.isInHeader(wrapper) || progress.isIdle() && LimitedHandler.isInRecord(wrapper);
        if (!progress.expire(channel, waiting)) {
            return false;
        }
        close(wrapper);
        return true;
    }

    @Override
    public final void lookForRecords() {
        if (!endpoint.isSSLEnabled()) {
            return;
        }
        for (SocketWrapperBase<S> wrapper : endpoint.getConnections()) {
            if (wrapper.getSocket() instanceof TrackedChannel tracked) {
                tracked.progress().lookForRecord(tracked);
            }
        }
    }

    @Override
    public final void close(U channel) {
        close(wrapper(channel));
    }

    private void close(SocketWrapperBase<S> wrapper) {
        // As Tomcat's own time-outs do it, safely with regard to a thread that is processing the connection.
        if (wrapper != null && !endpoint.processSocket(wrapper, SocketEvent.ERROR, true)) {
            wrapper.close();
        }
    }

    @Override
    public final ScheduledExecutorService executor() {
        ScheduledExecutorService last = lastUtilityExecutor;
        return last == null ? endpoint.getUtilityExecutor() : last;
    }
}
