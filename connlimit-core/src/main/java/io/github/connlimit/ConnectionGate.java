package io.github.connlimit;

import java.net.InetAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.Predicate;

/**
 * Binds one permit to each live connection of a server, for adapters: {@link #admit} where the server accepts,
 * {@link #release} wherever it may learn that the connection has ended, as often as it likes. Its methods never throw,
 * so that a server's accept loop cannot be harmed. This class is thread-safe.
 *
 * @param <C> what stands for a connection, compared by {@code equals}: best the channel itself
 * @since 0.1.0
 */
public final class ConnectionGate<C> {

    private static final long MAX_SWEEP_NANOS = TimeUnit.SECONDS.toNanos(1);
    private static final long UNDECIDED_NANOS = TimeUnit.MILLISECONDS.toNanos(50);
    private static final long LOOK_FOR_CLOSED_NANOS = TimeUnit.SECONDS.toNanos(10);

    /** A server that reports an end has reported it within this time. */
    private static final long REPORT_NANOS = TimeUnit.SECONDS.toNanos(1);

    private final ConnectionLimiter limiter;
    private final Deadlines<C> deadlines = new Deadlines<>();
    private final PermitTable<C> permits = new PermitTable<>();
    private final Tarpit<C> tarpit;

    /** Guarded by this. */
    private long lookedForClosedNanos;

    /** Past their deadline, while their adapter finds out whether they are late. Guarded by this. */
    private List<GatePermit<C>> undecided = List.of();

    /** What was found closed then: to be given back if it is not reported either. Guarded by this. */
    private List<GatePermit<C>> foundClosed = List.of();

    /** {@code null} if nobody has said what the server can do. Guarded by this. */
    private SupportWarnings warnings;

    /**
     * Makes a gate without connections.
     *
     * @param limiter counts for this gate, and perhaps for others too
     */
    public ConnectionGate(ConnectionLimiter limiter) {
        this.limiter = Objects.requireNonNull(limiter, "limiter");
        this.tarpit = limiter.newTarpit();
        this.lookedForClosedNanos = limiter.nanoTime();
    }

    /** {@return the limiter that counts for this gate} */
    public ConnectionLimiter limiter() {
        return limiter;
    }

    /**
     * Counts a connection, unless its client has as many as it may have, or this gate has counted it already. If
     * counting fails, the error is logged, and {@link ConnectionLimits#onError()} decides. The connection is established
     * from the beginning: it is not pending and has no deadline.
     *
     * @param channel the connection
     * @param peer its remote address, or {@code null} if it is not known, which is an error
     * @return whether the connection may go on; if not, the caller has to end it, and need not release it
     */
    public boolean admit(C channel, InetAddress peer) {
        return tryAdmit(channel, peer, null) == null;
    }

    /**
     * Counts a request as {@link #admit(Object, InetAddress)} counts a connection, for a client whose own connections this
     * server does not see; see {@link ConnectionLimiter#tryAcquireForRequest}.
     *
     * @param request the request, to be {@linkplain #release released} as a connection is
     * @param client whom it comes from, or {@code null} if that is not known, which is an error
     * @return whether the request may go on; if not, the caller need not release it
     */
    public boolean admitRequest(C request, InetAddress client) {
        return tryAdmitRequest(request, client) == null;
    }

    /**
     * As {@link #admitRequest}, for an adapter that tells the client why its request may not go on.
     *
     * @param request the request
     * @param client whom it comes from, or {@code null} if that is not known, which is an error
     * @return {@code null} if the request may go on
     */
    public Rejection tryAdmitRequest(C request, InetAddress client) {
        return admitOrDecide(request, client, null, ConnectionLimiter.Counted.REQUEST);
    }

    /**
     * Counts a connection as {@link #admit(Object, InetAddress)} does, but as pending and with a deadline for its first
     * phase; {@link #sweep} has to be called from time to time.
     *
     * @param channel the connection
     * @param peer its remote address, or {@code null} if it is not known, which is an error
     * @param phase what it has to do first: {@link ConnectionPhase#HANDSHAKE} if TLS or a PROXY protocol header is to
     *     come, else {@link ConnectionPhase#FIRST_BYTE}
     * @return whether the connection may go on; if not, the caller has to end it, and need not release it
     */
    public boolean admit(C channel, InetAddress peer, ConnectionPhase phase) {
        return tryAdmit(channel, peer, Objects.requireNonNull(phase, "phase")) == null;
    }

