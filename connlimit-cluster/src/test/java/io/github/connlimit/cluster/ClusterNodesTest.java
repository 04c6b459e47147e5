package io.github.connlimit.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.github.connlimit.testing.RedisProcess;
import io.lettuce.core.RedisClient;
import io.lettuce.core.api.StatefulRedisConnection;
import java.net.InetAddress;
import java.net.Socket;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Nodes that are processes of their own, a real engine, and a client that opens whatever it gets. */
@Timeout(180)
class ClusterNodesTest {

    private static final int LIMIT = 100;
    private static final int FREE = 10;
    private static final Duration LEASE = Duration.ofSeconds(3);
    private static final Duration RENEWAL = LEASE.dividedBy(3);
    private static final Duration DEADLINE = Duration.ofSeconds(30);

    /** What a busy machine may take on top of what the clock says. */
    private static final Duration TOLERANCE = Duration.ofSeconds(2);

    private final List<AutoCloseable> open = new ArrayList<>();
    private RedisProcess engine;
    private Attacker attacker;

    @BeforeEach
    void start() throws Exception {
        engine = opened(new RedisProcess().start());
        attacker = opened(new Attacker("127.0.0.2"));
    }

    @AfterEach
    void stop() throws Exception {
        for (int i = open.size() - 1; i >= 0; i--) {
            open.get(i).close();
        }
    }

    private <T extends AutoCloseable> T opened(T resource) {
        open.add(resource);
        return resource;
    }

    private NodeProcess node(String uri, String... more) throws Exception {
        Map<String, String> settings = new LinkedHashMap<>(Map.of(
                "maxPerClient",
                Integer.toString(LIMIT),
                "freePerClient",
                Integer.toString(FREE),
                "leaseTime",
                LEASE.toMillis() + "ms",
                "clusterUri",
                uri));
        for (int i = 0; i < more.length; i += 2) {
            settings.put(more[i], more[i + 1]);
        }
        NodeProcess node = opened(new NodeProcess(settings));
        await("a connection to the engine")
                .atMost(DEADLINE)
                .until(() -> node.figures().connected());
        return node;
    }

    private NodeProcess node() throws Exception {
        return node(engine.uri());
    }

    private void awaitOpen(NodeProcess node, int connections, Duration deadline) {
        await("connections at " + node.port() + ": " + attacker.open(node))
                .atMost(deadline)
                .pollInterval(Duration.ofMillis(10))
                .until(() -> attacker.open(node) >= connections);
    }

    private void awaitTotal(int connections) {
        await("connections in all").atMost(DEADLINE).until(() -> attacker.total() >= connections);
    }

