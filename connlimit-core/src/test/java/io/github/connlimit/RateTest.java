package io.github.connlimit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.net.InetAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** How many connections a client may open in a time. */
class RateTest {

    private static final InetAddress ALICE = Addresses.ip("192.0.2.1");
    private static final InetAddress BOB = Addresses.ip("192.0.2.2");

    /** Soon to overflow, as that of the JDK may. */
    private final AtomicLong nanoTime = new AtomicLong(Long.MAX_VALUE - 1_000);

    private final ConnectionLimiter limiter = new ConnectionLimiter(
            ConnectionLimits.builder().maxPerClient(0).build(), nanoTime::get, new RecordingLogger());
    private final List<ConnectionPermit> permits = new ArrayList<>();

    @AfterEach
    void nothingStays() {
        permits.forEach(ConnectionPermit::close);
        assertThat(limiter.snapshot().openConnections()).isZero();
        assertThat(limiter.snapshot().clients()).isZero();
    }

    private void rate(String rate) {
        limiter.reconfigure(limits -> limits.toBuilder().maxRatePerClient(rate).build());
    }

    private void passes(Duration time) {
        nanoTime.addAndGet(time.toNanos());
    }

    /** How many of so many connections are admitted, none of which stays open. */
    private int connect(InetAddress client, int attempts) {
        int admitted = 0;
        for (int i = 0; i < attempts; i++) {
            Optional<ConnectionPermit> permit = limiter.tryAcquire(client);
            permit.ifPresent(ConnectionPermit::close);
            admitted += permit.isPresent() ? 1 : 0;
        }
        return admitted;
    }

    @Test
    void aBurstAndThenAsManyAsComeBack() {
        rate("20/s,40");
        assertThat(connect(ALICE, 100)).isEqualTo(40);
        passes(Duration.ofMillis(49));
        assertThat(connect(ALICE, 100)).isZero();
        passes(Duration.ofMillis(1));
        assertThat(connect(ALICE, 100)).isEqualTo(1);
        passes(Duration.ofSeconds(1));
        assertThat(connect(ALICE, 100)).isEqualTo(20);
        passes(Duration.ofDays(200 * 365));
        assertThat(connect(ALICE, 100)).isEqualTo(40);
        assertThat(limiter.snapshot().refusedRate()).isEqualTo(60 + 100 + 99 + 80 + 60);
    }

    @ParameterizedTest
    @CsvSource({"1/s, 1, 1", "7/s, 7, 7", "600/m, 600, 10", "'100/m,1', 1, 1", "'1000000/s,5', 5, 5", "'1/m,3', 3, 0"})
    void isInForceAsWritten(String rate, int burst, int afterOneSecond) {
        rate(rate);
        assertThat(connect(ALICE, 700)).isEqualTo(burst);
        passes(Duration.ofSeconds(1));
        assertThat(connect(ALICE, 700)).isEqualTo(afterOneSecond);
    }

    @Test
    void leavesOtherClientsAlone() {
        rate("1/m");
        assertThat(connect(ALICE, 10)).isEqualTo(1);
        assertThat(connect(BOB, 10)).isEqualTo(1);
        assertThat(limiter.snapshot().refusedRate()).isEqualTo(18);
    }

    @Test
    void aClientIsItsWholePrefix() {
        limiter.reconfigure(limits ->
                limits.toBuilder().maxRatePerClient("1/m,2").ipv4Prefix(24).build());
        assertThat(connect(ALICE, 1)).isEqualTo(1);
        assertThat(connect(BOB, 5)).isEqualTo(1);
        assertThat(connect(Addresses.ip("192.0.3.1"), 5)).isEqualTo(2);
    }

    @Test
    void aClientAndAClientInItHaveEachItsOwn() {
        limiter.reconfigure(limits -> limits.toBuilder()
                .maxRatePerClient("1/m")
                .ipv4Prefix(24)
                .limit("192.0.2.0", 5)
                .build());
        assertThat(connect(Addresses.ip("192.0.2.0"), 3)).isEqualTo(1);
        assertThat(connect(ALICE, 3)).isEqualTo(1);
    }