    /**
     * As {@link #admit(Object, InetAddress, ConnectionPhase)}, for an adapter that tells the client why its connection may not
     * go on.
     *
     * @param channel the connection
     * @param peer its remote address, or {@code null} if it is not known, which is an error
     * @param phase what it has to do first, or {@code null} if it is established from the beginning
     * @return {@code null} if the connection may go on
     */
    public Rejection tryAdmit(C channel, InetAddress peer, ConnectionPhase phase) {
        return admitOrDecide(channel, peer, phase, ConnectionLimiter.Counted.CONNECTION);
    }

    private Rejection admitOrDecide(
            C channel, InetAddress peer, ConnectionPhase phase, ConnectionLimiter.Counted what) {
        GatePermit<C> permit = null;
        try {
            if (permits.get(channel) != null) {
                return null;
            }
            // Read before any listener hears of the connection. A change after that is for later connections.
            Duration timeout = limiter.limits().handshakeTimeout();
            Object outcome = acquireOrReason(channel, peer, phase != null, what);
            if (outcome instanceof RefusalReason reason) {
                return Rejection.of(reason);
            }
            permit = permitOf(outcome);
            // One step: a sweep must find the permit of a deadline that has passed, and who says that the connection is
            // established must find the deadline that ends with it.
            boolean added = permits.add(permit, fresh -> {
                if (phase != null) {
                    setDeadline(fresh, phase, timeout);
                }
            });
            if (!added) {
                // Counted by another thread in between: a second permit would never be given back.
                permit.close();
            }
            return null;
        } catch (Throwable error) {
            if (permit != null) {
                permits.remove(permit);
                permit.close();
            }
            report(Failure.COUNTING, error);
            return onError();
        }
    }

    private Rejection onError() {
        return limiter.limits().onError() == ErrorPolicy.ADMIT ? null : Rejection.SERVER_LIMIT;
    }

    private Object acquireOrReason(C channel, InetAddress client, boolean pending, ConnectionLimiter.Counted what) {
        return limiter.acquireOrReason(client, () -> new GatePermit<>(limiter, pending, channel), pending, what);
    }

    @SuppressWarnings("unchecked")
    private GatePermit<C> permitOf(Object outcome) {
        // Made by the supplier above.
        return (GatePermit<C>) outcome;
    }

    private void setDeadline(GatePermit<C> permit, ConnectionPhase phase, Duration timeout) {
        if (timeout.isZero()) {
            permit.meetDeadline();
        } else {
            deadlines.set(permit, phase, timeout.toNanos(), limiter.nanoTime());
        }
    }

    /**
     * Counts an admitted connection for another client than its peer, once a PROXY protocol header has told which. Does
     * so only if its peer is exempt by a rule; a header from any other peer changes nothing.
     *
     * @param channel the connection
     * @param peer its remote address
     * @param address the address in the header
     * @return whether the connection may go on; if not, the caller has to end it, and it counts for its peer until it is
     *     released
     */
    public boolean reassign(C channel, InetAddress peer, InetAddress address) {
        return tryReassign(channel, peer, address) == null;
    }

    /**
     * As {@link #reassign}, for an adapter that tells the client why its connection may not go on.
     *
     * @param channel the connection
     * @param peer its remote address
     * @param address the address in the header
     * @return {@code null} if the connection may go on
     */
    public Rejection tryReassign(C channel, InetAddress peer, InetAddress address) {
        GatePermit<C> present = null;
        GatePermit<C> fresh = null;
        try {
            present = permits.get(channel);
            if (present == null || !limiter.limits().isExempt(peer)) {
                return null;
            }
            Object outcome =
                    acquireOrReason(channel, address, present.isPending(), ConnectionLimiter.Counted.REASSIGNED);
            if (outcome instanceof RefusalReason reason) {
                return Rejection.of(reason);
            }
            fresh = permitOf(outcome);
            // Not if it has been released in the meantime.
            boolean replaced = permits.replace(present, fresh, this::handOver);
            (replaced ? present : fresh).closeSurplus();
            return null;
        } catch (Throwable error) {
            if (fresh != null) {
                (permits.get(channel) == fresh ? present : fresh).closeSurplus();
            }
            report(Failure.COUNTING, error);
            return onError();
        }
    }

