package io.github.connlimit.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.github.connlimit.testing.RedisProcess;
import io.lettuce.core.RedisClient;
import io.lettuce.core.api.StatefulRedisConnection;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@Timeout(120)
class RedisReservationStoreTest {

    private static final Duration LONG = Duration.ofHours(1);
    private static final Duration SHORT = Duration.ofSeconds(5);
    private static final Duration DEADLINE = Duration.ofSeconds(20);
    private static final String CLIENT = "192.0.2.1/32";

    private static RedisProcess redis;

    private final List<AutoCloseable> open = new ArrayList<>();
    private long number;

    @BeforeAll
    static void startRedis() throws Exception {
        redis = new RedisProcess().start();
    }

    @AfterAll
    static void stopRedis() throws Exception {
        redis.close();
    }

    @AfterEach
    void close() throws Exception {
        for (AutoCloseable one : open) {
            one.close();
        }
        forgetAll();
    }

    private static void forgetAll() {
        try (RedisClient client = RedisClient.create(redis.uri());
                StatefulRedisConnection<String, String> connection = client.connect()) {
            connection.sync().flushall();
        }
    }

    private static List<String> keys() {
        try (RedisClient client = RedisClient.create(redis.uri());
                StatefulRedisConnection<String, String> connection = client.connect()) {
            return connection.sync().keys("*");
        }
    }

    /** How a connection is made. */
    enum Way {
        BY_URI {
            @Override
            RedisConnection connect(RedisProcess engine, List<AutoCloseable> open) {
                return RedisConnection.to(engine.uri());
            }
        },

        /** One that waits for answers, and for a connection, for a minute. */
        BY_A_CLIENT_OF_THE_APPLICATION {
            @Override
            RedisConnection connect(RedisProcess engine, List<AutoCloseable> open) {
                RedisClient client = RedisClient.create(engine.uri());
                open.add(client);
                return RedisConnection.by(() -> client);
            }
        };

        /** @param open what the test has to close */
        abstract RedisConnection connect(RedisProcess engine, List<AutoCloseable> open);
    }

    private ReservationStore storeWithoutConnection(Way way, RedisProcess engine) {
        RedisReservationStore store = new RedisReservationStore(way.connect(engine, open), "test", "node", SHORT);
        open.add(0, store);
        return store;
    }

    private ReservationStore store(Way way, RedisProcess engine) {
        return connected(storeWithoutConnection(way, engine));
    }

    private ReservationStore store(Duration lease) {
        RedisReservationStore store = new RedisReservationStore(RedisConnection.to(redis.uri()), "test", "node", lease);
        open.add(store);
        return connected(store);
    }

    private ReservationStore connected(ReservationStore store) {
        await("a connection").atMost(DEADLINE).ignoreExceptions().until(() -> {
            reserve(store, request("nobody", 0, 0, 1));
            return true;
        });
        return store;
    }

    private ReservationRequest request(String node, int wanted, int held, int limit) {
        return new ReservationRequest(node, CLIENT, ++number, wanted, held, limit);
    }

    private static <T> T get(CompletionStage<T> stage) throws Exception {
        return stage.toCompletableFuture().get(20, TimeUnit.SECONDS);
    }

    private static Reservation reserve(ReservationStore store, ReservationRequest request) throws Exception {
        return get(store.reserve(List.of(request)).get(0));
    }

    private Reservation reserve(ReservationStore store, String node, int wanted) throws Exception {
        return reserve(store, request(node, wanted, 0, 100));
    }

    private static void assertAnswer(Reservation answer, int connections, int left) {
        assertThat(answer.connections()).isEqualTo(connections);
        assertThat(answer.left()).isEqualTo(left);
    }

