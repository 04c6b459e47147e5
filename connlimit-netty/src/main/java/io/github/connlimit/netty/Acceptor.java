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
import io.github.connlimit.Rejection;
import io.github.connlimit.ServerSupport;
import io.github.connlimit.ServerSupport.Feature;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelException;
import io.netty.channel.ChannelOption;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.channel.EventLoop;
import io.netty.util.concurrent.FutureListener;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * What one server channel accepts, from accept to close: admits or refuses each connection, and sweeps. This class is
 * thread-safe, and what Netty calls never throws.
 */
final class Acceptor implements ConnectionGate.Channels<Channel> {

    private static final System.Logger LOGGER = System.getLogger(ConnectionLimitHandler.class.getName());

    /** How long a sweep after a stop waits for the next one, at first and at most. */
    private static final long STOPPED_MILLIS = 100;

    private static final long MAX_STOPPED_MILLIS = 1_000;

    private final ConnectionGate<Channel> gate;
    private final ConnectionPhase firstPhase;
    private final ServerSupport support;

    /** {@code null} for what the limits say. */
    private final RefusalHandler<? super Channel> refusalHandler;

    /** Of the server channel. */
    private final EventLoop loop;

    /** Refused connections that are answered by {@link #loop}, with the place that each has to give back. */
    private final Map<Channel, RefusalBudget.Place> answered = new ConcurrentHashMap<>();

    /** A loop that ends before the server channel was closed may lose the news of that. */
    private final FutureListener<Object> whenLoopEnds = ended -> stop();

    /** Of connections that are past their deadline. */
    private final Map<Channel, LateCheck> lateChecks = new ConcurrentHashMap<>();

    /** What nearly every connection belongs to. */
    private final List<Acceptor> alone = List.of(this);

    private final AtomicBoolean stopped = new AtomicBoolean();

    /** How often the handler is in the pipeline of the server channel. Only for its {@link #loop}. */
    private int uses;

    /** Set by {@link #start}. */
    private volatile ClusterMembership membership;

    Acceptor(
            ConnectionLimiter limiter,
            ConnectionPhase firstPhase,
            RefusalHandler<? super Channel> refusalHandler,
            Channel server) {
        this.loop = server.eventLoop();
        ServerSupport of = server.attr(ConnectionLimitHandler.SERVER).get();
        this.support = of == null ? ServerSupport.NETTY : of;
        this.gate = new ConnectionGate<>(limiter);
        this.firstPhase = firstPhase;
        this.refusalHandler = refusalHandler;
    }

    Optional<ConnectionPermit> permit(Channel channel) {
        return gate.permit(channel);
    }

    /** To be called when the handler was added to the pipeline of the server channel. */
    void added() {
        uses++;
    }

    /** {@return whether the handler that was removed from the pipeline was the last one} */
    boolean removed() {
        uses--;
        return uses <= 0;
    }

    /**
     * Sweeps from now on, until it is stopped and nothing is counted any more.
     *
     * @throws IllegalArgumentException if {@link ConnectionLimiter#joinCluster} throws it
     */
    void start() {
        membership = gate.limiter().joinCluster();
        warn();
        loop.terminationFuture().addListener(whenLoopEnds);
        schedule(0);
    }

