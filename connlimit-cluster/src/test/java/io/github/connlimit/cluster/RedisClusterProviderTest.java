package io.github.connlimit.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.awaitility.Awaitility.await;

import io.github.connlimit.ClusterMembership;
import io.github.connlimit.ClusterSnapshot;
import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.ConnectionPermit;
import io.github.connlimit.testing.RedisProcess;
import io.github.connlimit.testing.TestCertificate;
import io.lettuce.core.AbstractRedisClient;
import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisURI;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.api.sync.RedisCommands;
import io.lettuce.core.cluster.RedisClusterClient;
import io.lettuce.core.cluster.api.StatefulRedisClusterConnection;
import io.lettuce.core.cluster.api.async.RedisClusterAsyncCommands;
import io.lettuce.core.sentinel.api.StatefulRedisSentinelConnection;
import java.net.InetAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Every kind of URI, with a limiter that has joined by it. */
@Timeout(120)
class RedisClusterProviderTest {

    private static final String PASSWORD = "secret";
    private static final int LIMIT = 100;
    private static final int CLIENTS = 20;
    private static final Duration DEADLINE = Duration.ofSeconds(30);

    /** It is 10 seconds. */
    private static final Duration LESS_THAN_A_LEASE = Duration.ofSeconds(8);

    @TempDir
    Path directory;

    private static ConnectionLimiter limiter(String uri) {
        return new ConnectionLimiter(
                ConnectionLimits.builder().maxPerClient(LIMIT).clusterUri(uri).build());
    }

    /** Two nodes, and clients that have all their limit on the first. */
    private static void holdsOneLimitTogether(String uri) throws Exception {
        holdOneLimitTogether(limiter(uri), limiter(uri), ConnectionLimiter::joinCluster);
    }

    private static void holdsOneLimitTogether(AbstractRedisClient client) throws Exception {
        holdOneLimitTogether(
                limiter(""), limiter(""), limiter -> limiter.joinCluster(new RedisClusterProvider(() -> client)));
    }

    private static void holdOneLimitTogether(
            ConnectionLimiter one, ConnectionLimiter other, Function<ConnectionLimiter, ClusterMembership> join)
            throws Exception {
        List<ConnectionPermit> permits = new ArrayList<>();
        try (ClusterMembership first = join.apply(one);
                ClusterMembership second = join.apply(other)) {
            assertThat(first).isNotSameAs(second);
            for (int i = 0; i < CLIENTS; i++) {
                awaitAll(one, InetAddress.getByName("127.0.1." + i), permits);
            }
            for (int i = 0; i < CLIENTS; i++) {
                InetAddress client = InetAddress.getByName("127.0.1." + i);
                open(other, client, permits);
                assertThat(other.openConnections(client))
                        .isEqualTo(other.limits().freeOf(LIMIT));
            }
            ClusterSnapshot figures = one.cluster().orElseThrow();
            assertThat(figures.connected()).isTrue();
            assertThat(figures.reservations()).isEqualTo(CLIENTS);
            assertThat(figures.reserved()).isEqualTo(CLIENTS * LIMIT);
            permits.forEach(ConnectionPermit::close);
        }
        // What they held is free at once.
        try (ClusterMembership again = join.apply(other)) {
            assertThat(again).isNotNull();
            permits.clear();
            awaitAll(other, InetAddress.getByName("127.0.1.0"), permits, LESS_THAN_A_LEASE);
            permits.forEach(ConnectionPermit::close);
        }
        for (ConnectionLimiter node : List.of(one, other)) {
            assertThat(node.snapshot().openConnections()).isZero();
            assertThat(node.snapshot().clients()).isZero();
            assertThat(node.snapshot().errors()).isZero();
        }
    }

    @Test
    void oneEngineWithAPassword() throws Exception {
        try (RedisProcess engine = new RedisProcess("--requirepass", PASSWORD).start()) {
            holdsOneLimitTogether(engine.uri(PASSWORD));
        }
    }

    @Test
    void aClientOfTheApplication() throws Exception {
        try (RedisProcess engine = new RedisProcess("--requirepass", PASSWORD).start();
                RedisClient client = RedisClient.create(engine.uri(PASSWORD))) {
            holdsOneLimitTogether(client);
        }
    }