    @Test
    void aNodeAloneSoonHasTheWholeLimit() throws Exception {
        ReservationStore store = store(LONG);
        List<Integer> grants = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
            grants.add(reserve(store, "a", 100).connections());
        }
        assertThat(grants).containsExactly(50, 75, 88, 94, 97, 99, 100, 100);
    }

    @Test
    void whoComesLaterFindsSomething() throws Exception {
        ReservationStore store = store(LONG);
        assertAnswer(reserve(store, "a", 100), 50, 50);
        assertAnswer(reserve(store, "b", 100), 25, 25);
        assertAnswer(reserve(store, "c", 100), 13, 12);
        assertAnswer(reserve(store, "d", 5), 5, 7);
    }

    @Test
    void whatIsGivenBackIsLeftForOthers() throws Exception {
        ReservationStore store = store(LONG);
        assertThat(reserve(store, "a", 50).connections()).isEqualTo(50);
        assertAnswer(reserve(store, "a", 10), 10, 90);
        assertThat(reserve(store, "b", 45).connections()).isEqualTo(45);
        assertAnswer(reserve(store, "a", 0), 0, 55);
        assertAnswer(reserve(store, "b", 0), 0, 100);
        assertThat(keys()).containsExactly("connlimit:test:epoch");
    }

    @Test
    void aLoweredLimitTakesFromWhoAsksNext() throws Exception {
        ReservationStore store = store(LONG);
        reserve(store, "a", 40);
        reserve(store, "b", 30);
        assertAnswer(reserve(store, request("a", 40, 40, 50)), 20, 0);
        assertAnswer(reserve(store, request("b", 30, 30, 20)), 0, 0);
    }

    @Test
    void aReservationEndsWithItsLease() throws Exception {
        ReservationStore store = store(Duration.ofMillis(500));
        assertThat(reserve(store, "a", 50).connections()).isEqualTo(50);
        await("the end of the lease")
                .atMost(DEADLINE)
                .until(() -> reserve(store, "b", 50).connections() == 50);
        await("no keys are left").atMost(DEADLINE).until(() -> keys().equals(List.of("connlimit:test:epoch")));
    }

    @Test
    void aRequestThatWasOvertakenChangesNothing() throws Exception {
        ReservationStore store = store(LONG);
        ReservationRequest early = request("a", 10, 0, 100);
        assertThat(reserve(store, request("a", 40, 0, 100)).connections()).isEqualTo(40);
        assertAnswer(reserve(store, early), 40, Reservation.LATE);
        assertAnswer(reserve(store, "b", 100), 30, 30);
    }

    @Test
    void nodesPutBackWhatTheEngineHasForgotten() throws Exception {
        ReservationStore store = store(LONG);
        assertThat(reserve(store, "a", 50).connections()).isEqualTo(50);
        forgetAll();
        assertAnswer(reserve(store, request("a", 50, 50, 100)), 50, 50);
    }

    @Test
    void anEngineThatHasForgottenBeginsANewEpoch() throws Exception {
        ReservationStore store = store(LONG);
        String first = reserve(store, "a", 50).epoch();
        assertThat(get(store.epoch())).isEqualTo(first);
        assertThat(reserve(store, "b", 10).epoch()).isEqualTo(first);
        forgetAll();
        String second = get(store.epoch());
        assertThat(second).isNotEqualTo(first);
        assertThat(reserve(store, "a", 50).epoch()).isEqualTo(second);
    }

    @Test
    void anotherLimitOfAnotherNodeIsTold() throws Exception {
        ReservationStore store = store(LONG);
        assertThat(reserve(store, request("a", 10, 0, 100)).otherLimit()).isZero();
        assertThat(reserve(store, request("a", 10, 10, 90)).otherLimit()).isZero();
        assertThat(reserve(store, request("b", 10, 0, 100)).otherLimit()).isEqualTo(90);
    }

    @Test
    void manyRequestsGoTogether() throws Exception {
        ReservationStore store = store(LONG);
        List<ReservationRequest> requests = new ArrayList<>();
        for (int i = 0; i < 1000; i++) {
            requests.add(new ReservationRequest("a", "client-" + i, ++number, 1 + i % 50, 0, 100));
        }
        List<CompletionStage<Reservation>> answers = store.reserve(requests);
        for (int i = 0; i < 1000; i++) {
            assertThat(get(answers.get(i)).connections()).isEqualTo(1 + i % 50);
        }
    }

    /** The script and its twin in Java, which other tests go by, answer alike. */
    @Test
    void doesWhatTheSimulationDoes() throws Exception {
        ReservationStore store = store(LONG);
        SimulatedEngine simulated = new SimulatedEngine(LONG.toMillis());
        long seed = System.nanoTime();
        Random random = new Random(seed);
        for (int i = 0; i < 3000; i++) {
            if (random.nextInt(100) == 0) {
                forgetAll();
                simulated.forget();
            }
            ReservationRequest request = new ReservationRequest(
                    "node-" + random.nextInt(4),
                    "client-" + random.nextInt(3),
                    // Some come late.
                    Math.max(1, ++number - random.nextInt(4)),
                    random.nextInt(60),
                    random.nextInt(4) == 0 ? random.nextInt(40) : 0,
                    random.nextInt(10) == 0 ? 1 + random.nextInt(60) : 50);
            Reservation answer = reserve(store, request);
            Reservation expected = simulated.reserve(request);
            String what = "seed %d, request %d, %s".formatted(seed, i, request);
            assertThat(answer.connections()).as(what).isEqualTo(expected.connections());
            assertThat(answer.left()).as(what).isEqualTo(expected.left());
            // If there are several, it may be any of them.
            assertThat(answer.otherLimit() == 0).as(what).isEqualTo(expected.otherLimit() == 0);
        }
    }

    @ParameterizedTest
    @EnumSource
    void anEngineThatIsGoneFailsTheAnswersAndIsUsedAgainWhenItIsBack(Way way) throws Exception {
        try (RedisProcess other = new RedisProcess().start()) {
            ReservationStore store = store(way, other);
            assertThat(reserve(store, "a", 50).connections()).isEqualTo(50);
            other.kill();
            await("failures")
                    .atMost(DEADLINE)
                    .untilAsserted(() ->
                            assertThatThrownBy(() -> reserve(store, "a", 50)).isInstanceOf(ExecutionException.class));
            other.start();
            // It knows neither the script nor the reservations.
            await("answers")
                    .atMost(DEADLINE)
                    .ignoreExceptions()
                    .until(() -> reserve(store, request("a", 50, 50, 100)).connections() == 50);
        }
    }

    @ParameterizedTest
    @EnumSource
    void anEngineThatHangsFailsTheAnswersInTime(Way way) throws Exception {
        try (RedisProcess other = new RedisProcess().start()) {
            ReservationStore store = store(way, other);
            Signals.send("STOP", other.process());
            assertThatThrownBy(() -> reserve(store, "a", 50)).isInstanceOf(ExecutionException.class);
            Signals.send("CONT", other.process());
            await("answers")
                    .atMost(DEADLINE)
                    .ignoreExceptions()
                    .until(() -> reserve(store, "a", 50).connections() > 0);
        }
    }

    @ParameterizedTest
    @EnumSource
    void anEngineThatComesLaterIsFound(Way way) throws Exception {
        try (RedisProcess late = new RedisProcess()) {
            ReservationStore store = storeWithoutConnection(way, late);
            assertThatThrownBy(() -> reserve(store, "a", 50)).isInstanceOf(ExecutionException.class);
            await("the reason").atMost(DEADLINE).until(() -> store.failure().contains("Connection refused"));
            late.start();
            await("answers")
                    .atMost(DEADLINE)
                    .ignoreExceptions()
                    .until(() -> reserve(store, "a", 50).connections() == 50);
            assertThat(store.failure()).isEmpty();
        }
    }

    @Test
    void aClientOfTheApplicationIsUsedByOneConnectionAndLeftToIt() throws Exception {
        try (RedisClient client = RedisClient.create(redis.uri());
                StatefulRedisConnection<String, String> others = client.connect()) {
            ReservationStore store = new RedisReservationStore(RedisConnection.by(() -> client), "test", "node", LONG);
            connected(store);
            assertThat(connections(others)).isEqualTo(2);
            store.close();
            await("the end of its connection").atMost(DEADLINE).until(() -> connections(others) == 1);
            assertThat(others.sync().ping()).isEqualTo("PONG");
        }
    }

    private static long connections(StatefulRedisConnection<String, String> connection) {
        return connection.sync().clientList().lines().count();
    }

    /** As that of Spring for static replicas. */
    @Test
    void aClientWithoutAUriSaysSo() throws Exception {
        try (RedisClient client = RedisClient.create();
                RedisConnection connection = RedisConnection.by(() -> client)) {
            await("the reason")
                    .atMost(DEADLINE)
                    .until(() -> connection.failure().startsWith("IllegalStateException: RedisURI is not available"));
        }
    }

    /** As one that Spring has stopped, and will start again. */
    @Test
    void aClientOfTheApplicationMayFailToBeThere() throws Exception {
        AtomicReference<RedisClient> present = new AtomicReference<>();
        try (RedisClient client = RedisClient.create(redis.uri());
                RedisConnection connection = RedisConnection.by(() -> Objects.requireNonNull(present.get()))) {
            ReservationStore store = new RedisReservationStore(connection, "test", "node", LONG);
            assertThatThrownBy(() -> reserve(store, "a", 50)).isInstanceOf(ExecutionException.class);
            present.set(client);
            assertThat(connected(store).isConnected()).isTrue();
        }
    }
}
