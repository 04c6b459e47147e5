package io.github.connlimit.netty;

import io.github.connlimit.ClusterMembership;
import io.github.connlimit.ConnectionGate;
import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.ConnectionPermit;
import io.github.connlimit.ConnectionPhase;
import io.github.connlimit.ErrorPolicy;
import io.github.connlimit.Refusal;
import io.github.connlimit.RefusalBudget;
import io.github.connlimit.RefusalHandler;
import io.netty.channel.Channel;
import io.netty.channel.ChannelException;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoop;
import io.netty.util.concurrent.FutureListener;
import io.netty.util.concurrent.GlobalEventExecutor;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * What one server channel accepts, from accept to close: admits or refuses each connection, and sweeps. This class is
 * thread-safe, and what Netty calls never throws.
 */
final class Acceptor implements ConnectionGate.Channels<Channel> {

    private static final int STOPPED_MILLIS = 100;

    private final ConnectionGate<Channel> gate;
    private final ConnectionPhase firstPhase;

    /** {@code null} for what the limits say. */
    private final RefusalHandler<? super Channel> refusalHandler;

    /** Of the server channel. */
    private final EventLoop loop;

    /** Refused connections that are answered by {@link #loop}, with the place that each has to give back. */
    private final Map<Channel, RefusalBudget.Place> answered = new ConcurrentHashMap<>();

    /** A loop that ends before the server channel was closed may lose the news of that. */
    private final FutureListener<Object> whenLoopEnds = ended -> stop();

    private final AtomicBoolean stopped = new AtomicBoolean();

    /** Set by {@link #start}. */
    private volatile ClusterMembership membership;

    Acceptor(
            ConnectionLimiter limiter,
            ConnectionPhase firstPhase,
            RefusalHandler<? super Channel> refusalHandler,
            EventLoop loop) {
        this.loop = loop;
        this.gate = new ConnectionGate<>(limiter);
        this.firstPhase = firstPhase;
        this.refusalHandler = refusalHandler;
    }

    Optional<ConnectionPermit> permit(Channel channel) {
        return gate.permit(channel);
    }

    /**
     * Sweeps from now on, until it is stopped and nothing is counted any more.
     *
     * @throws IllegalArgumentException if {@link ConnectionLimiter#joinCluster} throws it
     */
    void start() {
        membership = gate.limiter().joinCluster();
        loop.terminationFuture().addListener(whenLoopEnds);
        schedule(0);
    }

    private void schedule(long millis) {
        try {
            loop.schedule(this::sweep, millis, TimeUnit.MILLISECONDS);
        } catch (RejectedExecutionException shutDown) {
            // The event loop ends. Connections are released when they are closed, by their own.
            gate.stopHolding();
        }
    }

    private void sweep() {
        if (!stopped.get()) {
            schedule(gate.sweep(this));
        }
    }

    /** What was accepted counts until it is closed, and has its deadlines. */
    void stop() {
        if (stopped.compareAndSet(false, true)) {
            gate.stopHolding();
            if (membership != null) {
                membership.close();
            }
            sweepStopped(false);
        }
    }

    /**
     * Sweeps while anything is counted. Not by the loop that has accepted, which may end now, as that of a connection may:
     * then Netty loses tasks, and with them the news that a channel is closed, or even its registration.
     */
    private void sweepStopped(boolean again) {
        gate.sweep(this);
        gate.releaseClosed(channel -> {
            if (!isAbandoned(channel, again)) {
                // Closed or not: its loop tells when it is.
                return true;
            }
            closeAbandoned(channel);
            return false;
        });
        if (loop.isTerminated()) {
            answered.keySet().forEach(channel -> {
                closeAbandoned(channel);
                endAnswer(channel);
            });
        }
        if (gate.openConnections() > 0 || !answered.isEmpty()) {
            GlobalEventExecutor.INSTANCE.schedule(() -> sweepStopped(true), STOPPED_MILLIS, TimeUnit.MILLISECONDS);
        } else {
            loop.terminationFuture().removeListener(whenLoopEnds);
        }
    }

    /** Most are closed already: only the news of it was lost. */
    private static void closeAbandoned(Channel channel) {
        try {
            if (channel.isOpen()) {
                channel.unsafe().closeForcibly();
            }
        } catch (AssertionError notByItsLoop) {
            // Where assertions are on, Netty insists on the loop that has ended. Nobody uses the channel all the same.
        }
    }

    /**
     * {@return whether no event loop serves the channel any more}
     *
     * @param settled whether every channel that was accepted has been given to a loop by now
     */
    private static boolean isAbandoned(Channel channel, boolean settled) {
        try {
            return channel.eventLoop().isTerminated();
        } catch (IllegalStateException withoutLoop) {
            return settled;
        }
    }

    /**
     * Counts a connection, or refuses it and ends it or holds it.
     *
     * @return whether it may go on
     */
    boolean admit(Channel accepted) {
        boolean admitted = mayGoOn(accepted);
        if (!admitted) {
            refuse(accepted);
        }
        return admitted;
    }

    /**
     * Like {@link #admit}, for a connection that its event loop serves already, and by that loop.
     *
     * @return whether it may go on
     */
    boolean admitLate(Channel accepted) {
        boolean admitted = mayGoOn(accepted);
        if (!admitted) {
            end(accepted, peer(accepted));
        }
        return admitted;
    }

