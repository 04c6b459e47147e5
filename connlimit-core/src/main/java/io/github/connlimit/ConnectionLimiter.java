package io.github.connlimit;

import java.net.InetAddress;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.PriorityQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BiConsumer;
import java.util.function.BiFunction;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;

/**
 * Counts the open connections of each client and admits another one only below the client's limit. This class is
 * thread-safe and never blocks.
 *
 * <p>The limit is exact under any concurrency: a client never has more permits than its limit when it gets one, and is
 * never refused while it has fewer. A client without permits takes no memory.
 */
public final class ConnectionLimiter {

    private static final System.Logger LOGGER = System.getLogger(ConnectionLimiter.class.getName());
    private static final String TELLING_FAILED = "telling the listeners failed";

    private final ConcurrentHashMap<Client, Client> clients;
    private final AtomicReference<ConnectionLimits> limits;
    private final List<LimiterListener> listeners;
    private final System.Logger logger;
    private final ErrorLog errors;
    private final LongSupplier nanoTime;
    private final Figures figures = new Figures();
    private final SummaryLog summaries;
    private final RefusalBudget refusalBudget;

    /**
     * Makes a limiter that has counted nothing yet.
     *
     * @param limits the limits to begin with
     * @param listeners to be told of everything that is admitted, refused and closed
     */
    public ConnectionLimiter(ConnectionLimits limits, LimiterListener... listeners) {
        this(limits, new ConcurrentHashMap<>(), System::nanoTime, LOGGER, listeners);
    }

    ConnectionLimiter(
            ConnectionLimits limits,
            ConcurrentHashMap<Client, Client> clients,
            LongSupplier nanoTime,
            System.Logger logger,
            LimiterListener... listeners) {
        this.limits = new AtomicReference<>(Objects.requireNonNull(limits, "limits"));
        this.clients = clients;
        this.logger = logger;
        this.nanoTime = nanoTime;
        this.errors = new ErrorLog(logger, nanoTime);
        this.summaries = new SummaryLog(logger, nanoTime, figures);
        this.refusalBudget = new RefusalBudget(this.limits::get, figures, nanoTime);
        this.listeners = List.of(listeners);
    }

    /**
     * Counts a connection of this client, if its limit allows one more.
     *
     * @param address where the connection comes from
     * @return the permit, to be closed when the connection is closed; empty if the client is at its limit
     */
    public Optional<ConnectionPermit> tryAcquire(InetAddress address) {
        return tryAcquire(address, false);
    }

    /** @param pending whether the connection has to prove itself: it counts as pending until it has */
    Optional<ConnectionPermit> tryAcquire(InetAddress address, boolean pending) {
        IpAddress ip = IpAddress.of(Objects.requireNonNull(address, "address"));
        Attempt attempt;
        do {
            attempt = new Attempt(ip, pending);
            attempt.run();
        } while (attempt.outdated);
        if (attempt.counted) {
            figures.admitted.incrementAndGet();
        }
        if (attempt.over != null) {
            refused(attempt.client, attempt.open, attempt.over, attempt.counted);
        }
        if (!attempt.counted) {
            return Optional.empty();
        }
        admitted(attempt.client, attempt.open);
        return attempt.permit;
    }

    /**
     * Counts a connection of this client, or throws if its limit does not allow one more.
     *
     * @param address where the connection comes from
     * @return the permit, to be closed when the connection is closed
     * @throws ConnectionLimitExceededException if the client is at its limit
     */
    public ConnectionPermit acquire(InetAddress address) throws ConnectionLimitExceededException {
        return tryAcquire(address).orElseThrow(ConnectionLimitExceededException::new);
    }

    /**
     * One attempt to count a connection: the whole decision is made inside one atomic operation of the table. All that
     * the caller gets is allocated before, so that running out of memory cannot lose a count.
     */
    private final class Attempt implements BiFunction<Client, Client, Client> {

        private final ConnectionLimits read = limits.get();
        private final Client newcomer;
        private final RuleTable.Range range;
        private final boolean pending;
        private final ConnectionPermit unbound;
        private final Optional<ConnectionPermit> permit;

        /** Whose connection it is. */
        private Client client;

