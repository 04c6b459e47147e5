package io.github.connlimit;

import java.net.InetAddress;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BiConsumer;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import javax.management.DynamicMBean;

/**
 * Counts the open connections of each client and admits another one only below the client's limit. This class is
 * thread-safe and never blocks.
 *
 * <p>The limit is exact under any concurrency: a client never has more permits than its limit when it gets one, and is
 * never refused while it has fewer, unless {@link ConnectionLimits#maxTotal} or one of
 * {@link ConnectionLimits#networkLimits} is reached, or its {@link ConnectionLimits#maxRatePerClient} is used up. Only
 * clients that a rule exempts get permits beyond {@code maxTotal}; one that asks while others close theirs may still be
 * refused. A client without permits takes no memory, but for the fixed amount that remembers rates.
 *
 * @since 0.1.0
 */
public final class ConnectionLimiter {

    private static final System.Logger LOGGER = System.getLogger(ConnectionLimiter.class.getName());

    private final ClientTable clients = new ClientTable();
    private final List<LimiterListener> listeners;
    private final System.Logger logger;
    private final ErrorLog errors;
    private final Ticker ticker;
    private final Figures figures = new Figures();
    private final SummaryLog summaries;
    private final UnnamedClients unnamedClients;
    private final RefusalBudget refusalBudget;
    private final TarpitBudget tarpitBudget = new TarpitBudget();
    private final Recorder recorder;
    private final DroppedPermits droppedPermits;

    /** Held for each admission while {@link ConnectionLimits#maxTotal} may be reached; before the monitor of any part. */
    private final Lock nearTotal = new ReentrantLock();

    /**
     * How many reassignments have counted their connection twice, and how many of these have ended that. Written by the
     * holder of {@link #nearTotal}, who sees each connection counted once by taking the difference off.
     */
    private volatile long countedTwice;

    private volatile long countedOnceAgain;

    private final Supplier<ConnectionPermit> established = this::newPermit;

    /** Written only while no count changes, so that a decision and its count are one step under the same limits. */
    private volatile InForce inForce;

    /** Held for each change of the limits, before the monitor of any part. */
    private final Lock changes = new ReentrantLock();

    /** Used by the holder of {@link #changes} only. */
    private final ClusterJoin join = new ClusterJoin();

    /**
     * The limits in force, another object for each time that they are put in force.
     *
     * @param networks that clients are counted in, {@code null} if there are none
     * @param cluster that has a say, {@code null} if there is none
     */
    record InForce(ConnectionLimits limits, Networks networks, ClusterLimits cluster) {}

    /**
     * Makes a limiter that has counted nothing yet.
     *
     * @param limits the limits to begin with
     * @param listeners to be told of everything that is admitted, refused and closed
     */
    public ConnectionLimiter(ConnectionLimits limits, LimiterListener... listeners) {
        this(limits, Ticker.system(), listeners);
    }

    /**
     * Makes a limiter with a clock of its own, for tests.
     *
     * @param limits the limits to begin with
     * @param ticker that everything follows which depends on time
     * @param listeners to be told of everything that is admitted, refused and closed
     */
    public ConnectionLimiter(ConnectionLimits limits, Ticker ticker, LimiterListener... listeners) {
        this(limits, Objects.requireNonNull(ticker, "ticker"), LOGGER, listeners);
    }

    ConnectionLimiter(ConnectionLimits limits, Ticker ticker, System.Logger logger, LimiterListener... listeners) {
        this.inForce = new InForce(
                Objects.requireNonNull(limits, "limits"), Networks.of(limits.limitsOfNetworks(), null), null);
        this.clients.networks(inForce.networks);
        this.logger = logger;
        this.ticker = ticker;
        this.errors = new ErrorLog(logger, ticker);
        this.droppedPermits = new DroppedPermits(errors);
        this.summaries = new SummaryLog(logger, ticker, figures);
        this.unnamedClients = new UnnamedClients(logger);
        this.refusalBudget = new RefusalBudget(this::limits, figures, ticker);
        this.listeners = List.of(listeners);
        this.recorder = Recorder.of(this);
    }

    private ConnectionPermit newPermit() {
        return droppedPermits.newPermit(this);
    }

    /**
     * Counts a connection of this client, if its limit allows one more.
     *
     * @param address where the connection comes from
     * @return the permit, to be closed when the connection is closed; empty if the client is at its limit
     */
    public Optional<ConnectionPermit> tryAcquire(InetAddress address) {
        return optional(acquire(address, Counted.CONNECTION));
    }

