package io.github.connlimit.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.LimiterSnapshot;
import io.github.connlimit.Refusal;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;

/**
 * Hundreds of connections of many clients that do anything at any time, while limits change and the connector is stopped
 * and started. Everything that is drawn by lot comes from a seed. What is checked is read from outside connlimit: from
 * the answers that clients get, and from the kernel's table of sockets.
 */
final class Chaos {

    private static final int THREADS = 24;

    /** How many connections a thread has open at most. */
    private static final int OPEN_PER_THREAD = 12;

    private static final int MOST_AT_ONCE_IN_A_FLOOD = 20;

    private static final List<String> CLIENTS = clients();

    /** What happens in every round, in an order that is drawn by lot. */
    private static final List<Move> ROUND = List.of(
            Move.CHECK,
            Move.CHECK,
            Move.RECONFIGURE,
            Move.RECONFIGURE,
            Move.RECONFIGURE,
            Move.RECONFIGURE,
            Move.RECONFIGURE,
            Move.RESTART_CONNECTOR,
            Move.RESTART_CONNECTOR,
            Move.RESTART_SERVER,
            Move.WAIT,
            Move.WAIT,
            Move.WAIT);

    private final TestBed<? extends ContainerServer> bed;
    private final ChaosProtocol protocol;
    private final long seed;
    private final Random random;
    private final LimitHistory history;
    private final ServedConnections served = new ServedConnections();

    /** Held for reading by each step of a client: who holds it for writing has them all stand still. */
    private final ReadWriteLock still = new ReentrantReadWriteLock(true);

    /** When the open connections were begun, by the client's address and port. */
    private final Map<InetSocketAddress, Long> begun = new ConcurrentHashMap<>();

    /** Where the server listens and has listened. Used by the thread that runs this. */
    private final Set<Integer> ports = new HashSet<>();

    /** Where to connect to, or 0 if the server is stopped. */
    private volatile int port;

    /** Requests that were sent earlier than this may have met a server that was being stopped. */
    private volatile long unavailableUntilNanos;

    private volatile boolean over;

    /** What is left of the round. */
    private final List<Move> moves = new ArrayList<>();

    private int stops;
    private int checks;
    private int mostAtOnce;

    Chaos(TestBed<? extends ContainerServer> bed, ChaosProtocol protocol, long seed) {
        this.bed = bed;
        this.protocol = protocol;
        this.seed = seed;
        this.random = new Random(seed);
        this.history = new LimitHistory(bed.limiter(), System.nanoTime());
    }

    private static List<String> clients() {
        List<String> clients = new ArrayList<>();
        for (int block = 1; block <= 3; block++) {
            for (int i = 1; i <= 16; i++) {
                clients.add("127.0." + block + "." + i);
            }
        }
        return List.copyOf(clients);
    }

    /** Runs for so long, and ends with all clients gone. */
    void run(Duration duration) throws Exception {
        started();
        ExecutorService threads = Executors.newFixedThreadPool(THREADS);
        List<Future<?>> workers = new ArrayList<>();
        try {
            for (int i = 0; i < THREADS; i++) {
                workers.add(threads.submit(new Worker(new Random(seed + 1 + i))));
            }
            long end = System.nanoTime() + duration.toNanos();
            while (System.nanoTime() < end) {
                TimeUnit.MILLISECONDS.sleep(random.nextInt(50));
                bed.application().completeLater();
                disturb();
                failIfFailed(workers);
            }
        } finally {
            over = true;
            threads.shutdown();
            while (!threads.awaitTermination(5, TimeUnit.MILLISECONDS)) {
                bed.application().completeLater();
            }
        }
        failIfFailed(workers);
        mostAtOnce = served.check(history);
        bed.application().completeLater();
        bed.awaitZero();
    }