    /**
     * Reads the client that a proxy names in a forwarded header or a PROXY protocol header, with or without a port, brackets,
     * quotes and a zone id; a name is never resolved. A proxy that no rule exempts is not believed. What is no IP address,
     * such as {@code unknown}, is counted and logged; the connection or request then counts for the proxy.
     *
     * @param proxy the address of the proxy, or {@code null} if it has none (a Unix domain socket), which is believed
     * @param name what the proxy calls the client
     * @return the client; empty if the proxy is not believed or names no address
     */
    public Optional<InetAddress> namedClient(InetAddress proxy, String name) {
        try {
            if (proxy != null && !limiter.limits().isExempt(proxy)) {
                return Optional.empty();
            }
            InetAddress client = ForwardedAddress.parse(name);
            if (client == null) {
                limiter.unnamedClients().count(proxy, name);
            }
            return Optional.ofNullable(client);
        } catch (Throwable error) {
            report(Failure.NAMING, error);
            return Optional.empty();
        }
    }

    private void handOver(GatePermit<C> present, GatePermit<C> fresh) {
        deadlines.handOver(present, fresh);
        if (!present.isPending()) {
            fresh.endPending();
        }
    }

    /**
     * Says that a connection has completed its handshake: it is pending no longer, and its first byte has a deadline.
     * Every call but the first does nothing (a renegotiation completes a handshake again), and so does one for a
     * connection that never was pending.
     *
     * @param channel the connection
     */
    public void handshakeCompleted(C channel) {
        try {
            permits.tell(channel, permit -> {
                if (permit.isPending()) {
                    setDeadline(
                            permit, ConnectionPhase.FIRST_BYTE, limiter.limits().handshakeTimeout());
                    if (!permit.endPending()) {
                        // Established or closed by the holder of the permit, perhaps before it had this deadline.
                        permit.meetDeadline();
                    }
                }
            });
        } catch (Throwable error) {
            report(Failure.NOTING_HANDSHAKE, error);
        }
    }

    /**
     * Says that the first byte of a request has come, or the last one of a header that had {@linkplain #headerBegun
     * begun}: the connection is not pending, and no deadline ends it.
     *
     * @param channel the connection
     */
    public void established(C channel) {
        try {
            permits.tell(channel, ConnectionPermit::established);
        } catch (Throwable error) {
            report(Failure.NOTING_ESTABLISHED, error);
        }
    }

    /**
     * Says that the first byte of a request's header has come and the last one has not. The connection is established,
     * and {@link ConnectionLimits#headerTimeout()} begins; every call begins it anew.
     *
     * @param channel the connection
     */
    public void headerBegun(C channel) {
        try {
            permits.tell(channel, permit -> {
                permit.established();
                setDeadline(permit, ConnectionPhase.HEADER, limiter.limits().headerTimeout());
            });
        } catch (Throwable error) {
            report(Failure.NOTING_HEADER, error);
        }
    }

    /**
     * {@return the permit of a connection, if it is admitted and not yet released}
     *
     * @param channel the connection
     */
    public Optional<ConnectionPermit> permit(C channel) {
        try {
            return Optional.ofNullable(permits.get(channel));
        } catch (Throwable error) {
            report(Failure.FINDING, error);
            return Optional.empty();
        }
    }

    /**
     * Gives back the permit of a connection that has ended. Does nothing for one that has none (any more).
     *
     * @param channel the connection
     * @return whether this call gave it back
     */
    public boolean release(C channel) {
        try {
            GatePermit<C> permit = permits.remove(channel);
            if (permit == null) {
                return false;
            }
            permit.close();
            return true;
        } catch (Throwable error) {
            report(Failure.RELEASING, error);
            return false;
        }
    }

    /**
     * Says in the log what the limits ask for and this server does not do, now and whenever a {@link #sweep} finds other
     * limits, each thing once. To be called at each start of the server.
     *
     * @param server what can be done in it
     * @param logger of the adapter
     * @param notUsed what has no meaning for this server, such as answers on TLS where there is none
     * @param lacking what the server is not configured for, with what to say of it if it is asked for
     */
    public synchronized void warn(
            ServerSupport server,
            System.Logger logger,
            Set<ServerSupport.Feature> notUsed,
            Map<ServerSupport.Feature, String> lacking) {
        warnings = new SupportWarnings(server, logger, notUsed, lacking);
        warn(limiter.limits());
    }

    /** A logger that throws is no reason not to serve. */
    private void warn(ConnectionLimits limits) {
        try {
            if (warnings != null) {
                warnings.look(limits);
            }
        } catch (Throwable error) {
            report(Failure.WARNING, error);
        }
    }

    /**
     * What an adapter knows of its connections, for {@link #sweep}.
     *
     * @param <C> what stands for a connection
     *
     * @since 0.1.0
     */
    public interface Channels<C> {

        /**
         * {@return whether the connection is still open} Must not block.
         *
         * @param channel the connection
         */
        boolean isOpen(C channel);