    /**
     * Counts a request as a connection of the client that a trusted proxy names for it. As {@link #tryAcquire}, but the
     * request does not count in {@link ConnectionLimits#maxRatePerClient()}: it opens no connection.
     *
     * @param address of the client behind the proxy
     * @return the permit, to be closed when the request has ended; empty if the client is at its limit
     */
    public Optional<ConnectionPermit> tryAcquireForRequest(InetAddress address) {
        return optional(acquire(address, Counted.REQUEST));
    }

    private ConnectionPermit acquire(InetAddress address, Counted what) {
        return acquireOrReason(address, established, false, what) instanceof ConnectionPermit permit ? permit : null;
    }

    private static Optional<ConnectionPermit> optional(ConnectionPermit permit) {
        try {
            return Optional.ofNullable(permit);
        } catch (Throwable outOfMemory) {
            // Nobody else has it.
            permit.close();
            throw outOfMemory;
        }
    }

    /**
     * Counts a connection of this client, or throws if its limit does not allow one more.
     *
     * @param address where the connection comes from
     * @return the permit, to be closed when the connection is closed
     * @throws ConnectionLimitExceededException if the client is at its limit
     */
    public ConnectionPermit acquire(InetAddress address) throws ConnectionLimitExceededException {
        ConnectionPermit permit = acquire(address, Counted.CONNECTION);
        if (permit == null) {
            throw new ConnectionLimitExceededException();
        }
        return permit;
    }

    /** What is counted as a connection. */
    enum Counted {

        /** One that has just been accepted. */
        CONNECTION,

        /**
         * One that counts for another client until now, and so in the total. It counts twice until
         * {@link #endReassignment}.
         */
        REASSIGNED,

        /** A request for a client whose own connections are not seen, and so have no rate. */
        REQUEST
    }

    /**
     * Counts a connection of this client, if its limits allow one more.
     *
     * @param unbound makes its permit
     * @param pending whether that is pending
     * @return the permit, or why there is none: a {@link RefusalReason}
     */
    Object acquireOrReason(
            InetAddress address, Supplier<? extends ConnectionPermit> unbound, boolean pending, Counted what) {
        IpAddress ip = IpAddress.of(Objects.requireNonNull(address, "address"));
        ConnectionPermit permit = null;
        while (true) {
            InForce read = inForce;
            RuleTable.Range range = read.limits.table().find(ip.high(), ip.low());
            int prefix = range.prefix();
            long high = ip.high() & IpAddress.highMask(prefix);
            long low = ip.low() & IpAddress.lowMask(prefix);
            int hash = Client.hash(high, low, prefix);
            ClientTable.Part part = clients.part(hash);
            boolean dryRun = read.limits.dryRun();
            long total = read.limits.maxTotal() == 0 || range.exempt()
                    ? Long.MAX_VALUE
                    : (long) read.limits.maxTotal() + (what == Counted.REASSIGNED ? 1 : 0);

            // A look without waiting for anybody: a flood of refusals holds up nothing else.
            Client client = part.look(hash, high, low, prefix);
            if (client != null && !dryRun) {
                int open = client.open();
                if (reached(open, range.limit()) && isEnforced(read.limits) && inForce == read) {
                    refused(client, open, RefusalReason.CONNECTIONS, false);
                    return RefusalReason.CONNECTIONS;
                }
                // Its own branch, and a method that is not even compiled without a cluster: neither may make this one
                // slower.
                if (read.cluster != null
                        && open >= allowed(read.limits, read.cluster, client, open, range.limit())
                        && isEnforced(read.limits)
                        && inForce == read) {
                    refused(client, open, RefusalReason.CLUSTER, false);
                    return RefusalReason.CLUSTER;
                }
                if (pending
                        && hasTooManyPending(read.limits, range, client)
                        && isEnforced(read.limits)
                        && inForce == read) {
                    refused(client, open, RefusalReason.PENDING, false);
                    return RefusalReason.PENDING;
                }
            }
            boolean near = total != Long.MAX_VALUE && clients.mayReach(total);
            if (near && !dryRun && isFull(total) && inForce == read) {
                Client known = client == null ? new Client(high, low, prefix) : client;
                refused(known, known.open(), RefusalReason.TOTAL, false);
                return RefusalReason.TOTAL;
            }
            if (read.networks != null
                    && !dryRun
                    && !range.exempt()
                    && read.networks.isOneFull(high, low, prefix)
                    && isEnforced(read.limits)
                    && inForce == read) {
                Client known = client == null ? new Client(high, low, prefix) : client;
                refused(known, known.open(), RefusalReason.NETWORK, false);
                return RefusalReason.NETWORK;
            }
            // Before anything is counted: running out of memory must not lose a count.
            if (permit == null) {
                permit = unbound.get();
            }
            Client newcomer = client == null ? new Client(high, low, prefix) : null;
            int open;
            RefusalReason over;
            boolean alone = near || what == Counted.REASSIGNED;
            if (alone) {
                nearTotal.lock();
            }
            try {
                boolean full = near && clients.settledOpen() - (countedTwice - countedOnceAgain) >= total;
                synchronized (part) {
                    if (inForce != read || !near && total != Long.MAX_VALUE && clients.mayReach(total)) {
                        continue;
                    }
                    client = part.get(hash, high, low, prefix);
                    if (client == null) {
                        client = newcomer == null ? new Client(high, low, prefix) : newcomer;
                    }
                    Attempt attempt = new Attempt(this, read, range, part, client, permit, what);
                    over = what == Counted.REASSIGNED ? countAgain(attempt, full) : attempt.count(full);
                    open = client.open();
                }
            } finally {
                if (alone) {
                    nearTotal.unlock();
                }
            }
            if (over != null) {
                refused(client, open, over, dryRun);
                if (!dryRun) {
                    return over;
                }
            }
            if (permit.isPending()) {
                figures.pending.increment();
            }
            admitted(client, open);
            return permit;
        }
    }