    /** What has happened. */
    @Override
    public String toString() {
        LimiterSnapshot snapshot = bed.limiter().snapshot();
        return snapshot.admitted() + " admitted, " + snapshot.refused() + " and " + snapshot.refusedPending()
                + " pending refused, " + snapshot.responded() + " answered, " + snapshot.timedOut() + " timed out, "
                + bed.events().closedLate() + " found late, " + history.changes() + " changes, " + stops + " stops, "
                + checks + " checks, at most " + mostAtOnce + " connections of one client served at once";
    }

    int stops() {
        return stops;
    }

    int checks() {
        return checks;
    }

    int mostAtOnce() {
        return mostAtOnce;
    }

    /** A client that has failed has a reason to tell. */
    private static void failIfFailed(List<Future<?>> workers) throws Exception {
        for (Future<?> worker : workers) {
            if (worker.isDone()) {
                worker.get();
            }
        }
    }

    /** What an administrator may do. */
    private enum Move {
        WAIT,
        CHECK,
        RECONFIGURE,
        RESTART_CONNECTOR,
        RESTART_SERVER
    }

    private void disturb() throws Exception {
        if (moves.isEmpty()) {
            moves.addAll(ROUND);
            Collections.shuffle(moves, random);
        }
        switch (moves.remove(moves.size() - 1)) {
            case CHECK -> check();
            case RECONFIGURE -> history.reconfigure(limits());
            case RESTART_CONNECTOR -> {
                stopping();
                bed.server().stopConnector();
                stopped();
                bed.server().startConnector();
                started();
            }
            case RESTART_SERVER -> {
                stopping();
                bed.server().stop();
                stopped();
                bed.server().start();
                started();
            }
            default -> TimeUnit.MILLISECONDS.sleep(random.nextInt(100));
        }
    }

    private void stopping() {
        unavailableUntilNanos = Long.MAX_VALUE;
    }

    /** Nobody is accepted now, so clients need not stand still. They could not: Tomcat leaves its backlog open. */
    private void stopped() {
        stops++;
        port = 0;
        TestBed.awaitUntil("nothing held by a server that is stopped", () -> {
            assertHeldIsCounted();
            assertThat(bed.limiter().snapshot().openConnections()).isZero();
        });
    }

    private void started() {
        unavailableUntilNanos = System.nanoTime();
        port = bed.server().port();
        ports.add(port);
    }

    private ConnectionLimits limits() {
        // A reserve needs room.
        int reserve = random.nextInt(3) == 0 ? 1 + random.nextInt(2) : 0;
        int least = reserve == 0 ? 1 : reserve + 6;
        return ConnectionLimits.builder()
                .maxPerClient(least + random.nextInt(8))
                .limit("127.0.2.0/24", least + random.nextInt(4))
                .reservedConnections(reserve)
                .refuse(Refusal.values()[random.nextInt(Refusal.values().length)])
                .handshakeTimeout(Duration.ofMillis(random.nextInt(5) == 0 ? 0 : 300 + random.nextInt(2000)))
                .maxPendingPerClient(random.nextInt(3) == 0 ? 1 + random.nextInt(3) : 0)
                .respondMaxOpen(random.nextInt(50))
                .dryRun(random.nextInt(20) == 0)
                .build();
    }

    /**
     * While all clients stand still: the server holds as many sockets of each client as are counted, and of no client
     * more than it may have.
     */
    private void check() {
        boolean all = false;
        try {
            while (!(all = still.writeLock().tryLock(10, TimeUnit.MILLISECONDS))) {
                bed.application().completeLater();
            }
            checks++;
            TestBed.awaitUntil("as many sockets as are counted", this::assertHeldIsCounted);
            assertNoneHasTooMany();
            bed.awaitServing();
        } catch (InterruptedException stopped) {
            throw new IllegalStateException(stopped);
        } finally {
            if (all) {
                still.writeLock().unlock();
            }
        }
    }

    private Map<String, List<InetSocketAddress>> held() throws IOException {
        Map<String, List<InetSocketAddress>> held = new TreeMap<>();
        for (InetSocketAddress peer : KernelSockets.heldByServer(InetAddress.getByName(TestBed.SERVER), ports)) {
            held.computeIfAbsent(peer.getAddress().getHostAddress(), client -> new ArrayList<>())
                    .add(peer);
        }
        return held;
    }

