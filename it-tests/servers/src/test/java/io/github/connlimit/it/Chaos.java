package io.github.connlimit.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.connlimit.Cidr;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.LimiterSnapshot;
import io.github.connlimit.Refusal;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.security.GeneralSecurityException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;

/**
 * Hundreds of connections of many clients that do anything at any time, while limits change and the connector is stopped
 * and started. Everything that is drawn by lot comes from a seed. What is checked is read from outside connlimit: from
 * the answers that clients get, and from the kernel's table of sockets.
 */
final class Chaos {

    private static final int THREADS = 24;

    /** How much longer than it is told a run may take to see something of everything, however slow this machine is. */
    private static final long MOST_LONGER_NANOS = TimeUnit.SECONDS.toNanos(60);

    /** So high that nobody is refused for them: what is open has to count in each length that comes and goes. */
    private static final List<String> NETWORKS = List.of(
            "", "ipv4/24=100000", "ipv4/24=90000, ipv4/16=100000", "ipv4/28=90000, ipv4/16=90000, ipv4/8=100000");

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

    private final TestBed<? extends TestServer> bed;
    private final long seed;
    private final Random random;
    private final Crowd crowd;
    private final LimitHistory history;

    /** Where the server listens and has listened. */
    private final Set<Integer> ports = new HashSet<>();

    /** What is left of the round. */
    private final List<Move> moves = new ArrayList<>();

    private int stops;
    private int checks;
    private int mostAtOnce;

    Chaos(TestBed<? extends TestServer> bed, ChaosProtocol protocol, long seed) throws GeneralSecurityException {
        this.bed = bed;
        this.seed = seed;
        this.random = new Random(seed);
        this.crowd = new Crowd(protocol);
        this.history = new LimitHistory(bed.limiter(), System.nanoTime());
    }

    /** Runs for so long, and ends with all clients gone. */
    void run(Duration duration) throws Exception {
        started();
        try {
            crowd.start(THREADS, seed + 1);
            long begin = System.nanoTime();
            long most = duration.toNanos() + MOST_LONGER_NANOS;
            while (System.nanoTime() - begin < (hasSeenEverything() ? duration.toNanos() : most)) {
                TimeUnit.MILLISECONDS.sleep(random.nextInt(50));
                bed.application().completeLater();
                disturb();
                crowd.failIfFailed();
            }
        } finally {
            crowd.end(bed.application()::completeLater);
        }
        crowd.failIfFailed();
        mostAtOnce = crowd.served().check(history);
        bed.application().completeLater();
        bed.awaitZero();
    }

    private boolean hasSeenEverything() {
        return stops > 0
                && checks > 0
                && history.changes() > 0
                && mostAtOnce > 1
                && bed.events().refused() > 0;
    }

