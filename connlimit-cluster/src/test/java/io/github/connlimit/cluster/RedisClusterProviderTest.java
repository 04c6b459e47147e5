package io.github.connlimit.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.awaitility.Awaitility.await;

import io.github.connlimit.ClusterMembership;
import io.github.connlimit.ClusterSnapshot;
import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.ConnectionPermit;
import io.github.connlimit.redis.RedisProcess;
import io.lettuce.core.AbstractRedisClient;
import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisURI;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.api.sync.RedisCommands;
import io.lettuce.core.cluster.RedisClusterClient;
import java.net.InetAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Function;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import java.util.stream.IntStream;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Every kind of URI, with a limiter that has joined by it. */
@Timeout(120)
class RedisClusterProviderTest {

    private static final int LIMIT = 100;
    private static final int CLIENTS = 20;
    private static final Duration DEADLINE = Duration.ofSeconds(30);

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
                InetAddress client = InetAddress.getByName("127.0.1." + i);
                await("the whole limit")
                        .atMost(DEADLINE)
                        .pollInterval(Duration.ofMillis(10))
                        .until(() -> {
                            for (int attempt = 0; attempt < LIMIT; attempt++) {
                                one.tryAcquire(client).ifPresent(permits::add);
                            }
                            return one.openConnections(client) == LIMIT;
                        });
            }
            for (int i = 0; i < CLIENTS; i++) {
                InetAddress client = InetAddress.getByName("127.0.1." + i);
                for (int attempt = 0; attempt < LIMIT; attempt++) {
                    other.tryAcquire(client).ifPresent(permits::add);
                }
                assertThat(other.openConnections(client))
                        .isEqualTo(other.limits().freeOf(LIMIT));
            }
            ClusterSnapshot figures = one.cluster().orElseThrow();
            assertThat(figures.connected()).isTrue();
            assertThat(figures.reservations()).isEqualTo(CLIENTS);
            assertThat(figures.reserved()).isEqualTo(CLIENTS * LIMIT);
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
        try (RedisProcess engine = new RedisProcess("--requirepass", "secret").start()) {
            holdsOneLimitTogether(engine.uri().replace("//", "//:secret@"));
        }
    }

    @Test
    void aClientOfTheApplication() throws Exception {
        try (RedisProcess engine = new RedisProcess("--requirepass", "secret").start();
                RedisClient client = RedisClient.create(engine.uri().replace("//", "//:secret@"))) {
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

    /** The clients' keys are on both of its nodes. */
    @Test
    void redisCluster() throws Exception {
        try (RedisProcess one = clusterNode("one").start();
                RedisProcess two = clusterNode("two").start()) {
            try (RedisClient client = RedisClient.create();
                    StatefulRedisConnection<String, String> first = connect(client, one);
                    StatefulRedisConnection<String, String> second = connect(client, two)) {
                first.sync().clusterAddSlots(IntStream.range(0, 8192).toArray());
                second.sync().clusterAddSlots(IntStream.range(8192, 16384).toArray());
                first.sync().clusterMeet("127.0.0.1", two.port());
                for (RedisCommands<String, String> node : List.of(first.sync(), second.sync())) {
                    await("the cluster")
                            .atMost(DEADLINE)
                            .until(() -> node.clusterInfo().contains("cluster_state:ok"));
                }
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
        try (RedisProcess engine = new RedisProcess("--requirepass", "secret").start()) {
            ConnectionLimiter limiter = limiter(engine.uri().replace("//", "//:wrong@"));
            List<String> log = new CopyOnWriteArrayList<>();
            try (Warnings warnings = new Warnings(log);
                    ClusterMembership node = limiter.joinCluster()) {
                assertThat(warnings).isNotNull();
                assertThat(node).isNotNull();
                List<ConnectionPermit> permits = new ArrayList<>();
                for (int i = 0; i < LIMIT; i++) {
                    limiter.tryAcquire(InetAddress.getByName("127.0.0.2")).ifPresent(permits::add);
                }
                assertThat(permits).hasSize(limiter.limits().freeOf(LIMIT));
                assertThat(limiter.cluster().orElseThrow().connected()).isFalse();
                await("the reason in the log").atMost(DEADLINE).until(() -> !log.isEmpty());
                assertThat(log)
                        .first(InstanceOfAssertFactories.STRING)
                        .isEqualTo("redis://***@127.0.0.1:" + engine.port()
                                + " does not answer (WRONGPASS); reservations hold for 10000 ms, then"
                                + " onClusterError=local");
                permits.forEach(ConnectionPermit::close);
            }
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

    /** What this module warns of. */
    private static final class Warnings extends Handler implements AutoCloseable {

        private final Logger logger = Logger.getLogger(ClusterMember.class.getPackageName());
        private final List<String> messages;

        Warnings(List<String> messages) {
            this.messages = messages;
            setLevel(Level.WARNING);
            logger.addHandler(this);
        }

        @Override
        public void publish(LogRecord record) {
            if (isLoggable(record)) {
                messages.add(record.getMessage());
            }
        }

        @Override
        public void flush() {}

        @Override
        public void close() {
            logger.removeHandler(this);
        }
    }
}