    /** Counts a connection that counts already; for the holder of {@link #nearTotal} and of the part's monitor. */
    private RefusalReason countAgain(Attempt attempt, boolean full) {
        boolean counted = false;
        // Before it does: nobody may see it counted twice without knowing.
        countedTwice++;
        try {
            RefusalReason over = attempt.count(full);
            counted = over == null || attempt.inForce().limits().dryRun();
            return over;
        } finally {
            if (!counted) {
                countedOnceAgain++;
            }
        }
    }

    /** Whether at one moment of this call so many were open; false if some connection may have been counted twice in it. */
    private boolean isFull(long total) {
        long before = countedOnceAgain;
        return clients.leastOpen() >= total && countedTwice == before;
    }

    boolean isEnforced(ConnectionLimits limits) {
        return limits.enforceAbove() == 0 || clients.leastOpen() >= limits.enforceAbove();
    }

    /** Whether the client may have no more that are pending. */
    static boolean hasTooManyPending(ConnectionLimits limits, RuleTable.Range range, Client client) {
        int most = limits.maxPendingPerClient();
        return most > 0 && !range.exempt() && client.pending() >= most;
    }

    static boolean reached(int open, int limit) {
        return open >= (limit == 0 ? Integer.MAX_VALUE : limit);
    }

    /**
     * How many connections a client may have on this node of a cluster.
     *
     * @param limit 0 for any number
     */
    int allowed(ConnectionLimits limits, ClusterLimits cluster, Client client, int open, int limit) {
        if (limit == 0) {
            return Integer.MAX_VALUE;
        }
        int free = limits.freeOf(limit);
        // With less than half of what is free, nobody has to know of it.
        if (free == limit || !ClusterLimits.usesHalf(open, free)) {
            return free;
        }
        try {
            return Math.min(limit, cluster.allowed(client.cidr(), open, limit));
        } catch (Throwable error) {
            errors.report(Failure.CLUSTER, error);
            return limit;
        }
    }

    /** @return whether one more of the client's connections was counted as a stream */
    boolean tryCountStream(Client client) {
        synchronized (clients.part(client.hash())) {
            InForce read = inForce;
            ConnectionLimits now = read.limits;
            int limit = now.table().limit(client);
            // Without a reserve or a limit there is nothing to keep streams from.
            boolean any = limit == 0 || now.reservedConnections() == 0;
            if (!any && client.streams() >= forStreams(read, client, limit) && isEnforced(now)) {
                return false;
            }
            countStream(client);
            return true;
        }
    }

    /** What the reserve leaves, or on a node of a cluster the same part of what the client may have there. */
    private int forStreams(InForce read, Client client, int limit) {
        int here = read.cluster == null ? limit : allowed(read.limits, read.cluster, client, client.open(), limit);
        return here - (int) ((long) here * read.limits.reservedConnections() / limit);
    }