    /** What has happened. */
    @Override
    public String toString() {
        LimiterSnapshot snapshot = bed.limiter().snapshot();
        return snapshot.admitted() + " admitted, " + snapshot.refused() + " and " + snapshot.refusedPending()
                + " pending refused, " + snapshot.responded() + " answered, " + snapshot.timedOut() + " timed out, "
                + bed.limiter().snapshot().forgotten() + " forgotten, " + history.changes() + " changes, " + stops
                + " stops, "
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
                if (bed.server() instanceof ContainerServer container) {
                    restart(container::stopConnector, container::startConnector);
                } else {
                    restart(bed.server()::stop, bed.server()::start);
                }
            }
            case RESTART_SERVER -> restart(bed.server()::stop, bed.server()::start);
            default -> TimeUnit.MILLISECONDS.sleep(random.nextInt(100));
        }
    }

    private interface Step {

        void run() throws Exception;
    }

    private void restart(Step stop, Step start) throws Exception {
        crowd.serverStopping();
        stop.run();
        stopped();
        start.run();
        started();
    }

    /** Nobody is accepted now, so clients need not stand still. They could not: Tomcat leaves its backlog open. */
    private void stopped() {
        stops++;
        crowd.serverStopped();
        TestBed.awaitUntil("nothing held by a server that is stopped", () -> {
            assertHeldIsCounted();
            assertThat(bed.limiter().snapshot().openConnections()).isZero();
        });
    }

    private void started() {
        ports.add(bed.server().port());
        crowd.serverStarted(bed.server().port());
    }

    /** Others warn of the setting. */
    private boolean knowsHeaders() {
        return bed.server() instanceof ContainerServer;
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
                .headerTimeout(
                        Duration.ofMillis(random.nextBoolean() || !knowsHeaders() ? 0 : 200 + random.nextInt(2000)))
                .maxPendingPerClient(random.nextInt(3) == 0 ? 1 + random.nextInt(3) : 0)
                .respondMaxOpen(random.nextInt(50))
                .tarpitTime(Duration.ofMillis(random.nextInt(300)))
                .tarpitMaxOpen(random.nextInt(50))
                .networkLimits(NETWORKS.get(random.nextInt(NETWORKS.size())))
                .maxRatePerClient(random.nextBoolean() ? "1000000/s" : "0")
                .dryRun(random.nextInt(20) == 0)
                .build();
    }

    /**
     * While all clients stand still: the server holds as many sockets of each client as are counted, and of no client
     * more than it may have.
     */
    private void check() throws InterruptedException {
        checks++;
        crowd.whileAllStandStill(bed.application()::completeLater, () -> {
            AtomicReference<Map<String, List<InetSocketAddress>>> held = new AtomicReference<>();
            TestBed.awaitUntil("as many sockets as are counted", () -> held.set(assertHeldIsCounted()));
            assertNoneHasTooMany(held.get());
            assertServing();
        });
    }

    private void assertServing() {
        try {
            bed.assertServing();
        } catch (IOException error) {
            throw new UncheckedIOException(error);
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

    /** Returns what is held, each of which is counted: it does not include what is just being refused. */
    private Map<String, List<InetSocketAddress>> assertHeldIsCounted() throws IOException {
        if (!KernelSockets.canBeRead()) {
            return Map.of();
        }
        bed.application().completeLater();
        Map<String, List<InetSocketAddress>> sockets = held();
        Map<String, Integer> held = new TreeMap<>();
        sockets.forEach((client, peers) -> held.put(client, peers.size()));
        Map<String, Integer> counted = new TreeMap<>();
        LimiterSnapshot snapshot = bed.limiter().snapshot(Integer.MAX_VALUE);
        snapshot.topClients()
                .forEach(client -> counted.put(client.client().address().getHostAddress(), client.openConnections()));
        assertThat(counted).isEqualTo(held);
        assertThat(snapshot.openConnections())
                .isEqualTo(held.values().stream().mapToInt(Integer::intValue).sum());
        assertThat(snapshot.clients()).isEqualTo(held.size());
        assertThat(snapshot.topNetworks())
                .allSatisfy(network -> assertThat(network.openConnections())
                        .as("connections of " + network.network())
                        .isEqualTo(held.entrySet().stream()
                                .filter(client -> network.network()
                                        .contains(Cidr.parse(client.getKey()).address()))
                                .mapToInt(Map.Entry::getValue)
                                .sum()));
        return sockets;
    }

    private void assertNoneHasTooMany(Map<String, List<InetSocketAddress>> held) {
        try {
            if (mostAtOnce <= 1) {
                // All are checked at the end; until then, it only tells whether enough has been seen.
                mostAtOnce = crowd.served().check(history);
            }
            for (Map.Entry<String, List<InetSocketAddress>> client : held.entrySet()) {
                // All of them were admitted by the time the last one was, which was after it had begun.
                long lastBegun = client.getValue().stream()
                        .mapToLong(peer -> crowd.beginNanos(peer, history.beginNanos()))
                        .max()
                        .orElseThrow();
                assertThat(client.getValue())
                        .as("sockets of " + client.getKey())
                        .hasSizeLessThanOrEqualTo(
                                history.most(InetAddress.getByName(client.getKey()), lastBegun, System.nanoTime()));
            }
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }
}