    @Test
    void sentinel() throws Exception {
        try (RedisProcess engine = new RedisProcess().start();
                RedisProcess sentinel = RedisProcess.sentinel(engine, directory.resolve("sentinel.conf"))
                        .start()) {
            holdsOneLimitTogether("redis-sentinel://127.0.0.1:" + sentinel.port() + "#master");
        }
    }

    /** The replica has not got what came last. The node that holds it puts it back. */
    @Test
    void sentinelHasAReplicaTakeOverThatLacksTheLatest() throws Exception {
        InetAddress client = InetAddress.getByName("127.0.0.2");
        String key = "connlimit:1:{" + ReservationStore.slice("127.0.0.2/32") + "}:default:127.0.0.2/32";
        try (RedisProcess engine = new RedisProcess("--dir", directory.toString()).start();
                Wire replication = new Wire(engine);
                RedisProcess replica = new RedisProcess(
                                "--dir",
                                directory.toString(),
                                "--replicaof",
                                "127.0.0.1",
                                Integer.toString(replication.port()))
                        .start();
                RedisProcess sentinel = RedisProcess.sentinel(engine, directory.resolve("sentinel.conf"))
                        .start();
                RedisClient lettuce = RedisClient.create();
                StatefulRedisConnection<String, String> toReplica = connect(lettuce, replica);
                StatefulRedisSentinelConnection<String, String> toSentinel =
                        lettuce.connectSentinel(RedisURI.create(sentinel.uri()))) {
            String uri = "redis-sentinel://127.0.0.1:" + sentinel.port() + "#master";
            ConnectionLimiter one = limiter(uri);
            ConnectionLimiter other = limiter(uri);
            List<ConnectionPermit> permits = new ArrayList<>();
            try (ClusterMembership first = one.joinCluster();
                    ClusterMembership second = other.joinCluster()) {
                assertThat(first).isNotSameAs(second);
                await("nodes").atMost(DEADLINE).until(() -> areConnected(one, other));
                for (int i = 0; i < one.limits().freeOf(LIMIT); i++) {
                    permits.add(one.acquire(client));
                }
                await("the replica")
                        .atMost(DEADLINE)
                        .until(() -> !toSentinel.sync().replicas("master").isEmpty()
                                && toReplica.sync().hlen(key) == 1);
                replication.swallow();
                awaitAll(one, client, permits);
                assertThat(toReplica.sync().hvals(key))
                        .singleElement()
                        .asString()
                        .doesNotStartWith(LIMIT + " ");
                engine.kill();
                await("the replica to take over")
                        .atMost(DEADLINE)
                        .until(() -> toReplica.sync().info("replication").contains("role:master"));
                await("what it did not have")
                        .atMost(DEADLINE)
                        .until(() ->
                                toReplica.sync().hvals(key).stream().allMatch(held -> held.startsWith(LIMIT + " ")));
                open(other, client, permits);
                assertThat(other.openConnections(client))
                        .isEqualTo(other.limits().freeOf(LIMIT));
                await("all to go on").atMost(DEADLINE).until(() -> areConnected(one, other));
                permits.forEach(ConnectionPermit::close);
                permits.clear();
                awaitAll(other, client, permits);
                permits.forEach(ConnectionPermit::close);
            }
        }
    }

    private static boolean areConnected(ConnectionLimiter... nodes) {
        return Stream.of(nodes).allMatch(node -> node.cluster().orElseThrow().connected());
    }

    private static void awaitAll(ConnectionLimiter node, InetAddress client, List<ConnectionPermit> permits) {
        awaitAll(node, client, permits, DEADLINE);
    }

    private static void awaitAll(
            ConnectionLimiter node, InetAddress client, List<ConnectionPermit> permits, Duration deadline) {
        await("the whole limit")
                .atMost(deadline)
                .pollInterval(Duration.ofMillis(10))
                .until(() -> {
                    open(node, client, permits);
                    return node.openConnections(client) == LIMIT;
                });
    }

    private static void open(ConnectionLimiter node, InetAddress client, List<ConnectionPermit> permits) {
        for (int attempt = 0; attempt < LIMIT; attempt++) {
            node.tryAcquire(client).ifPresent(permits::add);
        }
    }