    /**
     * Reports a stream that could not be counted.
     *
     * @return whether it was counted after all, in a dry run
     */
    boolean refuseStream(Client client) {
        boolean dryRun = limits().dryRun();
        refused(client, client.open(), RefusalReason.STREAMS, dryRun);
        if (dryRun) {
            countStream(client);
        }
        return dryRun;
    }

    private void countStream(Client client) {
        client.countStream();
        figures.streams.increment();
    }

    void uncountStream(Client client) {
        client.uncountStream();
        figures.streams.decrement();
    }

    void uncountPending(Client client) {
        client.uncountPending();
        figures.pending.decrement();
    }

    void release(Client client) {
        int open = clients.countDown(client);
        closed(client, open);
    }

    /**
     * Ends that a reassigned connection counts twice.
     *
     * @param surplus whom it counts for no longer; {@code null} if that was given back already
     */
    void endReassignment(Client surplus) {
        int open = 0;
        // As one step, for whoever decides about the total.
        nearTotal.lock();
        try {
            if (surplus != null) {
                open = clients.countDown(surplus);
            }
            countedOnceAgain++;
        } finally {
            nearTotal.unlock();
        }
        if (surplus != null) {
            closed(surplus, open);
        }
    }

    // What follows is told after the fact: an error in it, even in making its lambda expressions, is logged and no
    // more. It must not keep a permit from whoever it was counted for.

    private void admitted(Client client, int open) {
        if (listeners.isEmpty()) {
            return;
        }
        try {
            tell(client, open, (listener, usage) -> listener.admitted(usage));
        } catch (Throwable error) {
            errors.report(Failure.TELLING, error);
        }
    }

    private void refused(Client client, int open, RefusalReason reason, boolean dryRun) {
        try {
            if (summaries.isFirst(client)) {
                logger.log(
                        System.Logger.Level.INFO,
                        (dryRun ? "dry run, would refuse: " : "refused: ") + describe(client, reason.toString()));
            }
        } catch (Throwable error) {
            errors.report(Failure.LOGGING_REFUSAL, error);
        }
        figures.countRefused(reason, dryRun);
        boolean recorded = recorder.recordsRefusals();
        if (listeners.isEmpty() && !recorded) {
            return;
        }
        try {
            if (recorded) {
                recorder.refused(usage(client, open), reason, dryRun);
            }
            tell(client, open, (listener, usage) -> listener.refused(usage, reason, dryRun));
        } catch (Throwable error) {
            errors.report(Failure.TELLING, error);
        }
    }

    void timedOut(ConnectionPermit permit, ConnectionPhase phase, Duration timeout, boolean dryRun) {
        Client client = permit.client();
        try {
            if (summaries.isFirst(client)) {
                logger.log(
                        System.Logger.Level.INFO,
                        (dryRun ? "dry run, would time out: " : "timed out: ")
                                + describe(client, phase + " within " + timeout.toMillis() + " ms"));
            }
        } catch (Throwable error) {
            errors.report(Failure.LOGGING_TIMEOUT, error);
        }
        figures.countTimedOut(phase, dryRun);
        try {
            if (recorder.recordsTimeOuts()) {
                recorder.timedOut(usage(client, client.open()), phase, dryRun);
            }
            tell(client, client.open(), (listener, usage) -> listener.timedOut(usage, phase, timeout, dryRun));
        } catch (Throwable error) {
            errors.report(Failure.TELLING, error);
        }
    }

    private void closed(Client client, int open) {
        if (listeners.isEmpty()) {
            return;
        }
        try {
            tell(client, open, (listener, usage) -> listener.closed(usage));
        } catch (Throwable error) {
            errors.report(Failure.TELLING, error);
        }
    }

    private String describe(Client client, String why) {
        ClientUsage usage = usage(client, client.open());
        return usage.client() + " (" + why + "; " + usage.openConnections() + " open, " + usage.pendingConnections()
                + " pending, " + usage.streams() + " streams; limit " + usage.limit() + ")";
    }

    private void tell(Client client, int open, BiConsumer<LimiterListener, ClientUsage> event) {
        ClientUsage usage = usage(client, open);
        for (LimiterListener listener : listeners) {
            try {
                event.accept(listener, usage);
            } catch (Throwable error) {
                errors.report("a LimiterListener threw: " + listener.getClass().getName(), error);
            }
        }
    }

