package io.github.connlimit.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.github.connlimit.ClusterErrorPolicy;
import io.github.connlimit.ClusterMembership;
import io.github.connlimit.ClusterSnapshot;
import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.ConnectionPermit;
import io.github.connlimit.testing.RedisProcess;
import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisURI;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.api.sync.RedisCommands;
import io.lettuce.core.cluster.SlotHash;
import io.lettuce.core.codec.StringCodec;
import io.lettuce.core.output.StatusOutput;
import io.lettuce.core.protocol.CommandArgs;
import io.lettuce.core.protocol.CommandType;
import java.net.InetAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A real engine that answers, but cannot serve: a client that wants 60 connections has them once a lease is over. */
@Timeout(120)
class UnwellEngineTest {

    private static final int LIMIT = 100;
    private static final int FREE = 10;
    private static final int WANTED = 60;
    private static final Duration LEASE = Duration.ofSeconds(2);
    private static final Duration DEADLINE = Duration.ofSeconds(30);

    /** A lease, until it is known that nothing is answered, and what a busy machine takes. */
    private static final Duration SOON = LEASE.multipliedBy(3);

    private final List<AutoCloseable> opened = new ArrayList<>();
    private final List<ConnectionPermit> permits = new ArrayList<>();
    private final List<ConnectionLimiter> nodes = new ArrayList<>();
    private final RedisClient lettuce = open(RedisClient.create());
    private final Warnings warnings = open(new Warnings());

    /** What a user needs, as docs/cluster.md says. */
    private static final String[] DOCUMENTED = {
        "+eval", "+evalsha", "+time", "+get", "+set", "+hgetall", "+hset", "+hdel", "+del", "+pexpire"
    };

    @TempDir
    Path directory;

    private <T extends AutoCloseable> T open(T resource) {
        opened.add(0, resource);
        return resource;
    }

    @AfterEach
    void everythingEndsAtZero() throws Exception {
        permits.forEach(ConnectionPermit::close);
        for (AutoCloseable one : opened) {
            one.close();
        }
        for (ConnectionLimiter node : nodes) {
            assertThat(node.snapshot().openConnections()).isZero();
            assertThat(node.snapshot().clients()).isZero();
            assertThat(node.snapshot().errors()).isZero();
        }
    }

    private RedisProcess engine(String... options) throws Exception {
        return open(new RedisProcess(options).start());
    }

    private RedisCommands<String, String> commands(RedisProcess engine) {
        StatefulRedisConnection<String, String> connection = lettuce.connect(RedisURI.create(engine.uri()));
        return open(connection).sync();
    }

    private ConnectionLimiter node(String uri) {
        return node(uri, ClusterErrorPolicy.LOCAL);
    }

    private ConnectionLimiter node(String uri, ClusterErrorPolicy onError) {
        ConnectionLimiter node = new ConnectionLimiter(ConnectionLimits.builder()
                .maxPerClient(LIMIT)
                .onClusterError(onError)
                .leaseTime(LEASE)
                .clusterUri(uri)
                .build());
        ClusterMembership membership = node.joinCluster();
        open(membership);
        nodes.add(node);
        return node;
    }

    private ConnectionLimiter healthyNode(String uri) {
        ConnectionLimiter node = node(uri);
        await("a connection").atMost(DEADLINE).until(() -> figures(node).connected());
        return node;
    }

    private static ClusterSnapshot figures(ConnectionLimiter node) {
        return node.cluster().orElseThrow();
    }

    private static InetAddress client(int last) throws Exception {
        return InetAddress.getByAddress(new byte[] {127, 0, 0, (byte) last});
    }

    /** Tries until the client has so many. No try may wait. */
    private void awaitOpen(ConnectionLimiter node, InetAddress client, int connections, Duration deadline) {
        await(connections + " connections")
                .atMost(deadline)
                .pollInterval(Duration.ofMillis(10))
                .until(() -> {
                    boolean admitted = true;
                    while (admitted && node.openConnections(client) < connections) {
                        long began = System.nanoTime();
                        admitted = node.tryAcquire(client).map(permits::add).isPresent();
                        assertThat(System.nanoTime() - began).isLessThan(TimeUnit.SECONDS.toNanos(1));
                    }
                    return node.openConnections(client) == connections;
                });
    }