    @Test
    void rulesMayHaveTheirOwn() {
        limiter.reconfigure(ConnectionLimits.builder()
                .maxPerClient(50)
                .maxRatePerClient("2/m")
                .rules("192.0.2.1=7@3/m,4, 192.0.2.2=8 @ 0, 192.0.2.3 = 9, 192.0.2.4=unlimited")
                .build());
        assertThat(connect(ALICE, 10)).isEqualTo(4);
        assertThat(connect(BOB, 10)).isEqualTo(10);
        assertThat(connect(Addresses.ip("192.0.2.3"), 10)).isEqualTo(2);
        assertThat(connect(Addresses.ip("192.0.2.4"), 10)).isEqualTo(10);
        assertThat(connect(Addresses.ip("192.0.2.5"), 10)).isEqualTo(2);

        ConnectionLimits limits = limiter.limits();
        assertThat(limits.rateFor(ALICE)).isEqualTo("3/m,4");
        assertThat(limits.rateFor(BOB)).isEqualTo("0");
        assertThat(limits.rateFor(Addresses.ip("192.0.2.5"))).isEqualTo("2/m");
        assertThat(limits.toSettings())
                .containsEntry(
                        "rules", "192.0.2.1/32=7@3/m,4, 192.0.2.2/32=8@0, 192.0.2.3/32=9, 192.0.2.4/32=unlimited");
        assertThat(ConnectionLimits.builder()
                        .limit("192.0.2.1", 7, "3/m,4")
                        .limit("192.0.2.2", 8, "0")
                        .limit("192.0.2.3", 9)
                        .exempt("192.0.2.4")
                        .build()
                        .rules())
                .isEqualTo(limits.rules());
    }

    @Test
    void whatIsRefusedTakesNoToken() {
        limiter.reconfigure(ConnectionLimits.builder()
                .maxPerClient(1)
                .maxPendingPerClient(1)
                .maxRatePerClient("1/m,3")
                .build());
        for (int admitted = 1; admitted <= 3; admitted++) {
            permits.add(limiter.tryAcquire(ALICE).orElseThrow());
            // Because of its number, and not of its rate.
            assertThat(connect(ALICE, 10)).isZero();
            permits.remove(0).close();
        }
        assertThat(limiter.snapshot().refused()).isEqualTo(30);
        assertThat(connect(ALICE, 10)).isZero();
        assertThat(limiter.snapshot().refusedRate()).isEqualTo(10);
        passes(Duration.ofMinutes(1));
        assertThat(connect(ALICE, 10)).isEqualTo(1);
    }

    @Test
    void saysWhy() {
        RecordingListener listener = new RecordingListener();
        ConnectionLimiter told = new ConnectionLimiter(
                ConnectionLimits.builder()
                        .maxPerClient(3)
                        .maxRatePerClient("1/m")
                        .build(),
                listener);
        ConnectionPermit permit = told.tryAcquire(ALICE).orElseThrow();
        assertThat(told.tryAcquire(ALICE)).isEmpty();
        permit.close();
        assertThat(told.tryAcquire(ALICE)).isEmpty();
        assertThat(listener.events)
                .containsExactly(
                        "admitted: 192.0.2.1/32 1/3",
                        "refused: 192.0.2.1/32 1/3 RATE",
                        "closed: 192.0.2.1/32 0/3",
                        "refused: 192.0.2.1/32 0/3 RATE");
    }

    @Test
    void isOnlyReportedInADryRun() {
        rate("1/m,2");
        limiter.reconfigure(limits -> limits.toBuilder().dryRun(true).build());
        assertThat(connect(ALICE, 5)).isEqualTo(5);
        assertThat(limiter.snapshot().dryRunRefusals()).containsEntry(RefusalReason.RATE, 3L);
        assertThat(limiter.snapshot().refusedRate()).isZero();
    }

    @Test
    void isOnlyCountedOnAQuietServer() {
        rate("1/m,2");
        limiter.reconfigure(limits -> limits.toBuilder().enforceAbove(1).build());
        assertThat(connect(ALICE, 5)).isEqualTo(5);
        permits.add(limiter.tryAcquire(BOB).orElseThrow());
        assertThat(connect(ALICE, 5)).isZero();
        assertThat(connect(BOB, 5)).isEqualTo(1);
    }

    @Test
    void requestsBehindAProxyOpenNoConnections() {
        rate("1/m");
        ConnectionGate<Object> gate = new ConnectionGate<>(limiter);
        for (int i = 0; i < 5; i++) {
            assertThat(gate.admitRequest(new Object(), ALICE)).isTrue();
            permits.add(limiter.tryAcquireForRequest(ALICE).orElseThrow());
        }
        assertThat(connect(ALICE, 2)).isEqualTo(1);
        gate.releaseAll();
    }

    /** The client of a PROXY header has opened a connection, and its proxy is exempt. */
    @Test
    void countsConnectionsForTheClientOfTheirHeader() {
        rate("1/m");
        limiter.reconfigure(
                limits -> limits.toBuilder().exempt(BOB.getHostAddress()).build());
        ConnectionGate<Object> gate = new ConnectionGate<>(limiter);
        for (int i = 0; i < 3; i++) {
            Object channel = new Object();
            assertThat(gate.admit(channel, BOB, ConnectionPhase.HANDSHAKE)).isTrue();
            assertThat(gate.reassign(channel, BOB, ALICE)).isEqualTo(i == 0);
        }
        gate.releaseAll();
    }