        /** How many connections the client has, this one included if it was counted. */
        private int open;

        /** Which limit it would exceed, or {@code null}. */
        private RefusalReason over;

        private boolean counted;
        private boolean outdated;

        Attempt(IpAddress ip, boolean pending) {
            this.pending = pending;
            range = read.table().find(ip);
            newcomer = new Client(ip, range.prefix());
            newcomer.countFirst();
            unbound = new ConnectionPermit(ConnectionLimiter.this, pending);
            permit = Optional.of(unbound);
        }

        void run() {
            try {
                clients.compute(newcomer, this);
            } catch (Throwable error) {
                // The table may count and then run out of memory in its own upkeep. Nobody has the permit yet.
                if (counted) {
                    if (pending) {
                        client.uncountPending();
                    }
                    countDown(client);
                }
                throw error;
            }
        }

        @Override
        public Client apply(Client key, Client present) {
            open = present == null ? 0 : present.open();
            over = over(present);
            // Reconfigured since the limits were read: deciding by the old ones now would be a decision that was
            // right at no moment. Looked at after the counts, which can only have fallen since: the other way round, a
            // connection closed after a limit was lowered could make room under the old one.
            outdated = limits.get() != read;
            if (outdated) {
                return present;
            }
            if (over != null && !read.dryRun()) {
                client = present;
                return present;
            }
            // Until here the client can only have lost connections, perhaps its last one.
            open = present == null ? 0 : present.countUp();
            client = open == 0 ? newcomer : present;
            if (pending) {
                client.countPending();
            }
            counted = true;
            open = Math.max(open, 1);
            unbound.bind(client);
            return client;
        }

        private RefusalReason over(Client present) {
            if (reached(open, range.limit())) {
                return RefusalReason.CONNECTIONS;
            }
            boolean proves = pending && present != null && !range.exempt();
            return proves && reached(present.pending(), read.maxPendingPerClient()) ? RefusalReason.PENDING : null;
        }

        private static boolean reached(int count, int limit) {
            return count >= (limit == 0 ? Integer.MAX_VALUE : limit);
        }
    }

    /** @return whether the stream was counted */
    boolean tryCountStream(Client client) {
        ConnectionLimits now = limits();
        int limit = now.table().limit(client);
        // Without a reserve or a limit there is nothing to keep streams from.
        boolean any = limit == 0 || now.reservedConnections() == 0;
        return client.tryCountStream(any ? 0 : limit - now.reservedConnections());
    }

    /**
     * Reports a stream that could not be counted.
     *
     * @return whether it was counted after all, in a dry run
     */
    boolean refuseStream(Client client) {
        boolean dryRun = limits().dryRun();
        refused(client, client.open(), RefusalReason.STREAMS, dryRun);
        return dryRun && client.tryCountStream(0);
    }

    void release(Client client) {
        int open = countDown(client);
        figures.closed.incrementAndGet();
        closed(client, open);
    }

    private int countDown(Client client) {
        int open = client.countDown();
        if (open == 0) {
            try {
                // By the count of what is found, which may be another entry that the client has begun by now.
                clients.computeIfPresent(client, (key, present) -> present.open() == 0 ? null : present);
            } catch (Throwable error) {
                // It stays behind, without connections, until the client's next one takes its place.
                errors.report("removing a client without connections failed", error);
            }
        }
        return open;
    }

    // What follows is told after the fact: an error in it, even in making its lambda expressions, is logged and no
    // more.
    // It must not keep a permit from whoever it was counted for.

    private void admitted(Client client, int open) {
        try {
            tell(client, open, (listener, usage) -> listener.admitted(usage));
        } catch (Throwable error) {
            errors.report(TELLING_FAILED, error);
        }
    }

    private void refused(Client client, int open, RefusalReason reason, boolean dryRun) {
        try {
            summarise(client, (dryRun ? "dry run, would refuse: " : "refused: "), reason::toString);
        } catch (Throwable error) {
            errors.report("logging a refusal failed", error);
        }
        figures.count(Figures.Event.refused(reason, dryRun));
        try {
            tell(client, open, (listener, usage) -> listener.refused(usage, reason, dryRun));
        } catch (Throwable error) {
            errors.report(TELLING_FAILED, error);
        }
    }

