package io.github.connlimit;

import java.net.InetAddress;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.PriorityQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.atomic.LongAdder;
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

    private final ConcurrentHashMap<Client, Client> clients = new ConcurrentHashMap<>();
    private final AtomicReference<ConnectionLimits> limits;
    private final List<LimiterListener> listeners;
    private final ErrorLog errors;
    private final RefusalBudget refusalBudget = new RefusalBudget();
    private final LongAdder admitted = new LongAdder();
    private final LongAdder closed = new LongAdder();
    private final LongAdder refused = new LongAdder();

    /**
     * Makes a limiter that has counted nothing yet.
     *
     * @param limits the limits to begin with
     * @param listeners to be told of everything that is admitted, refused and closed
     */
    public ConnectionLimiter(ConnectionLimits limits, LimiterListener... listeners) {
        this(limits, System::nanoTime, LOGGER, listeners);
    }

    ConnectionLimiter(
            ConnectionLimits limits, LongSupplier nanoTime, System.Logger logger, LimiterListener... listeners) {
        this.limits = new AtomicReference<>(Objects.requireNonNull(limits, "limits"));
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
        return Optional.ofNullable(acquireOrNull(address));
    }

    /**
     * Counts a connection of this client, or throws if its limit does not allow one more.
     *
     * @param address where the connection comes from
     * @return the permit, to be closed when the connection is closed
     * @throws ConnectionLimitExceededException if the client is at its limit
     */
    public ConnectionPermit acquire(InetAddress address) throws ConnectionLimitExceededException {
        ConnectionPermit permit = acquireOrNull(address);
        if (permit == null) {
            throw new ConnectionLimitExceededException();
        }
        return permit;
    }

    ConnectionPermit acquireOrNull(InetAddress address) {
        IpAddress ip = IpAddress.of(Objects.requireNonNull(address, "address"));
        Attempt attempt;
        do {
            attempt = new Attempt(ip);
            clients.compute(attempt.newcomer, attempt);
        } while (attempt.outdated);
        Client client = attempt.client;
        if (attempt.permit == null) {
            refused.increment();
            if (!listeners.isEmpty()) {
                ClientUsage usage = new ClientUsage(client.cidr(), client.open(), attempt.limit);
                tell(listener -> listener.refused(address, usage));
            }
            return null;
        }
        admitted.increment();
        if (!listeners.isEmpty()) {
            ClientUsage usage = new ClientUsage(client.cidr(), client.open(), attempt.limit);
            tell(listener -> listener.admitted(address, usage));
        }
        return attempt.permit;
    }

    /**
     * One attempt to count a connection: the whole decision is made inside one atomic operation of the table. All that
     * has to be allocated for the permit is allocated before, so that running out of memory cannot lose a count.
     */
    private final class Attempt implements BiFunction<Client, Client, Client> {

        private final ConnectionLimits read = limits.get();
        private final Client newcomer;
        private final int limit;
        private ConnectionPermit permit = new ConnectionPermit(ConnectionLimiter.this);
        private Client client;
        private boolean outdated;

        Attempt(IpAddress ip) {
            RuleTable table = read.table();
            int place = table.find(ip);
            limit = table.limit(place);
            newcomer = new Client(ip, table.prefix(place));
        }

        @Override
        public Client apply(Client key, Client present) {
            // Reconfigured since the limits were read: deciding by the old ones now would be a decision that was
            // right at no moment.
            outdated = limits.get() != read;
            if (outdated) {
                return present;
            }
            client = present == null ? newcomer : present;
            if (limit != 0 && client.open() >= limit) {
                permit = null;
            } else {
                client.open(client.open() + 1);
                permit.bind(client);
            }
            return client;
        }
    }

    void release(Client client) {
        // Counted down and, at zero, removed in one atomic operation: a removal by itself could take away the
        // count of a connection that was admitted in between.
        clients.computeIfPresent(client, (key, present) -> {
            present.open(present.open() - 1);
            return present.open() == 0 ? null : present;
        });
        closed.increment();
        if (!listeners.isEmpty()) {
            ClientUsage usage = usage(client);
            tell(listener -> listener.closed(usage));
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
        IpAddress ip = IpAddress.of(address);
        RuleTable table = limits().table();
        Client present = clients.get(new Client(ip, table.prefix(table.find(ip))));
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
        ConnectionLimits before =
                limits.getAndUpdate(now -> Objects.requireNonNull(change.apply(now), "the changed limits"));
        LOGGER.log(System.Logger.Level.INFO, () -> "limits changed from " + before + " to " + limits());
    }

    /**
     * The figures of now.
     *
     * @param topClients how many of the clients with most connections to name, 0 or more; finding them looks at every
     *     client, without holding up anything
     */
    public LimiterSnapshot snapshot(int topClients) {
        // Closed before admitted, so that the difference is never negative.
        long closedSoFar = closed.sum();
        long admittedSoFar = admitted.sum();
        return new LimiterSnapshot(
                admittedSoFar - closedSoFar, clients.mappingCount(), admittedSoFar, refused.sum(), top(topClients));
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
                largest.add(usage(client));
            }
        }
        return largest.stream().sorted(byConnections.reversed()).toList();
    }

    private ClientUsage usage(Client client) {
        Cidr cidr = client.cidr();
        RuleTable table = limits().table();
        return new ClientUsage(cidr, client.open(), table.limit(table.find(cidr.first())));
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