    /** Once by each node that it concerns. */
    private void awaitWarning(String part) {
        await(part).atMost(DEADLINE).until(() -> warnings.messages().stream().anyMatch(line -> line.contains(part)));
        assertThat(warnings.messages()).filteredOn(line -> line.contains(part)).hasSizeLessThanOrEqualTo(nodes.size());
    }

    private void assertAway(ConnectionLimiter node) {
        assertThat(figures(node).connected()).isFalse();
        assertThat(figures(node).away()).isPositive();
        // A client may be admitted before anything was asked for it.
        await("a request has failed").atMost(DEADLINE).until(() -> figures(node).failed() > 0);
    }

    /** Nothing is away any more, and then two nodes hold one limit. */
    private void assertWell(ConnectionLimiter one, ConnectionLimiter other, InetAddress client) {
        for (ConnectionLimiter node : List.of(one, other)) {
            await("all clients")
                    .atMost(DEADLINE)
                    .until(() -> figures(node).connected() && figures(node).away() == 0);
        }
        awaitOpen(one, client, LIMIT, DEADLINE);
        awaitOpen(other, client, FREE, DEADLINE);
        assertThat(other.tryAcquire(client)).isEmpty();
    }

    @Test
    void stopped() throws Exception {
        RedisProcess engine = engine();
        ConnectionLimiter node = healthyNode(engine.uri());
        Signals.send("STOP", engine.process());
        awaitOpen(node, client(2), FREE, DEADLINE);
        assertThat(node.tryAcquire(client(2))).isEmpty();
        awaitOpen(node, client(2), WANTED, SOON);
        assertAway(node);
        Signals.send("CONT", engine.process());
        await("answers").atMost(DEADLINE).until(() -> figures(node).connected());
    }

    @Test
    void withoutMemory() throws Exception {
        RedisProcess engine = engine();
        ConnectionLimiter node = healthyNode(engine.uri());
        ConnectionLimiter other = healthyNode(engine.uri());
        RedisCommands<String, String> commands = commands(engine);
        commands.configSet("maxmemory", "1");
        awaitOpen(node, client(2), WANTED, SOON);
        assertAway(node);
        awaitWarning("does not reserve (OOM); reservations hold for 2000 ms, then onClusterError=local");
        commands.configSet("maxmemory", "0");
        assertWell(node, other, client(3));
    }

    private static void user(RedisCommands<String, String> commands, String... rules) {
        CommandArgs<String, String> arguments = new CommandArgs<>(StringCodec.UTF8)
                .add("SETUSER")
                .add("limited")
                .add("reset")
                .add("on")
                .add(">secret")
                .add("~connlimit:*");
        for (String rule : rules) {
            arguments.add(rule);
        }
        commands.dispatch(CommandType.ACL, new StatusOutput<>(StringCodec.UTF8), arguments);
    }

    private static String limited(RedisProcess engine) {
        return "redis://limited:secret@127.0.0.1:" + engine.port();
    }

    /** Neither the script, nor what is in it. */
    @ParameterizedTest
    @ValueSource(strings = {"-evalsha", "-hset"})
    void withoutPermission(String missing) throws Exception {
        RedisProcess engine = engine();
        RedisCommands<String, String> commands = commands(engine);
        user(commands, "+@all", missing);
        ConnectionLimiter node = node(limited(engine));
        awaitOpen(node, client(2), WANTED, SOON);
        assertAway(node);
        awaitWarning("does not reserve (NOPERM)");
        user(commands, "+@all");
        assertWell(node, node(engine.uri()), client(3));
    }

    @Test
    void thePermissionsThatAreDocumentedAreEnough() throws Exception {
        RedisProcess engine = engine();
        user(commands(engine), DOCUMENTED);
        ConnectionLimiter node = healthyNode(limited(engine));
        assertWell(node, healthyNode(limited(engine)), client(2));
        assertThat(warnings.messages()).isEmpty();
    }