        /**
         * {@return whether it is not known yet if a connection that is past its deadline is late} While that is so, the
         * connection is not closed, and a later sweep asks again. For an adapter that has to wait for a thread of its
         * server to find out what has arrived. Must not block.
         *
         * @param channel the connection
         * @param phase what the adapter has not said in time
         */
        default boolean isUndecided(C channel, ConnectionPhase phase) {
            return false;
        }

        /**
         * Closes a connection that is past its deadline, unless it has met it in fact. Must not block, and must be safe
         * with regard to the threads that use the connection.
         *
         * @param channel the connection
         * @param phase what it has not done in time
         * @return false if the connection has done it and is not to be closed
         */
        boolean closeExpired(C channel, ConnectionPhase phase);
    }

    /**
     * Does what is due: closes connections that are past their deadline, gives back the permits of connections that are
     * closed but were never released, and logs the summary. An adapter calls it again and again while its server runs.
     * What was never released is counted in {@link LimiterSnapshot#forgotten()} and logged as an error.
     *
     * @param channels what the adapter knows of its connections
     * @return after how many milliseconds to call it again, 10 to 1000
     */
    public synchronized long sweep(Channels<? super C> channels) {
        try {
            long now = limiter.nanoTime();
            expireAll(now, channels);
            ConnectionLimits limits = limiter.limits();
            tarpit.sweep(now, limits);
            releaseForgotten(now, channels);
            warn(limits);
            limiter.report(now);
            long most = mostNanos(limits);
            most = undecided.isEmpty() ? most : Math.min(most, UNDECIDED_NANOS);
            long next = tarpit.nanosToNext(now, limits, deadlines.nanosToNext(now, most));
            return Math.max(10, TimeUnit.NANOSECONDS.toMillis(next) + 1);
        } catch (Throwable error) {
            report(Failure.SWEEP, error);
            return TimeUnit.NANOSECONDS.toMillis(MAX_SWEEP_NANOS);
        }
    }

    private void expireAll(long now, Channels<? super C> channels) {
        List<GatePermit<C>> before = undecided;
        undecided = List.of();
        for (GatePermit<C> permit : before) {
            expire(permit, channels);
        }
        GatePermit<C> expired;
        while ((expired = deadlines.pollExpired(now)) != null) {
            expire(expired, channels);
        }
    }

    /** How long to wait at most: what begins meanwhile is not due before. */
    private static long mostNanos(ConnectionLimits limits) {
        long most = MAX_SWEEP_NANOS;
        most = least(most, limits.handshakeTimeout());
        most = least(most, limits.headerTimeout());
        return limits.refuse() == Refusal.TARPIT ? least(most, limits.tarpitTime()) : most;
    }

    private static long least(long nanos, Duration unlessZero) {
        return unlessZero.isZero() ? nanos : Math.min(nanos, unlessZero.toNanos());
    }

    private void releaseForgotten(long now, Channels<? super C> channels) {
        long since = now - lookedForClosedNanos;
        if (foundClosed.isEmpty() && since >= LOOK_FOR_CLOSED_NANOS) {
            lookedForClosedNanos = now;
            List<GatePermit<C>> found = new ArrayList<>();
            permits.forEach(permit -> {
                if (!isOpen(permit, channels::isOpen)) {
                    found.add(permit);
                }
            });
            foundClosed = found;
        } else if (!foundClosed.isEmpty() && since >= REPORT_NANOS) {
            List<GatePermit<C>> found = foundClosed;
            foundClosed = List.of();
            int forgotten = 0;
            for (GatePermit<C> permit : found) {
                if (giveBack(permit)) {
                    forgotten++;
                }
            }
            if (forgotten > 0) {
                limiter.countForgotten(forgotten);
                report(Failure.FORGOTTEN, null);
            }
        }
    }

    private boolean isOpen(GatePermit<C> permit, Predicate<? super C> open) {
        try {
            return open.test(permit.channel());
        } catch (Throwable error) {
            report(Failure.SWEEPING, error);
            return true;
        }
    }

    /** @return whether it was this call that gave it back */
    private boolean giveBack(GatePermit<C> permit) {
        boolean here = permits.remove(permit);
        if (here) {
            permit.close();
        }
        return here;
    }

    private void expire(GatePermit<C> expired, Channels<? super C> channels) {
        try {
            // The second look: met, released or reassigned since the first.
            Deadlines.Queue<C> missed = deadlines.expired(expired);
            if (missed != null && permits.get(expired.channel()) == expired) {
                expire(expired, missed, channels);
            }
        } catch (Throwable error) {
            report(Failure.DEADLINE, error);
        }
    }