    void timedOut(ConnectionPermit permit, ConnectionPhase phase, Duration timeout, boolean dryRun) {
        Client client = permit.client();
        try {
            summarise(
                    client,
                    dryRun ? "dry run, would time out: " : "timed out: ",
                    () -> phase + " within " + timeout.toMillis() + " ms");
        } catch (Throwable error) {
            errors.report("logging a time-out failed", error);
        }
        figures.count(Figures.Event.timedOut(dryRun));
        try {
            tell(client, client.open(), (listener, usage) -> listener.timedOut(usage, phase, timeout, dryRun));
        } catch (Throwable error) {
            errors.report(TELLING_FAILED, error);
        }
    }

    private void closed(Client client, int open) {
        try {
            tell(client, open, (listener, usage) -> listener.closed(usage));
        } catch (Throwable error) {
            errors.report(TELLING_FAILED, error);
        }
    }

    private void summarise(Client client, String what, Supplier<String> why) {
        summaries.add(client, () -> {
            ClientUsage usage = usage(client, client.open());
            return what + usage.client() + " (" + why.get() + "; " + usage.openConnections() + " open, "
                    + usage.pendingConnections() + " pending, " + usage.streams() + " streams; limit "
                    + usage.limit() + ")";
        });
    }

    private void tell(Client client, int open, BiConsumer<LimiterListener, ClientUsage> event) {
        if (listeners.isEmpty()) {
            return;
        }
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
     * How many connections the client has open that this address belongs to, by the prefix lengths and rules of now.
     *
     * @return 0 for a client without connections
     */
    public int openConnections(InetAddress address) {
        IpAddress ip = IpAddress.of(Objects.requireNonNull(address, "address"));
        Client present = clients.get(new Client(ip, limits().table().find(ip).prefix()));
        return present == null ? 0 : present.open();
    }

    /** The limits in force. */
    public ConnectionLimits limits() {
        return limits.get();
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
            before = limits.get();
            after = Objects.requireNonNull(change.apply(before), "the changed limits");
        } while (!limits.compareAndSet(before, after));
        try {
            logger.log(System.Logger.Level.INFO, "limits changed from " + before + " to " + after);
        } catch (Throwable error) {
            // The limits have changed all the same, and an exception would say that they have not.
            errors.report("logging the changed limits failed", error);
        }
    }

    /**
     * The figures of now.
     *
     * @param topClients how many of the clients with most connections to name, 0 or more; finding them looks at every
     *     client, without holding up anything
     */
    public LimiterSnapshot snapshot(int topClients) {
        return figures.snapshot(clients.mappingCount(), top(topClients));
    }

    /** The figures of now, with the ten clients that have most connections. */
    public LimiterSnapshot snapshot() {
        return snapshot(10);
    }

    private List<ClientUsage> top(int count) {
        if (count < 0) {
            throw new IllegalArgumentException("topClients: " + count + " is not allowed; a whole number from 0");
        }
        Comparator<ClientUsage> byConnections = Comparator.comparingInt(ClientUsage::openConnections);
        PriorityQueue<ClientUsage> largest = new PriorityQueue<>(byConnections);
        if (count > 0) {
            for (Client client : clients.values()) {
                int open = client.open();
                if (open == 0
                        || largest.size() == count && open <= largest.peek().openConnections()) {
                    continue;
                }
                if (largest.size() == count) {
                    largest.remove();
                }
                largest.add(usage(client, open));
            }
        }
        return largest.stream().sorted(byConnections.reversed()).toList();
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
     * A view of this limiter for JMX, to be registered by {@code MBeanServer.registerMBean}, by convention as
     * {@code io.github.connlimit:type=ConnectionLimiter,name=…}.
     */
    public ConnectionLimiterMXBean mxBean() {
        return new LimiterMXBean(this);
    }

    long nanoTime() {
        return nanoTime.getAsLong();
    }

    RefusalBudget refusalBudget() {
        return refusalBudget;
    }

    SummaryLog summaries() {
        return summaries;
    }

    ErrorLog errors() {
        return errors;
    }
}
