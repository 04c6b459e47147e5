package io.github.connlimit.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.github.connlimit.testing.RedisProcess;
import io.lettuce.core.RedisClient;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.api.sync.RedisCommands;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(120)
class RedisReservationStoreTest {

    private static final Duration LONG = Duration.ofMinutes(10);
    private static final Duration SHORT = Duration.ofSeconds(5);
    private static final Duration DEADLINE = Duration.ofSeconds(20);
    private static final String CLIENT = "192.0.2.1/32";
    private static final String EPOCH = "connlimit:1:{" + ReservationStore.slice(CLIENT) + "}:test";
    private static final String KEY = EPOCH + ":" + CLIENT;

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
        RedisReservationStore store = new RedisReservationStore(way.connect(engine, open), "test", SHORT);
        open.add(0, store);
        return store;
    }

    private ReservationStore store(Way way, RedisProcess engine) {
        return connected(storeWithoutConnection(way, engine));
    }

    private ReservationStore store(Duration lease) {
        RedisReservationStore store = new RedisReservationStore(RedisConnection.to(redis.uri()), "test", lease);
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
        return request(node, CLIENT, wanted, 0, 1, held, limit);
    }

    private ReservationRequest request(
            String node, String client, int wanted, int needed, int least, int held, int limit) {
        return new ReservationRequest(
                ReservationStore.slice(client), node, client, ++number, wanted, needed, least, held, limit);
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
        assertThat(keys()).containsExactly(EPOCH);
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
        await("no keys are left").atMost(DEADLINE).until(() -> keys().equals(List.of(EPOCH)));
    }

    @Test
    void aRenewalOfAsMuchBeginsALease() throws Exception {
        ReservationStore store = store(LONG);
        reserve(store, "a", 50);
        command(commands -> {
            // As at the end of the lease.
            commands.hset(KEY, "a", "50 " + (System.currentTimeMillis() + 5_000) + " 0 100 " + LONG.toMillis());
            commands.pexpire(KEY, 5_000);
        });
        assertThat(reserve(store, request("a", 50, 50, 100)).connections()).isEqualTo(50);
        Reservation other = reserve(store, "b", 0);
        assertThat(other.freeMillis()).isGreaterThan((int) LONG.toMillis() / 2);
        command(commands -> assertThat(commands.pttl(KEY)).isGreaterThan(LONG.toMillis() / 2));
    }

    /** A node cannot renew meanwhile. What it had would go to whoever asks first when its lease is over. */
    @ParameterizedTest
    @ValueSource(strings = {"a", "b", "lacking"})
    void withoutMemoryNobodyGetsWhatIsOver(String field) throws Exception {
        ReservationStore store = store(LONG);
        reserve(store, "c", 10);
        command(commands -> {
            String text = field.equals("lacking") ? "5 1 " + LONG.toMillis() + " a" : "50 1 0 100 " + LONG.toMillis();
            commands.hset(KEY, field, text);
            commands.configSet("maxmemory", "1");
        });
        try {
            assertThatThrownBy(() -> reserve(store, request("b", 90, 0, 100))).hasMessageContaining("OOM");
        } finally {
            command(commands -> commands.configSet("maxmemory", "0"));
        }
        reserve(store, "b", 0);
        command(commands -> assertThat(commands.hkeys(KEY)).containsExactly("c"));
    }

    @Test
    void withoutMemoryNobodyGetsWhatIsOfAnotherType() throws Exception {
        ReservationStore store = store(LONG);
        command(commands -> {
            commands.set(KEY, "of somebody else");
            commands.configSet("maxmemory", "1");
        });
        try {
            assertThatThrownBy(() -> reserve(store, "b", 90)).hasMessageContaining("OOM");
        } finally {
            command(commands -> commands.configSet("maxmemory", "0"));
        }
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
        assertThat(reserve(store, "b", 10).epoch()).isEqualTo(first);
        forgetAll();
        String second = reserve(store, "b", 10).epoch();
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
    void othersLearnWhatIsLacking() throws Exception {
        ReservationStore store = store(LONG);
        assertThat(reserve(store, request("a", CLIENT, 100, 20, 11, 0, 100)).connections())
                .isEqualTo(50);
        assertThat(reserve(store, request("a", CLIENT, 100, 20, 11, 50, 25)).connections())
                .isEqualTo(25);
        Reservation nothing = reserve(store, request("b", CLIENT, 30, 20, 11, 0, 25));
        assertAnswer(nothing, 0, 0);
        assertThat(nothing.freeMillis()).isBetween(1, (int) LONG.toMillis());
        assertThat(reserve(store, request("a", CLIENT, 25, 20, 11, 25, 25)).lacking())
                .isEqualTo(20);
        reserve(store, request("b", CLIENT, 0, 0, 11, 0, 25));
        Reservation alone = reserve(store, request("a", CLIENT, 25, 20, 11, 25, 25));
        assertThat(alone.lacking()).isZero();
        assertThat(alone.freeMillis()).isZero();
    }

    /** Else, what 50 nodes ask for one client would read 50 fields each time. */
    @Test
    void nodesThatHaveNothingTakeOneFieldTogether() throws Exception {
        ReservationStore store = store(LONG);
        reserve(store, request("a", CLIENT, 100, 20, 11, 100, 100));
        for (int i = 0; i < 50; i++) {
            assertAnswer(reserve(store, request("node-" + i, CLIENT, 100, 20, 11, 0, 100)), 0, 0);
        }
        command(commands -> assertThat(commands.hkeys(KEY)).containsExactlyInAnyOrder("a", "lacking"));
        assertThat(reserve(store, request("a", CLIENT, 100, 20, 11, 100, 100)).lacking())
                .isEqualTo(20);
    }

    @Test
    void whatIsOfNoUseIsLeftToOthers() throws Exception {
        ReservationStore store = store(LONG);
        assertThat(reserve(store, "a", 80).connections()).isEqualTo(50);
        assertThat(reserve(store, request("a", 80, 50, 100)).connections()).isEqualTo(75);
        // Half of what is left is 13, which is of use; half of 12 is not, but 11 are.
        assertAnswer(reserve(store, request("b", CLIENT, 100, 0, 11, 0, 100)), 13, 12);
        assertAnswer(reserve(store, request("c", CLIENT, 100, 0, 11, 0, 100)), 11, 1);
        assertAnswer(reserve(store, request("d", CLIENT, 100, 0, 11, 0, 100)), 0, 1);
    }

    /** Of another version, or by somebody else. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "nonsense",
                "5 99999999999999 1",
                "5 99999999999999 1 100",
                "5 99999999999999 1 100 9999999",
                "5 99999999999999 1 100 500 0",
                "-5 99999999999999 1 100 500",
                "5 1e300 1 100 500",
                "99999999999999999999999999999999 99999999999999 1 100 500",
                "nan inf 1 100 500"
            })
    void whatCannotBeReadIsDropped(String field) throws Exception {
        ReservationStore store = store(LONG);
        command(commands -> commands.hset(KEY, "other", field));
        command(commands -> commands.hset(KEY, "a", field));
        command(commands -> commands.hset(KEY, "lacking", field));
        assertAnswer(reserve(store, "a", 100), 50, 50);
        command(commands -> assertThat(commands.hkeys(KEY)).containsExactly("a"));
    }

    @Test
    void whatIsOfAnotherTypeIsReplaced() throws Exception {
        ReservationStore store = store(LONG);
        command(commands -> commands.set(KEY, "text"));
        command(commands -> commands.del(EPOCH));
        command(commands -> commands.lpush(EPOCH, "list"));
        Reservation first = reserve(store, "a", 100);
        assertAnswer(first, 50, 50);
        assertThat(reserve(store, "b", 100).epoch()).isEqualTo(first.epoch());
        command(commands -> commands.set(EPOCH, "x".repeat(1000)));
        assertThat(reserve(store, "b", 100).epoch()).hasSizeLessThan(100).isNotEqualTo(first.epoch());
    }

    /** It has left an entry for which it would take an hour to end. */
    @Test
    void anEngineWhoseClockStepsBackDoesNotHoldForLongerThanALease() throws Exception {
        ReservationStore store = store(Duration.ofSeconds(2));
        long inAnHour = System.currentTimeMillis() + Duration.ofHours(1).toMillis();
        command(commands -> commands.hset(KEY, "dead", "60 " + inAnHour + " 7 100 1000"));
        command(commands -> commands.hset(KEY, "lacking", "60 " + inAnHour + " 1000 dead"));
        Reservation cut = reserve(store, "b", 100);
        assertAnswer(cut, 20, 20);
        assertThat(cut.lacking()).isZero();
        await("the end of the lease")
                .atMost(DEADLINE)
                .until(() -> reserve(store, "b", 100).connections() == 100);
    }

    private static void command(Consumer<RedisCommands<String, String>> use) {
        try (RedisClient client = RedisClient.create(redis.uri());
                StatefulRedisConnection<String, String> connection = client.connect()) {
            use.accept(connection.sync());
        }
    }

    @Test
    void manyRequestsGoTogether() throws Exception {
        ReservationStore store = store(LONG);
        List<ReservationRequest> requests = new ArrayList<>();
        for (int i = 0; i < 1000; i++) {
            requests.add(request("a", "client-" + i, 1 + i % 50, 0, 1, 0, 100));
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
            String client = "client-" + random.nextInt(3);
            ReservationRequest request = new ReservationRequest(
                    ReservationStore.slice(client),
                    "node-" + random.nextInt(4),
                    client,
                    // Some come late.
                    Math.max(1, ++number - random.nextInt(4)),
                    random.nextInt(60),
                    random.nextInt(60),
                    1 + random.nextInt(12),
                    random.nextInt(4) == 0 ? random.nextInt(40) : 0,
                    random.nextInt(10) == 0 ? 1 + random.nextInt(60) : 50);
            Reservation answer = reserve(store, request);
            Reservation expected = simulated.reserve(request);
            String what = "seed %d, request %d, %s".formatted(seed, i, request);
            assertThat(answer.connections()).as(what).isEqualTo(expected.connections());
            assertThat(answer.left()).as(what).isEqualTo(expected.left());
            assertThat(answer.lacking()).as(what).isEqualTo(expected.lacking());
            assertThat(answer.freeMillis() == 0).as(what).isEqualTo(expected.freeMillis() == 0);
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
            ReservationStore store = new RedisReservationStore(RedisConnection.by(() -> client), "test", LONG);
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
            ReservationStore store = new RedisReservationStore(connection, "test", LONG);
            assertThatThrownBy(() -> reserve(store, "a", 50)).isInstanceOf(ExecutionException.class);
            present.set(client);
            assertThat(connected(store).isConnected()).isTrue();
        }
    }
}