    /**
     * Counts the open connections of the client that this address belongs to, by the prefix lengths and rules in force.
     *
     * @param address of a client
     * @return 0 for a client without connections
     */
    public int openConnections(InetAddress address) {
        IpAddress ip = IpAddress.of(Objects.requireNonNull(address, "address"));
        int prefix = limits().table().find(ip.high(), ip.low()).prefix();
        long high = ip.high() & IpAddress.highMask(prefix);
        long low = ip.low() & IpAddress.lowMask(prefix);
        int hash = Client.hash(high, low, prefix);
        Client present = clients.part(hash).look(hash, high, low, prefix);
        return present == null ? 0 : present.open();
    }

    /** {@return the limits in force} */
    public ConnectionLimits limits() {
        return inForce.limits;
    }

    /**
     * Puts other limits in force, for every decision from now on. Closes no connection: a client over a lowered limit
     * gets no new one until enough of its own have been closed. A changed prefix length, or a rule for less than one
     * client, decides for new connections who their client is; open ones stay counted for the client they were.
     *
     * @param changed the limits from now on
     */
    public void reconfigure(ConnectionLimits changed) {
        Objects.requireNonNull(changed, "limits");
        reconfigure(ignored -> changed);
    }

    /**
     * Changes some of the limits in one atomic step, as in {@code reconfigure(l -> l.toBuilder().maxPerClient(50).build())}.
     *
     * @param change makes the new limits from those in force; may be called more than once. If it throws, the limits
     *     stay as they are, and so does what it throws.
     */
    public void reconfigure(UnaryOperator<ConnectionLimits> change) {
        ConnectionLimits before;
        ConnectionLimits after;
        do {
            before = limits();
            after = Objects.requireNonNull(change.apply(before), "the changed limits");
        } while (!replace(before, after));
        try {
            logger.log(System.Logger.Level.INFO, "limits changed from " + before + " to " + after);
        } catch (Throwable error) {
            // The limits have changed all the same, and an exception would say that they have not.
            errors.report(Failure.LOGGING_CHANGE, error);
        }
    }

    private boolean replace(ConnectionLimits expected, ConnectionLimits limits) {
        changes.lock();
        try {
            InForce before = inForce;
            if (before.limits != expected) {
                return false;
            }
            join.check(before.limits, limits);
            InForce after =
                    new InForce(limits, Networks.of(limits.limitsOfNetworks(), before.networks), before.cluster);
            if (after.networks != null && !after.networks.areAllIn(before.networks)) {
                countInAsWell(after.networks, before.networks);
            }
            clients.exclusively(() -> {
                inForce = after;
                clients.networks(after.networks);
            });
            if (!limits.table().hasRates()) {
                clients.forgetRates();
            }
            return true;
        } finally {
            changes.unlock();
        }
    }

    /** Counts all clients in other networks, too, one part after the other: the accept thread waits for no more than that. */
    private void countInAsWell(Networks others, Networks present) {
        try {
            clients.countIn(others.whileInForce(present), present);
        } catch (Throwable outOfMemory) {
            clients.exclusively(() -> clients.networks(present));
            throw outOfMemory;
        }
    }

    /**
     * Makes this limiter a node of the cluster that {@link ConnectionLimits#clusterUri()} names, if it names one, until all that
     * have joined it have left. Adapters do so while their servers run. {@code clusterUri}, {@code clusterName} and
     * {@code leaseTime} cannot be changed meanwhile.
     *
     * @return to be closed to leave
     * @throws IllegalArgumentException if connlimit-cluster is not on the class path, or the URI is not one that it knows
     */
    public ClusterMembership joinCluster() {
        return join(null);
    }

    /**
     * Makes this limiter a node of a cluster as {@link #joinCluster()} does, by another provider, whether or not there is a
     * {@link ConnectionLimits#clusterUri()}. If it is a node already, it stays as it is.
     *
     * @param provider joins the cluster
     * @return to be closed to leave
     * @throws IllegalArgumentException if the provider does not know the URI
     */
    public ClusterMembership joinCluster(ClusterProvider provider) {
        return join(Objects.requireNonNull(provider, "provider"));
    }

    private ClusterMembership join(ClusterProvider provider) {
        changes.lock();
        try {
            boolean member = join.join(new Node(), provider, this::decideWith);
            return new ClusterMembership(() -> leave(member));
        } finally {
            changes.unlock();
        }
    }

    private void leave(boolean member) {
        ClusterLimits left;
        changes.lock();
        try {
            left = join.leave(member);
            if (left != null) {
                decideWith(null);
            }
        } finally {
            changes.unlock();
        }
        if (left != null) {
            left.close();
        }
    }