    private boolean mayGoOn(Channel accepted) {
        try {
            SocketAddress remote = accepted.remoteAddress();
            return remote != null && !(remote instanceof InetSocketAddress) || count(accepted, peer(accepted));
        } catch (Throwable error) {
            gate.release(accepted);
            gate.report("letting a connection in failed, onError decides", error);
            return gate.limiter().limits().onError() == ErrorPolicy.ADMIT;
        }
    }

    /** {@code null} if the client has left already, or has no IP address. */
    private static InetAddress peer(Channel accepted) {
        return accepted.remoteAddress() instanceof InetSocketAddress remote ? remote.getAddress() : null;
    }

    private boolean count(Channel accepted, InetAddress peer) {
        ConnectionLimits limits = gate.limiter().limits();
        boolean toProve =
                limits.maxPendingPerClient() > 0 || !limits.handshakeTimeout().isZero();
        if (!(toProve ? gate.admit(accepted, peer, firstPhase) : gate.admit(accepted, peer))) {
            return false;
        }
        accepted.attr(ConnectionLimitHandler.ACCEPTOR).set(this);
        accepted.closeFuture().addListener(closed -> gate.release(accepted));
        if (toProve) {
            accepted.pipeline().addFirst(new ProgressHandler(gate));
        }
        return true;
    }

    private void refuse(Channel refused) {
        try {
            InetAddress peer = peer(refused);
            Refusal how = gate.limiter().limits().refuse();
            if (refusalHandler != null && peer != null) {
                handOver(refused, peer);
                return;
            } else if (how == Refusal.TARPIT && peer != null && gate.tryHold(refused, peer, Acceptor::reset)) {
                return;
            } else if (how == Refusal.RESPOND && peer != null && answer(refused, peer)) {
                return;
            } else if (how != Refusal.CLOSE) {
                reset(refused);
            }
        } catch (Throwable error) {
            gate.report("refusing a connection failed", error);
        }
        // It does nothing to a channel that is closed.
        refused.unsafe().closeForcibly();
    }

    /** Has the connection answered by the loop that accepts, if that can be done before a handshake, and within budget. */
    private boolean answer(Channel refused, InetAddress peer) {
        RefusalBudget.Place place = firstPhase == ConnectionPhase.HANDSHAKE
                ? null
                : gate.tryRespond(peer, false).orElse(null);
        if (place == null) {
            return false;
        }
        try {
            answered.put(refused, place);
            refused.closeFuture().addListener(closed -> endAnswer(refused));
            refused.config().setRecvByteBufAllocator(AnsweringHandler.littleAtATime());
            refused.pipeline().addLast(new AnsweringHandler());
            loop.register(refused).addListener(registered -> {
                if (!registered.isSuccess()) {
                    endAnswer(refused);
                    refused.unsafe().closeForcibly();
                }
            });
            return true;
        } catch (Throwable error) {
            answered.remove(refused);
            place.close();
            throw error;
        }
    }

    private void endAnswer(Channel channel) {
        RefusalBudget.Place place = answered.remove(channel);
        if (place != null) {
            place.close();
        }
    }

    /** Registers the channel with the loop that accepts, as a handler may want to write. Nothing is read from it. */
    private void handOver(Channel refused, InetAddress peer) {
        refused.config().setAutoRead(false);
        loop.register(refused).addListener(registered -> {
            try {
                if (registered.isSuccess()) {
                    refusalHandler.refuse(refused, peer);
                }
            } catch (Throwable error) {
                gate.report("refusing a connection failed", error);
            } finally {
                if (registered.isSuccess()) {
                    refused.close();
                } else {
                    refused.unsafe().closeForcibly();
                }
            }
        });
    }

    /**
     * Counts a connection that goes on for another client than its peer, or ends it. To be called by its event loop.
     *
     * @return whether it may go on
     */
    boolean reassign(Channel channel, InetAddress client) {
        InetAddress peer = peer(channel);
        boolean admitted = peer == null || gate.reassign(channel, peer, client);
        if (!admitted) {
            end(channel, client);
        }
        return admitted;
    }

    /** Ends a refused connection that its event loop serves already; to be called by that. */
    private void end(Channel refused, InetAddress client) {
        try {
            if (refusalHandler != null && client != null) {
                refusalHandler.refuse(refused, client);
            } else if (gate.limiter().limits().refuse() != Refusal.CLOSE) {
                resetOnClose(refused);
            }
        } catch (Throwable error) {
            gate.report("refusing a connection failed", error);
        }
        refused.unsafe().close(refused.newPromise());
    }

    /** To be called when Netty has had a connection that was admitted. It may have closed it without saying so. */
    void passedOn(Channel admitted) {
        if (!admitted.isOpen()) {
            gate.release(admitted);
        }
    }

    private static void reset(Channel refused) {
        resetOnClose(refused);
        refused.unsafe().closeForcibly();
    }

    /** A transport without this option closes in its own way. */
    private static void resetOnClose(Channel channel) {
        try {
            channel.config().setOption(ChannelOption.SO_LINGER, 0);
        } catch (ChannelException closedAlready) {
            // Then there is nobody to be reset.
        }
    }

    @Override
    public boolean isOpen(Channel channel) {
        return channel.isOpen();
    }

    @Override
    public boolean closeExpired(Channel channel, ConnectionPhase phase) {
        resetOnClose(channel);
        // Not through its pipeline: a handler of TLS would say goodbye first, and wait for that to be sent.
        try {
            channel.eventLoop().execute(() -> channel.unsafe().close(channel.newPromise()));
        } catch (RejectedExecutionException | IllegalStateException withoutLoop) {
            // It has ended, or Netty has never registered the channel.
            channel.unsafe().closeForcibly();
        }
        return true;
    }
}