    @Test
    void changesLive() {
        rate("1/m");
        assertThat(connect(ALICE, 3)).isEqualTo(1);
        // No longer than an empty bucket of the new rate takes.
        rate("10/s");
        assertThat(connect(ALICE, 20)).isZero();
        passes(Duration.ofMillis(300));
        assertThat(connect(ALICE, 20)).isEqualTo(3);
        rate("1/m,100");
        passes(Duration.ofMinutes(10));
        assertThat(connect(ALICE, 200)).isEqualTo(100);
        rate("1/s,2");
        assertThat(connect(ALICE, 5)).isZero();
        passes(Duration.ofSeconds(2));
        assertThat(connect(ALICE, 5)).isEqualTo(2);
        rate("0");
        assertThat(connect(ALICE, 5)).isEqualTo(5);
        // Nothing has been kept.
        rate("1/s,2");
        assertThat(connect(ALICE, 5)).isEqualTo(2);
    }

    /** With more clients than there is room for, some have full buckets too early, and none is refused too early. */
    @Test
    void moreClientsThanThereIsRoomForErrTowardsAdmitting() {
        rate("1/m");
        int clients = 1_000_000;
        for (int round = 0; round < 2; round++) {
            for (int i = 0; i < clients; i++) {
                assertThat(connect(Addresses.ipv6(0x2001_0db8_0000_0000L + i, 1), 1))
                        .isEqualTo(1);
                nanoTime.incrementAndGet();
            }
        }
        assertThat(connect(Addresses.ipv6(0x2001_0db8_0000_0000L + clients - 1, 1), 1))
                .isZero();
    }

    @Test
    void remembersAsManyClientsAsItSays() {
        rate("1/m");
        // A tenth of the room, so that hardly a row has more than it can hold.
        int clients = 10_000;
        for (int i = 0; i < clients; i++) {
            assertThat(connect(Addresses.ipv4(i), 1)).isEqualTo(1);
        }
        int forgotten = 0;
        for (int i = 0; i < clients; i++) {
            forgotten += connect(Addresses.ipv4(i), 1);
        }
        assertThat(forgotten).isLessThan(clients / 100);
    }

    /** The bucket that is overwritten is the fullest of its row. */
    @Test
    void forgetsTheFullestFirst() {
        Rate rate = Rate.parse("1/s,100");
        RateBuckets buckets = new RateBuckets();
        for (int taken = 0; taken < 10; taken++) {
            assertThat(buckets.tryTake(0, 1, 1, 64, rate, 0)).isTrue();
        }
        for (int other = 2; other < 10_000; other++) {
            assertThat(buckets.tryTake(0, other, 0, 64, rate, 0)).isTrue();
        }
        int left = 0;
        while (buckets.tryTake(0, 1, 1, 64, rate, 0)) {
            left++;
        }
        assertThat(left).isEqualTo(90);
    }

    @Test
    void isExactWhateverThreadsComeAtOnce() throws Exception {
        rate("1/m,1000");
        int threads = 8;
        ExecutorService executor = Executors.newFixedThreadPool(threads);
        try {
            CountDownLatch start = new CountDownLatch(threads);
            Callable<Integer> flood = () -> {
                start.countDown();
                start.await();
                return connect(ALICE, 500) + connect(BOB, 500);
            };
            List<Future<Integer>> admitted = new ArrayList<>();
            for (int i = 0; i < threads; i++) {
                admitted.add(executor.submit(flood));
            }
            int sum = 0;
            for (Future<Integer> one : admitted) {
                sum += one.get();
            }
            assertThat(sum).isEqualTo(2_000);
        } finally {
            executor.shutdownNow();
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "20",
                "20/h",
                "/s",
                "20/s,",
                "0/s",
                "20/s,0",
                "1000001/s",
                "1/s,1000001",
                "-1/s",
                "1.5/s",
                "20/s;40",
                "",
                "20/s,40,60",
                "٢/s"
            })
    void refusesWhatIsNoRate(String text) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> ConnectionLimits.builder().maxRatePerClient(text))
                .withMessage("maxRatePerClient: \"" + text
                        + "\" is not allowed; a number with its time, as in 20/s or 600/m, or with a burst as in 20/s,40,"
                        + " each number from 1 to 1000000, or 0 (= unlimited)");
    }

    @Test
    void refusesARateForABlockThatHasNoLimit() {
        ConnectionLimits.Builder builder = ConnectionLimits.builder();
        assertThatIllegalArgumentException()
                .isThrownBy(() -> builder.limit("192.0.2.0/24", 0, "5/s"))
                .withMessage("rules: \"192.0.2.0/24=unlimited@5/s\" is not allowed;"
                        + " a block without a limit has no rate either");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> builder.rules("192.0.2.0/24=5@x"))
                .withMessageStartingWith("rules: \"x\" is not allowed; a number with its time");
        assertThat(builder.build()).isEqualTo(ConnectionLimits.defaults());
    }
}
