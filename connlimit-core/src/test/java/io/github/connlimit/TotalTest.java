package io.github.connlimit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.net.InetAddress;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The limit of all connections together, and the number of them from which the limits of clients hold. */
class TotalTest {

    private static final String EXEMPT = "192.0.2.1";

    private final RecordingListener listener = new RecordingListener();
    private final ConnectionLimiter limiter = new ConnectionLimiter(ConnectionLimits.defaults(), listener);
    private final List<ConnectionPermit> permits = new ArrayList<>();

    @AfterEach
    void nothingStays() {
        permits.forEach(ConnectionPermit::close);
        assertThat(limiter.snapshot().openConnections()).isZero();
        assertThat(limiter.snapshot().clients()).isZero();
    }

    private void limits(int maxTotal, int enforceAbove, int maxPerClient) {
        limiter.reconfigure(ConnectionLimits.builder()
                .maxTotal(maxTotal)
                .enforceAbove(enforceAbove)
                .maxPerClient(maxPerClient)
                .exempt(EXEMPT)
                .build());
    }

    private boolean connects(InetAddress client) {
        Optional<ConnectionPermit> permit = limiter.tryAcquire(client);
        permit.ifPresent(permits::add);
        return permit.isPresent();
    }

    private boolean connects(int client) {
        return connects(Addresses.ipv4(0x0a00_0000 + client));
    }

    /** How many of so many clients get a connection each. */
    private int connect(int clients) {
        int admitted = 0;
        for (int i = 0; i < clients; i++) {
            admitted += connects(i) ? 1 : 0;
        }
        return admitted;
    }