    private void decideWith(ClusterLimits cluster) {
        clients.exclusively(() -> inForce = new InForce(inForce.limits, inForce.networks, cluster));
    }

    /** This limiter, for its cluster. */
    private final class Node implements ClusterNode {

        @Override
        public int open(Cidr client) {
            return clients.settledOpen(new Client(client));
        }

        @Override
        public ConnectionLimits limits() {
            return ConnectionLimiter.this.limits();
        }

        @Override
        public void report(String what, Throwable error) {
            errors.report(what, error);
        }
    }

    /** {@return the figures of this node of a cluster; empty if this limiter is none} */
    public Optional<ClusterSnapshot> cluster() {
        return Optional.ofNullable(inForce.cluster).map(ClusterLimits::snapshot);
    }

    /**
     * Takes the figures of now.
     *
     * @param topClients how many of the clients with most connections to name, and how many of the fullest networks, 0 or
     *     more; finding them looks at every client and network, without holding up anything
     * @return the figures
     */
    public LimiterSnapshot snapshot(int topClients) {
        if (topClients < 0) {
            throw new IllegalArgumentException("topClients: " + topClients + " is not allowed; a whole number from 0");
        }
        droppedPermits.report();
        return figures.snapshot(
                clients.totals(),
                tarpitBudget.open(),
                unnamedClients.total(),
                errors.total(),
                topClients(topClients),
                topNetworks(topClients));
    }

    /** {@return the figures of now, with the ten clients that have most connections, and the ten fullest networks} */
    public LimiterSnapshot snapshot() {
        return snapshot(10);
    }

    private List<ClientUsage> topClients(int count) {
        record Size(Client client, int open) {}

        Largest<Size> largest = new Largest<>(count, Comparator.comparingInt(Size::open));
        if (count > 0) {
            clients.forEach(client -> {
                int open = client.open();
                if (open > 0) {
                    largest.offer(new Size(client, open));
                }
            });
        }
        return largest.descending().stream()
                .map(size -> usage(size.client, size.open))
                .toList();
    }

    private List<NetworkUsage> topNetworks(int count) {
        record Size(Client network, int open, int limit) {}

        Largest<Size> largest =
                new Largest<>(count, Comparator.comparingDouble(size -> (double) size.open / size.limit));
        Networks networks = inForce.networks;
        if (count > 0 && networks != null) {
            networks.forEach((network, limit) -> {
                int open = network.open();
                if (open > 0) {
                    largest.offer(new Size(network, open, limit));
                }
            });
        }
        return largest.descending().stream()
                .map(size -> new NetworkUsage(size.network.cidr(), size.open, size.limit))
                .toList();
    }

    private ClientUsage usage(Client client, int open) {
        return new ClientUsage(
                client.cidr(),
                open,
                client.pending(),
                client.streams(),
                limits().table().limit(client));
    }

    /**
     * {@return a view of this limiter for JMX, to be registered by {@code MBeanServer.registerMBean}, by convention as
     * {@code io.github.connlimit:type=ConnectionLimiter,name=…}} Its attributes are the figures of
     * {@link ConnectionLimiterMXBean} and all {@linkplain ConnectionLimits#settings() settings}, by their keys with a capital:
     * {@code MaxPerClient}. A number or a flag is one in JMX, any other setting is text. Settings can be written, each
     * change in force at once; a bad value is refused with {@link IllegalArgumentException} and changes nothing.
     *
     * <p>Needs the module {@code java.management}; nothing else of this library does.
     */
    public DynamicMBean mxBean() {
        return LimiterMBean.of(this);
    }

    long nanoTime() {
        return ticker.read();
    }

    /** {@return the clock that this limiter follows; adapters follow it, too} */
    public Ticker ticker() {
        return ticker;
    }

    <C> Tarpit<C> newTarpit() {
        return new Tarpit<>(tarpitBudget, errors);
    }

    /** Counts what became of a refused connection that was to be held. */
    void countTarpitted(boolean held) {
        (held ? figures.tarpitted : figures.reset).increment();
    }

    /** Counts connections that had ended, and whose permits nobody but the sweep has given back. */
    void countForgotten(int connections) {
        figures.forgotten.add(connections);
    }

    RefusalBudget refusalBudget() {
        return refusalBudget;
    }

    /** Logs and records what is due from time to time. */
    void report(long nowNanos) {
        summaries.flush(nowNanos);
        recorder.figures(nowNanos);
    }

    UnnamedClients unnamedClients() {
        return unnamedClients;
    }

    ErrorLog errors() {
        return errors;
    }
}