    /** The clients' keys are on both of its nodes. */
    @Test
    void redisCluster() throws Exception {
        try (RedisProcess one = clusterNode("one").start();
                RedisProcess two = clusterNode("two").start()) {
            try (RedisClient client = RedisClient.create();
                    StatefulRedisConnection<String, String> first = connect(client, one);
                    StatefulRedisConnection<String, String> second = connect(client, two)) {
                beginCluster(first.sync(), second.sync(), two.port());
                holdsOneLimitTogether(one.uri() + ",127.0.0.1:" + two.port());
                for (RedisCommands<String, String> node : List.of(first.sync(), second.sync())) {
                    assertThat(node.info("commandstats")).contains("cmdstat_evalsha:");
                    node.configResetstat();
                }
                try (RedisClusterClient ofTheApplication = RedisClusterClient.create(one.uri())) {
                    holdsOneLimitTogether(ofTheApplication);
                }
                for (RedisCommands<String, String> node : List.of(first.sync(), second.sync())) {
                    assertThat(node.info("commandstats")).contains("cmdstat_evalsha:");
                }
            }
        }
    }

    /** Otherwise each start is a warning in the log, and some seconds in which clients get what is free only. */
    @Test
    void whatIsFirstAskedOfARedisClusterIsAnswered() throws Exception {
        try (RedisProcess one = clusterNode("one").start();
                RedisProcess two = clusterNode("two").start();
                RedisClient client = RedisClient.create();
                StatefulRedisConnection<String, String> first = connect(client, one);
                StatefulRedisConnection<String, String> second = connect(client, two)) {
            beginCluster(first.sync(), second.sync(), two.port());
            try (RedisConnection connection = RedisConnection.to(one.uri() + ",127.0.0.1:" + two.port())) {
                await("a connection").atMost(DEADLINE).until(connection::isOpen);
                RedisClusterAsyncCommands<String, String> commands = connection.commands();
                List<CompletableFuture<Long>> answers = IntStream.range(0, ReservationStore.SLICES)
                        .mapToObj(slice -> commands.exists("{" + slice + "}").toCompletableFuture())
                        .toList();
                for (CompletableFuture<Long> answer : answers) {
                    assertThat(answer.get(DEADLINE.toSeconds(), TimeUnit.SECONDS))
                            .isZero();
                }
            }
        }
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

    /** Lettuce's client of a Redis Cluster waits for its threads, which may just tell of an answer. */
    @Test
    void whoLeavesARedisClusterDoesNotWaitForAnAnswer() throws Exception {
        try (RedisProcess one = clusterNode("one").start();
                RedisProcess two = clusterNode("two").start();
                RedisClient client = RedisClient.create();
                StatefulRedisConnection<String, String> first = connect(client, one);
                StatefulRedisConnection<String, String> second = connect(client, two);
                RedisClusterClient other = RedisClusterClient.create(one.uri())) {
            beginCluster(first.sync(), second.sync(), two.port());
            // Whether Lettuce waits depends on the order in which it finds what it has to close.
            for (int round = 0; round < 5; round++) {
                leaveWhileAnAnswerIsTold(one.uri() + ",127.0.0.1:" + two.port(), other);
            }
        }
    }

    private static void leaveWhileAnAnswerIsTold(String uri, RedisClusterClient other) throws Exception {
        RedisConnection connection = RedisConnection.to(uri);
        await("an answer")
                .atMost(DEADLINE)
                .ignoreExceptions()
                .until(() -> connection
                                .commands()
                                .exists("list")
                                .toCompletableFuture()
                                .get(DEADLINE.toSeconds(), TimeUnit.SECONDS)
                        == 0);
        CountDownLatch telling = new CountDownLatch(1);
        CountDownLatch left = new CountDownLatch(1);
        CompletableFuture<Boolean> told = connection
                .commands()
                .blpop(DEADLINE.toSeconds(), "list")
                .toCompletableFuture()
                .thenApply(answer -> {
                    telling.countDown();
                    boolean inTime = awaits(left);
                    connection.batch(1).answered(null);
                    return inTime;
                });
        try (StatefulRedisClusterConnection<String, String> pusher = other.connect()) {
            pusher.sync().lpush("list", "answer");
        }
        assertThat(awaits(telling)).isTrue();
        CompletableFuture.runAsync(connection::close).get(DEADLINE.toSeconds(), TimeUnit.SECONDS);
        left.countDown();
        assertThat(told.get(DEADLINE.toSeconds(), TimeUnit.SECONDS)).isTrue();
    }

    private static boolean awaits(CountDownLatch latch) {
        try {
            return latch.await(DEADLINE.toSeconds(), TimeUnit.SECONDS);
        } catch (InterruptedException interrupted) {
            throw new IllegalStateException(interrupted);
        }
    }

    /** The certificate has to be one that the JVM trusts, for the host in the URI. */
    @Test
    void tls() throws Exception {
        Path store = directory.resolve("keys.p12");
        try (RedisProcess engine = new RedisProcess("--requirepass", PASSWORD).start();
                Wire named = tlsTo(engine, "127.0.0.1");
                Wire unnamed = tlsTo(engine, "127.0.0.2")) {
            TestCertificate.write(store);
            String uri = "rediss://:" + PASSWORD + "@127.0.0.1:" + named.port();
            String otherHost = "rediss://:" + PASSWORD + "@127.0.0.2:" + unnamed.port();
            assertDoesNotAnswer(uri, "SunCertPathBuilderException: ");
            System.setProperty("javax.net.ssl.trustStore", store.toString());
            System.setProperty("javax.net.ssl.trustStorePassword", TestCertificate.PASSWORD);
            try {
                holdsOneLimitTogether(uri);
                assertDoesNotAnswer(otherHost, "CertificateException: ");
                holdsOneLimitTogether(otherHost + "?verifyPeer=CA");
            } finally {
                System.clearProperty("javax.net.ssl.trustStore");
                System.clearProperty("javax.net.ssl.trustStorePassword");
            }
        }
    }

    private static Wire tlsTo(RedisProcess engine, String address) throws Exception {
        return new Wire(
                engine, TestCertificate.serverContext().getServerSocketFactory(), InetAddress.getByName(address));
    }

    private static StatefulRedisConnection<String, String> connect(RedisClient client, RedisProcess engine) {
        return client.connect(RedisURI.create(engine.uri()));
    }

    private RedisProcess clusterNode(String name) throws Exception {
        return new RedisProcess(
                "--cluster-enabled",
                "yes",
                "--cluster-config-file",
                directory.resolve(name + ".conf").toString());
    }

    @Test
    void aWrongPasswordIsAnEngineThatDoesNotAnswer() throws Exception {
        try (RedisProcess engine = new RedisProcess("--requirepass", PASSWORD).start()) {
            assertDoesNotAnswer(engine.uri("wrong"), "WRONGPASS)");
        }
    }

    private static void assertDoesNotAnswer(String uri, String reason) throws Exception {
        ConnectionLimiter limiter = limiter(uri);
        try (Warnings warnings = new Warnings();
                ClusterMembership node = limiter.joinCluster()) {
            assertThat(node).isNotNull();
            List<ConnectionPermit> permits = new ArrayList<>();
            open(limiter, InetAddress.getByName("127.0.0.2"), permits);
            assertThat(permits).hasSize(limiter.limits().freeOf(LIMIT));
            assertThat(limiter.cluster().orElseThrow().connected()).isFalse();
            await("the reason in the log")
                    .atMost(DEADLINE)
                    .until(() -> !warnings.messages().isEmpty());
            assertThat(warnings.messages())
                    .singleElement(InstanceOfAssertFactories.STRING)
                    .startsWith(uri.replaceFirst("//.*@", "//***@") + " does not answer (" + reason)
                    .endsWith("); reservations hold for 10000 ms, then onClusterError=local");
            permits.forEach(ConnectionPermit::close);
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "redis://:secret@host:port",
                "redis://:secret@[::1",
                "redis://:se%zzcret@host",
                "redis-sentinel://:secret@host",
                "redis://:secret@one,two:port"
            })
    void aUriThatCannotBeReadIsNamedWithoutItsPassword(String uri) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> limiter(uri).joinCluster())
                .withMessageStartingWith("clusterUri: \"redis")
                .withMessageContaining("***@")
                .withMessageNotContainingAny("secret", "cret@")
                .withNoCause();
    }
}