    private static long passed(long sinceNanos) {
        return TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - sinceNanos);
    }

    /** The flood goes on for a while: nothing may happen in it that has not happened yet. */
    private static void letPass(Duration time) {
        long end = System.nanoTime() + time.toNanos();
        await().atMost(time.plus(DEADLINE)).until(() -> System.nanoTime() - end >= 0);
    }

    private void everythingEndsAtZero(NodeProcess... nodes) throws Exception {
        attacker.close();
        for (NodeProcess node : nodes) {
            await("no open connection, no client, no reservation")
                    .atMost(DEADLINE)
                    .until(() -> {
                        NodeProcess.Figures figures = node.figures();
                        return figures.open() == 0 && figures.clients() == 0 && figures.reserved() == 0;
                    });
            assertThat(node.figures().errors()).isZero();
        }
    }

    @Test
    void threeNodesAreFloodedAtOnce() throws Exception {
        NodeProcess[] three = {node(), node(), node()};
        for (NodeProcess node : three) {
            attacker.flood(node);
        }
        awaitTotal(LIMIT);
        letPass(LEASE.multipliedBy(2));
        assertThat(attacker.most()).isBetween(LIMIT, LIMIT + 2 * FREE);
        for (NodeProcess node : three) {
            assertThat(attacker.open(node)).isGreaterThanOrEqualTo(FREE);
        }
        everythingEndsAtZero(three);
    }

    @Test
    void oneNodeHasTheWholeLimitWithinASecond() throws Exception {
        NodeProcess node = node();
        // Not the first client of all, for which nothing has been compiled.
        try (Attacker early = new Attacker("127.0.0.9")) {
            early.flood(node);
            await("all connections of an earlier client").atMost(DEADLINE).until(() -> early.total() == LIMIT);
        }
        long began = System.nanoTime();
        attacker.flood(node);
        awaitOpen(node, LIMIT, DEADLINE);
        assertThat(passed(began)).isLessThan(1000);
        everythingEndsAtZero(node);
    }

    @Test
    void aClientThatMovesIsRefusedForNoLongerThanARenewal() throws Exception {
        NodeProcess from = node();
        NodeProcess to = node();
        while (attacker.open(from) < LIMIT) {
            attacker.tryConnect(from);
        }
        attacker.close(from);
        attacker.flood(to);
        awaitOpen(to, LIMIT, RENEWAL.plus(TOLERANCE));
        assertThat(attacker.most()).isLessThanOrEqualTo(LIMIT);
        everythingEndsAtZero(from, to);
    }

    @Test
    void whatANodeHadThatWasKilledIsFreeAfterItsLease() throws Exception {
        NodeProcess killed = node();
        NodeProcess other = node();
        while (attacker.open(killed) < LIMIT) {
            attacker.tryConnect(killed);
        }
        attacker.flood(other);
        awaitOpen(other, FREE, DEADLINE);
        killed.kill();
        attacker.close(killed);
        awaitOpen(other, LIMIT, LEASE.plus(TOLERANCE));
        assertThat(attacker.most()).isLessThanOrEqualTo(LIMIT + FREE);
        everythingEndsAtZero(other);
    }

    /** Others get what it had, as it cannot use it. When it is back, it knows that. */
    @Test
    void aNodeThatWasStoppedAdmitsNothingByAnOldReservation() throws Exception {
        NodeProcess stopped = node();
        NodeProcess other = node();
        while (attacker.open(stopped) < LIMIT / 2) {
            attacker.tryConnect(stopped);
        }
        int before = attacker.open(stopped);
        stopped.freeze();
        attacker.flood(other);
        awaitOpen(other, LIMIT, LEASE.plus(DEADLINE));
        stopped.thaw();
        for (int i = 0; i < 200; i++) {
            assertThat(attacker.tryConnect(stopped)).isFalse();
        }
        assertThat(attacker.open(stopped)).isEqualTo(before);
        everythingEndsAtZero(stopped, other);
    }

    @Test
    void anEngineThatHangsLeavesTheLimitToEachNodeOnceTheLeasesHaveEnded() throws Exception {
        NodeProcess[] two = {node(), node()};
        for (NodeProcess node : two) {
            attacker.flood(node);
        }
        awaitTotal(LIMIT);
        Signals.send("STOP", engine.process());
        long frozen = System.nanoTime();
        letPass(LEASE.dividedBy(2));
        assertThat(attacker.most()).isLessThanOrEqualTo(LIMIT + FREE);
        awaitTotal(2 * LIMIT);
        assertThat(passed(frozen)).isGreaterThan(LEASE.minus(RENEWAL).toMillis());
        for (NodeProcess node : two) {
            assertThat(node.figures().connected()).isFalse();
        }
        letPass(LEASE);
        assertThat(attacker.most()).isEqualTo(2 * LIMIT);
        Signals.send("CONT", engine.process());
        for (NodeProcess node : two) {
            await("answers").atMost(DEADLINE).until(() -> node.figures().connected());
        }
        everythingEndsAtZero(two);
    }

    @Test
    void anEngineThatHangsLeavesWhatIsFreeIfThatIsWanted() throws Exception {
        NodeProcess[] two = {node(engine.uri(), "onClusterError", "free"), node(engine.uri(), "onClusterError", "free")
        };
        Signals.send("STOP", engine.process());
        for (NodeProcess node : two) {
            attacker.flood(node);
        }
        letPass(LEASE.multipliedBy(3));
        assertThat(attacker.most()).isEqualTo(2 * FREE);
        Signals.send("CONT", engine.process());
        awaitTotal(LIMIT);
        letPass(LEASE);
        assertThat(attacker.most()).isLessThanOrEqualTo(LIMIT + FREE);
        everythingEndsAtZero(two);
    }

    @Test
    void anEngineThatWasStartedAnewIsToldWhatTheNodesHold() throws Exception {
        NodeProcess[] three = {node(), node(), node()};
        for (NodeProcess node : three) {
            attacker.flood(node);
        }
        awaitTotal(LIMIT);
        for (int i = 0; i < 3; i++) {
            engine.kill();
            engine.start();
            for (NodeProcess node : three) {
                await("answers").atMost(DEADLINE).until(() -> node.figures().connected());
            }
            letPass(LEASE);
        }
        letPass(LEASE);
        assertThat(attacker.most()).isBetween(LIMIT, LIMIT + 2 * FREE);
        everythingEndsAtZero(three);
    }

    @Test
    void anEngineThatIsSlowOnlyTakesLonger() throws Exception {
        Wire wire = opened(new Wire(engine));
        NodeProcess[] two = {node(wire.uri(), "leaseTime", "10s"), node(wire.uri(), "leaseTime", "10s")};
        wire.slow(250);
        for (NodeProcess node : two) {
            attacker.flood(node);
        }
        awaitTotal(LIMIT);
        letPass(LEASE);
        assertThat(attacker.most()).isBetween(LIMIT, LIMIT + FREE);
        for (NodeProcess node : two) {
            assertThat(node.figures().connected()).isTrue();
        }
        wire.slow(0);
        everythingEndsAtZero(two);
    }

    /** Whether the end of the connection is seen, or nothing comes through any more. */
    @Test
    void aNodeThatIsCutOffKeepsWhatItHasForALeaseAndIsThenByItself() throws Exception {
        Wire wire = opened(new Wire(engine));
        NodeProcess cutOff = node(wire.uri());
        NodeProcess other = node();
        for (boolean seen : new boolean[] {true, false}) {
            try (Attacker client = new Attacker(seen ? "127.0.0.3" : "127.0.0.4")) {
                while (client.open(cutOff) < LIMIT / 2) {
                    client.tryConnect(cutOff);
                }
                if (seen) {
                    wire.cut();
                } else {
                    wire.swallow();
                }
                client.flood(cutOff);
                client.flood(other);
                await("the limit on each node")
                        .atMost(DEADLINE)
                        .until(() -> client.open(cutOff) == LIMIT && client.open(other) == LIMIT);
                letPass(LEASE);
                assertThat(client.most()).isEqualTo(2 * LIMIT);
                wire.mend();
                await("answers").atMost(DEADLINE).until(() -> cutOff.figures().connected());
            }
            everythingEndsAtZero(cutOff, other);
        }
    }

    @Test
    void smallClientsSendNothingOverTheNetwork() throws Exception {
        NodeProcess[] three = {node(), node(), node()};
        Deque<Socket> lately = new ArrayDeque<>();
        for (int i = 0; i < 100_000; i++) {
            InetAddress client =
                    InetAddress.getByAddress(new byte[] {127, (byte) (1 + (i >> 16)), (byte) (i >> 8), (byte) i});
            Socket socket = Attacker.connect(client, three[i % 3]);
            assertThat(socket).isNotNull();
            lately.add(socket);
            if (lately.size() > 3000) {
                lately.remove().close();
            }
        }
        // When it joined, each node has asked for the epoch.
        assertThat(calls("evalsha") + calls("eval")).isZero();
        assertThat(calls("get")).isEqualTo(three.length);
        while (!lately.isEmpty()) {
            lately.remove().close();
        }
        for (NodeProcess node : three) {
            assertThat(node.figures().requests()).isZero();
        }
        everythingEndsAtZero(three);
    }

    /** How often the engine has been given this command. */
    private long calls(String command) {
        String begin = "cmdstat_" + command + ":calls=";
        try (RedisClient client = RedisClient.create(engine.uri());
                StatefulRedisConnection<String, String> connection = client.connect()) {
            return connection
                    .sync()
                    .info("commandstats")
                    .lines()
                    .filter(line -> line.startsWith(begin))
                    .mapToLong(line -> Long.parseLong(line.substring(begin.length(), line.indexOf(','))))
                    .sum();
        }
    }

    /** Whatever becomes of the engine, connections are accepted as fast as ever. */
    @Test
    void acceptDoesNotWaitForTheEngine() throws Exception {
        NodeProcess node = node();
        attacker.flood(node);
        awaitTotal(LIMIT);
        accepted(node, Duration.ofSeconds(2));
        long healthy = accepted(node, Duration.ofSeconds(2));
        Signals.send("STOP", engine.process());
        long frozen = accepted(node, Duration.ofSeconds(4)) / 2;
        Signals.send("CONT", engine.process());
        engine.kill();
        long gone = accepted(node, Duration.ofSeconds(4)) / 2;
        System.out.println("accepted in 2 s: " + healthy + ", engine frozen: " + frozen + ", gone: " + gone);
        assertThat(frozen).isGreaterThan(healthy / 2);
        assertThat(gone).isGreaterThan(healthy / 2);
        everythingEndsAtZero(node);
    }

    private static long accepted(NodeProcess node, Duration time) throws Exception {
        long end = System.nanoTime() + time.toNanos();
        long accepted = 0;
        while (System.nanoTime() - end < 0) {
            int i = (int) accepted;
            InetAddress client =
                    InetAddress.getByAddress(new byte[] {127, (byte) (10 + (i >> 16)), (byte) (i >> 8), (byte) i});
            try (Socket socket = Attacker.connect(client, node)) {
                assertThat(socket).isNotNull();
                accepted++;
            }
        }
        return accepted;
    }
}