    @Test
    void thoseForARedisClusterAreEnough() throws Exception {
        RedisProcess one = shard("one");
        RedisProcess two = shard("two");
        beginCluster(commands(one), commands(two), two.port());
        for (RedisProcess shard : List.of(one, two)) {
            user(
                    commands(shard),
                    Stream.concat(Stream.of(DOCUMENTED), Stream.of("+cluster|nodes"))
                            .toArray(String[]::new));
        }
        String uri = limited(one) + ",127.0.0.1:" + two.port();
        ConnectionLimiter node = healthyNode(uri);
        assertWell(node, healthyNode(uri), client(true));
        assertThat(warnings.messages()).isEmpty();
    }

    @Test
    void oneShardIsDown() throws Exception {
        RedisProcess one = shard("one");
        RedisProcess two = shard("two");
        beginCluster(commands(one), commands(two), two.port());
        String uri = one.uri() + ",127.0.0.1:" + two.port();
        ConnectionLimiter node = healthyNode(uri);
        ConnectionLimiter other = healthyNode(uri);
        InetAddress unharmed = client(true);
        InetAddress harmed = client(false);
        two.kill();
        awaitOpen(node, harmed, WANTED, SOON);
        assertAway(node);
        awaitOpen(node, unharmed, LIMIT, DEADLINE);
        awaitOpen(other, unharmed, FREE, DEADLINE);
        assertThat(other.tryAcquire(unharmed)).isEmpty();
        assertThat(figures(node).away()).isEqualTo(1);
        await("a warning").atMost(DEADLINE).until(() -> !warnings.messages().isEmpty());
        assertThat(warnings.messages()).allMatch(line -> line.contains(" does not "));
        two.start();
        await("the other shard")
                .atMost(DEADLINE)
                .until(() -> figures(node).connected() && figures(node).away() == 0);
    }

    private RedisProcess shard(String name) throws Exception {
        return engine(
                "--cluster-enabled",
                "yes",
                "--cluster-require-full-coverage",
                "no",
                "--cluster-config-file",
                directory.resolve(name + ".conf").toString());
    }

    private static void beginCluster(
            RedisCommands<String, String> first, RedisCommands<String, String> second, int secondPort) {
        first.clusterAddSlots(IntStream.range(0, 8192).toArray());
        second.clusterAddSlots(IntStream.range(8192, 16384).toArray());
        first.clusterMeet("127.0.0.1", secondPort);
        for (RedisCommands<String, String> node : List.of(first, second)) {
            await("the cluster").atMost(DEADLINE).until(() -> node.clusterInfo().contains("cluster_state:ok"));
        }
    }

    /** {@return a client whose keys are on the first shard, or on the second} */
    private static InetAddress client(boolean first) throws Exception {
        for (int i = 2; ; i++) {
            InetAddress client = client(i);
            int slot = SlotHash.getSlot("{" + ReservationStore.slice("127.0.0." + i + "/32") + "}");
            if (slot < 8192 == first) {
                return client;
            }
        }
    }

    /** What the name of the primary leads to has become a replica; later, the name leads to the new one. */
    @Test
    void thePrimaryBecomesAReplica() throws Exception {
        RedisProcess engine = engine("--dir", directory.toString());
        RedisProcess next = engine("--dir", directory.toString());
        Wire name = open(new Wire(engine));
        ConnectionLimiter node = healthyNode(name.uri());
        ConnectionLimiter other = healthyNode(name.uri());
        commands(engine).replicaof("127.0.0.1", next.port());
        awaitOpen(node, client(2), WANTED, SOON);
        assertAway(node);
        awaitWarning("does not reserve (READONLY)");
        assertThat(warnings.messages()).noneMatch(line -> line.contains("forgotten"));
        name.lead(next);
        assertWell(node, other, client(3));
    }