    private void expire(GatePermit<C> expired, Deadlines.Queue<C> missed, Channels<? super C> channels) {
        if (isUndecided(expired, missed, channels)) {
            return;
        }
        boolean dryRun = limiter.limits().dryRun();
        if (dryRun || closeExpired(expired, missed, channels)) {
            limiter.timedOut(expired, missed.phase(), Duration.ofNanos(missed.timeoutNanos()), dryRun);
            deadlines.metIfExpired(expired);
        }
    }

    private boolean isUndecided(GatePermit<C> expired, Deadlines.Queue<C> missed, Channels<? super C> channels) {
        try {
            boolean waits = channels.isUndecided(expired.channel(), missed.phase());
            if (waits) {
                if (undecided.isEmpty()) {
                    undecided = new ArrayList<>();
                }
                undecided.add(expired);
            }
            return waits;
        } catch (Throwable error) {
            // Its deadline is over, as far as is known.
            report(Failure.DEADLINE, error);
            return false;
        }
    }

    private boolean closeExpired(GatePermit<C> expired, Deadlines.Queue<C> missed, Channels<? super C> channels) {
        try {
            boolean closed = channels.closeExpired(expired.channel(), missed.phase());
            if (!closed) {
                // Told by its connection, which may have been reassigned by now, or have begun another header.
                permits.tell(expired.channel(), permit -> {
                    permit.endPending();
                    deadlines.metIfExpired(permit);
                });
            }
            return closed;
        } catch (Throwable error) {
            report(Failure.CLOSING, error);
            // Tried again after the same time: a connection that cannot be closed now must not stay for ever.
            deadlines.set(expired, missed.phase(), missed.timeoutNanos(), limiter.nanoTime());
            return false;
        }
    }

    /**
     * Gives back the permits of connections that are open no longer but were never released.
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

    private int releaseAllBut(Predicate<? super C> open) {
        AtomicInteger released = new AtomicInteger();
        try {
            permits.forEach(permit -> {
                if (!isOpen(permit, open) && giveBack(permit)) {
                    released.incrementAndGet();
                }
            });
        } catch (Throwable error) {
            report(Failure.SWEEPING_ALL, error);
        }
        return released.get();
    }

    /**
     * Asks for a place for a refused connection that is to be answered off the accept thread; see
     * {@link Refusal#RESPOND}.
     *
     * @param peer its remote address
     * @param afterHandshake whether answering it costs a TLS handshake
     * @return the place, to be closed when the connection is closed; empty if too many connections are being answered
     *     already, and this one is to be reset
     */
    public Optional<RefusalBudget.Place> tryRespond(InetAddress peer, boolean afterHandshake) {
        try {
            return limiter.refusalBudget().tryTake(peer, afterHandshake);
        } catch (Throwable error) {
            report(Failure.RESPONDING, error);
            return Optional.empty();
        }
    }

    /**
     * Holds a refused connection for {@link ConnectionLimits#tarpitTime()}; see {@link Refusal#TARPIT}. Until then nobody
     * may read from it, write to it or close it. {@link #sweep} ends it.
     *
     * @param channel the connection
     * @param peer its remote address
     * @param end resets the connection; called once, without blocking, by the thread that sweeps or by the one that calls
     *     {@link #stopHolding}
     * @return whether it is held; if not, the caller has to reset it
     */
    public boolean tryHold(C channel, InetAddress peer, Consumer<? super C> end) {
        boolean held = false;
        try {
            ConnectionLimits limits = limiter.limits();
            held = tarpit.tryHold(channel, limits.clientOf(peer), limits, end, limiter.nanoTime());
            limiter.countTarpitted(held);
        } catch (Throwable error) {
            report(Failure.HOLDING, error);
        }
        return held;
    }

    /** Ends all refused connections that are held, and holds none from now on: for an adapter whose server stops. */
    public void stopHolding() {
        try {
            tarpit.close();
        } catch (Throwable error) {
            report(Failure.HOLDING, error);
        }
    }

    /** Undoes {@link #stopHolding}, for an adapter whose server starts again. */
    public void startHolding() {
        tarpit.open();
    }

    /** {@return how many connections hold a permit of this gate} */
    public long openConnections() {
        return permits.size();
    }

    void report(Failure failure, Throwable error) {
        limiter.errors().report(failure, error);
    }

    /**
     * Logs an error of an adapter's own, or of what it called for the user; those of one kind at most once every ten seconds.
     *
     * @param what what failed: always the same text for errors of one kind
     * @param error why, or {@code null} if {@code what} says it all
     */
    public void report(String what, Throwable error) {
        limiter.errors().report(what, error);
    }
}
