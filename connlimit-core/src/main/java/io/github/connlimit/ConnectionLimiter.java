package io.github.connlimit;

import java.net.InetAddress;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.PriorityQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BiFunction;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
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

    private final ConcurrentHashMap<Client, Client> clients;
    private final AtomicReference<ConnectionLimits> limits;
    private final List<LimiterListener> listeners;
    private final System.Logger logger;
    private final ErrorLog errors;
    private final RefusalBudget refusalBudget = new RefusalBudget();

    // Not LongAdder: it allocates when threads contend, and an increment that fails would be a figure wrong for ever.
    private final AtomicLong admitted = new AtomicLong();
    private final AtomicLong closed = new AtomicLong();
    private final AtomicLong refused = new AtomicLong();

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
        this.errors = new ErrorLog(logger, nanoTime);
        this.listeners = List.of(listeners);
    }

    /**
     * Counts a connection of this client, if its limit allows one more.
     *
     * @param address where the connection comes from
     * @return the permit, to be closed when the connection is closed; empty if the client is at its limit
     */
    public Optional<ConnectionPermit> tryAcquire(InetAddress address) {
        IpAddress ip = IpAddress.of(Objects.requireNonNull(address, "address"));
        Attempt attempt;
        do {
            attempt = new Attempt(ip);
            attempt.run();
        } while (attempt.outdated);
        (attempt.counted ? admitted : refused).incrementAndGet();
        if (!listeners.isEmpty()) {
            tell(address, attempt);
        }
        return attempt.counted ? attempt.permit : Optional.empty();
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
        private final int limit;
        private final ConnectionPermit unbound = new ConnectionPermit(ConnectionLimiter.this);
        private final Optional<ConnectionPermit> permit = Optional.of(unbound);

        /** Whose connection it is. */
        private Client client;

        /** How many connections the client has, this one included if it was counted. */
        private int open;

        private boolean counted;
        private boolean outdated;

        Attempt(IpAddress ip) {
            RuleTable.Range range = read.table().find(ip);
            limit = range.limit();
            newcomer = new Client(ip, range.prefix());
            newcomer.open(1);
        }

        void run() {
            try {
                clients.compute(newcomer, this);
            } catch (Throwable error) {
                // The table may count and then run out of memory in its own upkeep. Nobody has the permit yet.
                if (counted) {
                    countDown(client);
                }
                throw error;
            }
        }

        @Override
        public Client apply(Client key, Client present) {
            // Reconfigured since the limits were read: deciding by the old ones now would be a decision that was
            // right at no moment.
            outdated = limits.get() != read;
            if (outdated) {
                return present;
            }
            open = present == null ? 0 : present.open();
            if (open >= (limit == 0 ? Integer.MAX_VALUE : limit)) {
                client = present;
                return present;
            }
            // Until here the client can only have lost connections, perhaps its last one.
            open = present == null ? 0 : present.countUp();
            client = open == 0 ? newcomer : present;
            counted = true;
            open = Math.max(open, 1);
            unbound.bind(client);
            return client;
        }
    }

    void release(Client client) {
        int open = countDown(client);
        closed.incrementAndGet();
        if (!listeners.isEmpty()) {
            tellClosed(client, open);
        }
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

    private void tell(InetAddress address, Attempt attempt) {
        try {
            ClientUsage usage = new ClientUsage(attempt.client.cidr(), attempt.open, attempt.limit);
            if (attempt.counted) {
                tell(listener -> listener.admitted(address, usage));
            } else {
                tell(listener -> listener.refused(address, usage));
            }
        } catch (Throwable error) {
            errors.report("telling the listeners failed", error);
        }
    }

    private void tellClosed(Client client, int open) {
        try {
            ClientUsage usage = usage(client, open);
            tell(listener -> listener.closed(usage));
        } catch (Throwable error) {
            errors.report("telling the listeners failed", error);
        }
    }

    private void tell(Consumer<LimiterListener> event) {
        for (LimiterListener listener : listeners) {
            try {
                event.accept(listener);
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
        // Closed before admitted, so that the difference is never negative.
        long closedSoFar = closed.get();
        long admittedSoFar = admitted.get();
        return new LimiterSnapshot(
                admittedSoFar - closedSoFar, clients.mappingCount(), admittedSoFar, refused.get(), top(topClients));
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
        return new ClientUsage(client.cidr(), open, limits().table().limit(client));
    }

    /**
     * A view of this limiter for JMX, to be registered by {@code MBeanServer.registerMBean}, by convention as
     * {@code io.github.connlimit:type=ConnectionLimiter,name=…}.
     */
    public ConnectionLimiterMXBean mxBean() {
        return new LimiterMXBean(this);
    }

    RefusalBudget refusalBudget() {
        return refusalBudget;
    }

    ErrorLog errors() {
        return errors;
    }
}