    private void closeOne() {
        permits.remove(permits.size() - 1).close();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 63, 64, 65, 1_000, 1_088, 1_089, 5_000})
    void isNeitherExceededNorMissed(int total) {
        limits(total, 0, 0);
        assertThat(connect(total + 500)).isEqualTo(total);
        assertThat(limiter.snapshot().refusedTotal()).isEqualTo(500);
        assertThat(limiter.snapshot().refused()).isZero();
        closeOne();
        assertThat(connect(3)).isEqualTo(1);
    }

    @Test
    void saysWhy() {
        limits(2, 0, 1);
        assertThat(connect(3)).isEqualTo(2);
        // Its own limit comes first.
        assertThat(connects(0)).isFalse();
        assertThat(listener.events)
                .containsExactly(
                        "admitted: 10.0.0.0/32 1/1",
                        "admitted: 10.0.0.1/32 1/1",
                        "refused: 10.0.0.2/32 0/1 TOTAL",
                        "refused: 10.0.0.0/32 1/1 CONNECTIONS");
    }

    @Test
    void letsExemptClientsInThatCountAllTheSame() {
        limits(3, 0, 0);
        assertThat(connect(2)).isEqualTo(2);
        for (int i = 0; i < 5; i++) {
            assertThat(connects(Addresses.ip(EXEMPT))).isTrue();
        }
        assertThat(connects(7)).isFalse();
    }

    @Test
    void isOnlyReportedInADryRun() {
        limits(2, 0, 0);
        limiter.reconfigure(limits -> limits.toBuilder().dryRun(true).build());
        assertThat(connect(5)).isEqualTo(5);
        assertThat(limiter.snapshot().dryRunRefusals()).containsEntry(RefusalReason.TOTAL, 3L);
        assertThat(limiter.snapshot().refusedTotal()).isZero();
    }

    @Test
    void changesLive() {
        limits(2, 0, 0);
        assertThat(connect(3)).isEqualTo(2);
        limits(4, 0, 0);
        assertThat(connect(3)).isEqualTo(2);
        limits(1, 0, 0);
        closeOne();
        assertThat(connect(1)).isZero();
        limits(0, 0, 0);
        assertThat(connect(3)).isEqualTo(3);
    }

    /** A connection that is counted for the client of its PROXY header takes the place that it has. */
    @Test
    void hasRoomForAnotherClientOfTheSameConnection() {
        limits(1, 0, 0);
        ConnectionGate<Object> gate = new ConnectionGate<>(limiter);
        Object channel = new Object();
        assertThat(gate.admit(channel, Addresses.ip(EXEMPT))).isTrue();
        assertThat(gate.reassign(channel, Addresses.ip(EXEMPT), Addresses.ipv4(1)))
                .isTrue();
        assertThat(limiter.openConnections(Addresses.ipv4(1))).isEqualTo(1);
        Object second = new Object();
        assertThat(gate.admit(second, Addresses.ip(EXEMPT))).isTrue();
        assertThat(gate.reassign(second, Addresses.ip(EXEMPT), Addresses.ipv4(2)))
                .isFalse();
        gate.releaseAll();
    }

    /** While one connection counts for its peer and for its client, another one finds neither less room nor more. */
    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void countsAConnectionOnceWhileItIsReassigned(int room) {
        InetAddress proxy = Addresses.ip(EXEMPT);
        AtomicReference<Runnable> meanwhile = new AtomicReference<>(() -> {});
        ConnectionLimiter shared = new ConnectionLimiter(
                ConnectionLimits.builder().maxTotal(2 + room).exempt(EXEMPT).build(), new LimiterListener() {
                    @Override
                    public void admitted(ClientUsage client) {
                        meanwhile.getAndSet(() -> {}).run();
                    }
                });
        ConnectionGate<String> gate = new ConnectionGate<>(shared);
        assertThat(gate.admit("a", proxy)).isTrue();
        assertThat(gate.admit("b", proxy)).isTrue();
        List<Boolean> outcomes = new ArrayList<>();
        meanwhile.set(() -> {
            outcomes.add(gate.reassign("b", proxy, Addresses.ipv4(2)));
            outcomes.add(gate.admit("c", Addresses.ipv4(3)));
            outcomes.add(gate.admit("d", Addresses.ipv4(4)));
        });
        assertThat(gate.reassign("a", proxy, Addresses.ipv4(1))).isTrue();
        assertThat(outcomes).containsExactly(true, room == 1, false);
        assertThat(shared.openConnections(Addresses.ipv4(1))).isEqualTo(1);
        assertThat(shared.openConnections(Addresses.ipv4(2))).isEqualTo(1);
        assertThat(shared.openConnections(proxy)).isZero();
        assertThat(gate.admit("e", Addresses.ipv4(5))).isFalse();
        gate.releaseAll();
        assertThat(shared.snapshot().openConnections()).isZero();
    }

    /** However a reassignment ends, the connection counts once, and no more connections fit than before. */
    @Test
    void isAsBeforeAfterAReassignment() {
        InetAddress proxy = Addresses.ip(EXEMPT);
        ConnectionGate<String> gate = new ConnectionGate<>(limiter);
        limits(2, 0, 0);
        limiter.reconfigure(
                limits -> limits.toBuilder().maxRatePerClient("1/m,1").build());
        assertThat(connects(1)).isTrue();
        assertThat(gate.admit("a", proxy)).isTrue();
        // Refused for the rate of its client: the last limit that is looked at.
        assertThat(gate.reassign("a", proxy, Addresses.ipv4(0x0a00_0001))).isFalse();
        assertThat(connects(2)).isFalse();
        // Its permit is closed before it is replaced, and so twice.
        gate.permit("a").orElseThrow().close();
        assertThat(gate.reassign("a", proxy, Addresses.ipv4(3))).isTrue();
        assertThat(connects(2)).isFalse();
        assertThat(gate.release("a")).isTrue();
        assertThat(connects(2)).isTrue();
        assertThat(connects(4)).isFalse();
    }

    /** Threads that come and go at once, where a total is looked at closely and where it is not. */
    @ParameterizedTest
    @ValueSource(ints = {1, 10, 1_100, 1_200})
    void isNeverExceededByManyAtOnce(int total) throws Exception {
        limits(total, 0, 0);
        AtomicInteger held = new AtomicInteger();
        AtomicInteger most = new AtomicInteger();
        int threads = 6;
        ExecutorService pool = Executors.newFixedThreadPool(threads);
        List<Future<Deque<ConnectionPermit>>> running = new ArrayList<>();
        for (int i = 0; i < threads; i++) {
            SplittableRandom random = new SplittableRandom(i);
            running.add(pool.submit(() -> comeAndGo(random, total, held, most)));
        }
        int left = 0;
        for (Future<Deque<ConnectionPermit>> end : running) {
            Deque<ConnectionPermit> mine = end.get(60, TimeUnit.SECONDS);
            permits.addAll(mine);
            left += mine.size();
        }
        pool.shutdown();
        assertThat(most).hasValueLessThanOrEqualTo(total).hasPositiveValue();
        assertThat(limiter.snapshot().openConnections()).isEqualTo(left);
        assertThat(connect(total + 1)).isEqualTo(total - left);
    }

    private Deque<ConnectionPermit> comeAndGo(
            SplittableRandom random, int total, AtomicInteger held, AtomicInteger most) {
        Deque<ConnectionPermit> mine = new ArrayDeque<>();
        long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(700);
        boolean more = true;
        while (System.nanoTime() < end) {
            // Up to the limit, and well below it, again and again.
            more = more ? mine.size() < total : mine.size() <= total / 12;
            Optional<ConnectionPermit> permit =
                    more ? limiter.tryAcquire(Addresses.ipv4(random.nextInt())) : Optional.empty();
            if (permit.isPresent()) {
                most.accumulateAndGet(held.incrementAndGet(), Math::max);
                mine.add(permit.get());
            } else if (!mine.isEmpty()) {
                more = false;
                held.decrementAndGet();
                mine.remove().close();
            }
        }
        return mine;
    }

    @Test
    void limitsOfClientsHoldAboveANumberOfAll() {
        limits(0, 10, 2);
        for (int i = 0; i < 6; i++) {
            assertThat(connects(0)).isTrue();
        }
        assertThat(connect(5))
                .as("5 clients, one of them over its limit, and 11 in all")
                .isEqualTo(5);
        assertThat(connects(0)).isFalse();
        assertThat(connects(1)).isTrue();
        assertThat(connects(1)).isFalse();
        assertThat(limiter.snapshot().refused()).isEqualTo(2);
        closeOne();
        closeOne();
        closeOne();
        assertThat(connects(0)).isTrue();
        assertThat(limiter.snapshot().refused()).isEqualTo(2);
    }

    @Test
    void soDoThoseOfPendingConnectionsAndStreams() {
        limiter.reconfigure(limits -> limits.toBuilder()
                .maxPerClient(20)
                .maxPendingPerClient(1)
                .reservedConnections(14)
                .enforceAbove(13)
                .build());
        ConnectionGate<Object> gate = new ConnectionGate<>(limiter);
        InetAddress client = Addresses.ipv4(1);
        for (int i = 0; i < 3; i++) {
            assertThat(gate.admit(i, client, ConnectionPhase.HANDSHAKE)).isTrue();
        }
        for (int i = 0; i < 9; i++) {
            ConnectionPermit permit = limiter.tryAcquire(client).orElseThrow();
            permits.add(permit);
        }
        // 12 in all; the reserve leaves 6 for streams.
        for (ConnectionPermit permit : permits) {
            assertThat(permit.tryBeginStream()).isPresent();
        }
        assertThat(connects(client)).isTrue();
        assertThat(permits.get(9).tryBeginStream()).isEmpty();
        assertThat(gate.admit("pending", client, ConnectionPhase.HANDSHAKE)).isFalse();
        gate.releaseAll();
    }

    @Test
    void enforcingHasToBeginBelowTheTotal() {
        ConnectionLimits.Builder limits =
                ConnectionLimits.builder().maxTotal(100).enforceAbove(100);
        assertThatIllegalArgumentException()
                .isThrownBy(limits::build)
                .withMessage("enforceAbove: \"100\" is not allowed; it has to be less than maxTotal, which is 100");
        assertThat(limits.enforceAbove(99).build().enforceAbove()).isEqualTo(99);
        assertThat(limits.maxTotal(0).enforceAbove(1_000).build().enforceAbove())
                .isEqualTo(1_000);
    }
}