    /** Of what is configured, and cannot be done here. */
    private void warn() {
        Set<Feature> notUsed = EnumSet.noneOf(Feature.class);
        if (refusalHandler != null || firstPhase == ConnectionPhase.FIRST_BYTE) {
            notUsed.add(Feature.RESPOND_ON_TLS);
        }
        gate.warn(support, LOGGER, notUsed, Map.of());
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
            gate.sweep(this);
            releaseAbandoned(false);
            if (isNeeded()) {
                sweepStopped();
            } else {
                loop.terminationFuture().removeListener(whenLoopEnds);
            }
        }
    }

    private boolean isNeeded() {
        return gate.openConnections() > 0 || !answered.isEmpty();
    }

    /**
     * Sweeps while anything is counted. Not by the loop that has accepted, which may end now, as that of a connection may:
     * then Netty loses tasks, and with them the news that a channel is closed, or even its registration. A client that
     * stays must not keep the process: so it is a daemon.
     */
    private void sweepStopped() {
        try {
            Thread sweeper = new Thread(this::sweepWhileNeeded, "connlimit-stopped-server");
            sweeper.setDaemon(true);
            sweeper.start();
        } catch (Throwable error) {
            gate.report("the connections that a stopped server has left will have no deadlines", error);
        }
    }

    private void sweepWhileNeeded() {
        long lookMillis = STOPPED_MILLIS;
        long lookedNanos = System.nanoTime();
        while (isNeeded()) {
            try {
                Thread.sleep(Math.min(lookMillis, gate.sweep(this)));
            } catch (InterruptedException anybody) {
                // It ends with the connections.
            }
            if (System.nanoTime() - lookedNanos >= TimeUnit.MILLISECONDS.toNanos(lookMillis)) {
                releaseAbandoned(true);
                lookMillis = Math.min(2 * lookMillis, MAX_STOPPED_MILLIS);
                lookedNanos = System.nanoTime();
            }
        }
        loop.terminationFuture().removeListener(whenLoopEnds);
    }

    private void releaseAbandoned(boolean settled) {
        gate.releaseClosed(channel -> {
            if (!isAbandoned(channel, settled)) {
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
        Rejection rejection = tryAdmit(accepted);
        if (rejection != null) {
            releaseElsewhere(accepted);
            refuse(accepted, rejection);
        }
        return rejection == null;
    }

    /**
     * Like {@link #admit}, for a connection that its event loop serves already, and by that loop.
     *
     * @return whether it may go on
     */
    boolean admitLate(Channel accepted) {
        boolean admitted = tryAdmit(accepted) == null;
        if (!admitted) {
            releaseElsewhere(accepted);
            end(accepted, peer(accepted));
        }
        return admitted;
    }

    /** {@return {@code null} if the connection may go on} */
    private Rejection tryAdmit(Channel accepted) {
        try {
            if (isUnlimited(accepted)) {
                return null;
            }
            InetAddress peer = peer(accepted);
            // Some transports do not know a client any more that has left already. It is not answered.
            return peer == null ? Rejection.SERVER_LIMIT : count(accepted, peer);
        } catch (Throwable error) {
            gate.release(accepted);
            gate.report("letting a connection in failed, onError decides", error);
            return gate.limiter().limits().onError() == ErrorPolicy.ADMIT ? null : Rejection.SERVER_LIMIT;
        }
    }

    /** A connection that is counted already, or whose addresses are none of IP. */
    private boolean isUnlimited(Channel accepted) {
        List<Acceptor> before = ConnectionLimitHandler.acceptors(accepted);
        for (int i = 0; i < before.size(); i++) {
            if (before.get(i).gate.limiter() == gate.limiter()) {
                return true;
            }
        }
        SocketAddress remote = accepted.remoteAddress();
        SocketAddress known = remote == null ? accepted.parent().localAddress() : remote;
        return known != null && !(known instanceof InetSocketAddress);
    }

    /** It does not go on, so it does not count for the limiters of other handlers either. */
    private static void releaseElsewhere(Channel refused) {
        ConnectionLimitHandler.acceptors(refused).forEach(before -> before.gate.release(refused));
    }

    /** {@code null} if the client has left already, or has no IP address. */
    private static InetAddress peer(Channel accepted) {
        return accepted.remoteAddress() instanceof InetSocketAddress remote ? remote.getAddress() : null;
    }

    private Rejection count(Channel accepted, InetAddress peer) {
        ConnectionLimits limits = gate.limiter().limits();
        boolean toProve =
                limits.maxPendingPerClient() > 0 || !limits.handshakeTimeout().isZero();
        Rejection rejection = gate.tryAdmit(accepted, peer, toProve ? firstPhase : null);
        if (rejection != null) {
            return rejection;
        }
        belongsTo(accepted);
        accepted.closeFuture().addListener(closed -> gate.release(accepted));
        if (toProve) {
            accepted.pipeline().addFirst(new ProgressHandler(gate));
        }
        return null;
    }

    private void belongsTo(Channel accepted) {
        List<Acceptor> before = ConnectionLimitHandler.acceptors(accepted);
        List<Acceptor> all = alone;
        if (!before.isEmpty()) {
            all = new ArrayList<>(before);
            all.add(this);
        }
        accepted.attr(ConnectionLimitHandler.ACCEPTORS).set(all);
    }

    private void refuse(Channel refused, Rejection rejection) {
        try {
            InetAddress peer = peer(refused);
            Refusal how = gate.limiter().limits().refuse();
            if (refusalHandler != null && peer != null) {
                handOver(refused, peer);
                return;
            } else if (how == Refusal.TARPIT && peer != null && gate.tryHold(refused, peer, Acceptor::reset)) {
                return;
            } else if (how == Refusal.RESPOND && peer != null && answer(refused, peer, rejection)) {
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
    private boolean answer(Channel refused, InetAddress peer, Rejection rejection) {
        RefusalBudget.Place place = firstPhase == ConnectionPhase.HANDSHAKE
                ? null
                : gate.tryRespond(peer, false).orElse(null);
        if (place == null) {
            return false;
        }
        try {
            beginAnswer(refused, place);
            loop.register(refused).addListener(registered -> {
                if (registered.isSuccess()) {
                    LingeringHandler.finish(refused, Unpooled.wrappedBuffer(rejection.httpResponse(true)));
                } else {
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

    private void beginAnswer(Channel refused, RefusalBudget.Place place) {
        answered.put(refused, place);
        refused.closeFuture().addListener(closed -> endAnswer(refused));
        refused.config().setRecvByteBufAllocator(LingeringHandler.littleAtATime());
        refused.pipeline().addFirst(new LingeringHandler());
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
            if (registered.isSuccess()) {
                handle(refused, peer);
            } else {
                refused.unsafe().closeForcibly();
            }
        });
    }

    /** Has a handler end a connection, and closes it. To be called by its event loop. */
    private void handle(Channel refused, InetAddress client) {
        try {
            refusalHandler.refuse(refused, client);
            if (finishAnswer(refused, client)) {
                return;
            }
        } catch (Throwable error) {
            gate.report("refusing a connection failed", error);
        }
        refused.unsafe().close(refused.newPromise());
    }

    /** Has the rest of an answer written that a socket does not take at once, within budget. */
    private boolean finishAnswer(Channel refused, InetAddress client) {
        ChannelOutboundBuffer answer = refused.unsafe().outboundBuffer();
        if (answer == null || answer.totalPendingWriteBytes() == 0) {
            return false;
        }
        RefusalBudget.Place place = gate.tryRespond(client, false).orElse(null);
        if (place == null) {
            // Half an answer must not look like a whole one.
            resetOnClose(refused);
            return false;
        }
        beginAnswer(refused, place);
        refused.config().setAutoRead(true);
        LingeringHandler.finish(refused, Unpooled.EMPTY_BUFFER);
        return true;
    }

    /** {@return the client that a PROXY protocol header names; empty if its peer is not believed, or names no address} */
    Optional<InetAddress> namedClient(Channel channel, String name) {
        InetAddress peer = peer(channel);
        return peer == null ? Optional.empty() : gate.namedClient(peer, name);
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
        if (refusalHandler != null && client != null) {
            handle(refused, client);
            return;
        } else if (gate.limiter().limits().refuse() != Refusal.CLOSE) {
            resetOnClose(refused);
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
    static void resetOnClose(Channel channel) {
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
    public boolean isUndecided(Channel channel, ConnectionPhase phase) {
        LateCheck check = lateChecks.get(channel);
        if (check == null) {
            channel.closeFuture().addListener(closed -> lateChecks.remove(channel));
        }
        if (check == null || check.phase() != phase) {
            check = new LateCheck(channel, gate, phase);
            lateChecks.put(channel, check);
            check.begin();
        }
        return !check.isLate();
    }

    @Override
    public boolean closeExpired(Channel channel, ConnectionPhase phase) {
        lateChecks.remove(channel);
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