    private void assertHeldIsCounted() throws IOException {
        if (!KernelSockets.canBeRead()) {
            return;
        }
        bed.application().completeLater();
        Map<String, Integer> held = new TreeMap<>();
        held().forEach((client, sockets) -> held.put(client, sockets.size()));
        Map<String, Integer> counted = new TreeMap<>();
        LimiterSnapshot snapshot = bed.limiter().snapshot(Integer.MAX_VALUE);
        snapshot.topClients()
                .forEach(client -> counted.put(client.client().address().getHostAddress(), client.openConnections()));
        assertThat(counted).isEqualTo(held);
        assertThat(snapshot.openConnections())
                .isEqualTo(held.values().stream().mapToInt(Integer::intValue).sum());
        assertThat(snapshot.clients()).isEqualTo(held.size());
    }

    private void assertNoneHasTooMany() {
        try {
            for (Map.Entry<String, List<InetSocketAddress>> client : held().entrySet()) {
                // All of them were admitted by the time the last one was, which was after it had begun.
                long lastBegun = client.getValue().stream()
                        .mapToLong(peer -> begun.getOrDefault(peer, history.beginNanos()))
                        .max()
                        .orElseThrow();
                assertThat(client.getValue())
                        .as("sockets of " + client.getKey())
                        .hasSizeLessThanOrEqualTo(
                                history.most(InetAddress.getByName(client.getKey()), lastBegun, System.nanoTime()));
            }
        } catch (IOException error) {
            throw new java.io.UncheckedIOException(error);
        }
    }

    /** Plays some of the clients. */
    private final class Worker implements Callable<Void> {

        private final Random dice;
        private final List<Open> open = new ArrayList<>();

        Worker(Random dice) {
            this.dice = dice;
        }

        /** A connection, and by what it is found among those that have begun. */
        private record Open(ChaosConnection connection, InetSocketAddress local) {}

        @Override
        public Void call() throws Exception {
            try {
                while (!over) {
                    still.readLock().lock();
                    try {
                        step();
                    } finally {
                        still.readLock().unlock();
                    }
                }
                return null;
            } finally {
                while (!open.isEmpty()) {
                    close(open.get(0), ChaosConnection.Ending.values()[dice.nextInt(3)]);
                }
            }
        }

        private void step() throws IOException {
            if (port != 0 && (open.isEmpty() || open.size() < OPEN_PER_THREAD && dice.nextInt(4) == 0)) {
                String client = CLIENTS.get(dice.nextInt(CLIENTS.size()));
                connect(client, dice.nextInt(30) == 0 ? MOST_AT_ONCE_IN_A_FLOOD : 1);
            } else if (open.isEmpty()) {
                Thread.yield();
            } else {
                Open one = open.get(dice.nextInt(open.size()));
                if (!one.connection.step()) {
                    forget(one);
                }
            }
        }

        private void connect(String client, int times) throws IOException {
            for (int i = 0; i < times && port != 0; i++) {
                ServedConnections.Life life = served.begin(client);
                try {
                    TestConnection connection = new TestConnection(client, TestBed.SERVER, port);
                    InetSocketAddress local =
                            new InetSocketAddress(InetAddress.getByName(client), Math.max(0, connection.localPort()));
                    begun.put(local, life.beginNanos());
                    open.add(new Open(
                            new ChaosConnection(bed, protocol, dice, connection, life, () -> unavailableUntilNanos),
                            local));
                } catch (java.net.ConnectException stopped) {
                    return;
                }
            }
        }

        private void close(Open one, ChaosConnection.Ending ending) throws IOException {
            one.connection.end(ending);
            forget(one);
        }

        private void forget(Open one) {
            open.remove(one);
            begun.remove(one.local);
        }
    }
}