    /** Nobody has needed it when it went. */
    @Test
    void itHasGoneWhileTheNodeWasIdle() throws Exception {
        RedisProcess engine = engine();
        ConnectionLimiter node = healthyNode(engine.uri());
        engine.kill();
        await("a lease to be over")
                .atMost(DEADLINE)
                .until(() -> figures(node).sinceLastAnswer().compareTo(LEASE.multipliedBy(2)) > 0);
        awaitOpen(node, client(2), WANTED, Duration.ofSeconds(1));
        assertAway(node);
    }

    private enum Fault {
        HANGS {
            @Override
            void begin(RedisProcess engine, RedisCommands<String, String> commands) throws Exception {
                Signals.send("STOP", engine.process());
            }

            @Override
            void end(RedisProcess engine, RedisCommands<String, String> commands) throws Exception {
                Signals.send("CONT", engine.process());
            }
        },
        HAS_NO_MEMORY {
            @Override
            void begin(RedisProcess engine, RedisCommands<String, String> commands) {
                commands.configSet("maxmemory", "1");
            }

            @Override
            void end(RedisProcess engine, RedisCommands<String, String> commands) {
                commands.configSet("maxmemory", "0");
            }
        },
        IS_A_REPLICA {
            @Override
            void begin(RedisProcess engine, RedisCommands<String, String> commands) {
                // Of nobody: what it has, it keeps.
                commands.replicaof("127.0.0.1", 1);
            }

            @Override
            void end(RedisProcess engine, RedisCommands<String, String> commands) {
                commands.replicaofNoOne();
            }
        };

        abstract void begin(RedisProcess engine, RedisCommands<String, String> commands) throws Exception;

        abstract void end(RedisProcess engine, RedisCommands<String, String> commands) throws Exception;
    }

    /** A client that wants all it can get from both nodes, before the fault, until both know of it, and for a lease more. */
    @ParameterizedTest
    @EnumSource
    void theBoundHoldsMeanwhile(Fault fault) throws Exception {
        RedisProcess engine = engine();
        RedisCommands<String, String> commands = commands(engine);
        ConnectionLimiter one = node(engine.uri(), ClusterErrorPolicy.FREE);
        ConnectionLimiter other = node(engine.uri(), ClusterErrorPolicy.FREE);
        floodUntil(() -> total(client(2)) >= LIMIT);
        fault.begin(engine, commands);
        floodUntil(() -> figures(one).away() > 0 && figures(other).away() > 0);
        long began = System.nanoTime();
        floodUntil(() -> System.nanoTime() - began > LEASE.toNanos());
        fault.end(engine, commands);
        assertWell(one, other, client(3));
    }

    private void floodUntil(Callable<Boolean> condition) {
        await("while there are too many attempts")
                .atMost(DEADLINE)
                .pollInterval(Duration.ofMillis(10))
                .until(() -> {
                    for (ConnectionLimiter node : nodes) {
                        for (int i = 0; i < 5; i++) {
                            node.tryAcquire(client(2)).ifPresent(permits::add);
                            assertThat(total(client(2))).isLessThanOrEqualTo(LIMIT + (nodes.size() - 1) * FREE);
                        }
                    }
                    return condition.call();
                });
    }

    private int total(InetAddress client) {
        return nodes.stream().mapToInt(node -> node.openConnections(client)).sum();
    }

    /** Somebody else has written there. */
    @Test
    void whatItKeepsCannotBeRead() throws Exception {
        RedisProcess engine = engine();
        RedisCommands<String, String> commands = commands(engine);
        String slice = "connlimit:1:{" + ReservationStore.slice("127.0.0.2/32") + "}:default";
        commands.hset(slice + ":127.0.0.2/32", "somebody", "what is this");
        ConnectionLimiter node = healthyNode(engine.uri());
        commands.del(slice);
        commands.lpush(slice, "no epoch");
        assertWell(node, healthyNode(engine.uri()), client(2));
        assertThat(commands.hgetall(slice + ":127.0.0.2/32")).doesNotContainKey("somebody");
    }
}
