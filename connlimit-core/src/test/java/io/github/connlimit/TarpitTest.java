package io.github.connlimit;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Refused connections that are held. */
class TarpitTest {

    private static final InetAddress ALICE = Addresses.ip("192.0.2.1");
    private static final InetAddress BOB = Addresses.ip("192.0.2.2");
    private static final InetAddress CAROL = Addresses.ip("192.0.2.3");

    private static final ConnectionGate.Channels<String> CHANNELS = new ConnectionGate.Channels<>() {

        @Override
        public boolean isOpen(String channel) {
            return true;
        }

        @Override
        public boolean closeExpired(String channel, ConnectionPhase phase) {
            return true;
        }
    };

    /** Soon to overflow. */
    private final AtomicLong nanoTime = new AtomicLong(Long.MAX_VALUE - 1_000);

    private final RecordingLogger logger = new RecordingLogger();
    private final ConnectionLimiter limiter = new ConnectionLimiter(
            ConnectionLimits.builder()
                    .refuse(Refusal.TARPIT)
                    .tarpitTime(Duration.ofMillis(1000))
                    .tarpitMaxOpen(4)
                    .build(),
            nanoTime::get,
            logger);
    private final ConnectionGate<String> gate = new ConnectionGate<>(limiter);
    private final List<String> ended = new ArrayList<>();

    @AfterEach
    void nothingIsHeld() {
        gate.stopHolding();
        assertThat(limiter.snapshot().tarpitOpen()).isZero();
        gate.startHolding();
        // Nobody's share has stayed behind.
        assertThat(hold("last", ALICE)).isTrue();
        assertThat(hold("last but one", ALICE)).isTrue();
        gate.stopHolding();
    }

    private boolean hold(String channel, InetAddress peer) {
        return gate.tryHold(channel, peer, ended::add);
    }

    private long sweepAfter(long millis) {
        nanoTime.addAndGet(TimeUnit.MILLISECONDS.toNanos(millis));
        return gate.sweep(CHANNELS);
    }

    private void limits(int most, long millis) {
        limiter.reconfigure(limits -> limits.toBuilder()
                .tarpitMaxOpen(most)
                .tarpitTime(Duration.ofMillis(millis))
                .build());
    }

    @Test
    void endsEachAfterItsTime() {
        assertThat(hold("a", ALICE)).isTrue();
        assertThat(sweepAfter(600)).isEqualTo(401);
        assertThat(hold("b", BOB)).isTrue();
        assertThat(hold("c", ALICE)).isTrue();
        assertThat(limiter.snapshot().tarpitOpen()).isEqualTo(3);
        assertThat(sweepAfter(399)).isEqualTo(10);
        assertThat(ended).isEmpty();
        assertThat(sweepAfter(1)).isEqualTo(601);
        assertThat(ended).containsExactly("a");
        sweepAfter(600);
        assertThat(ended).containsExactly("a", "b", "c");
        assertThat(limiter.snapshot().tarpitOpen()).isZero();
        assertThat(limiter.snapshot().tarpitted()).isEqualTo(3);
        assertThat(limiter.snapshot().reset()).isZero();
    }

    /** It is looked for in time, even if the sweep before had nothing to wait for. */
    @Test
    void isSweptAsOftenAsItsTime() {
        limits(4, 100);
        assertThat(sweepAfter(0)).isEqualTo(101);
        limiter.reconfigure(limits -> limits.toBuilder().refuse(Refusal.RESET).build());
        assertThat(sweepAfter(0)).isEqualTo(1001);
    }

    @Test
    void holdsNoMoreThanItMayAndHalfOfThatForOneClient() {
        assertThat(hold("a", ALICE)).isTrue();
        assertThat(hold("b", ALICE)).isTrue();
        assertThat(hold("c", ALICE)).isFalse();
        assertThat(hold("d", BOB)).isTrue();
        assertThat(hold("e", CAROL)).isTrue();
        assertThat(hold("f", CAROL)).isFalse();
        assertThat(limiter.snapshot().reset()).isEqualTo(2);
        sweepAfter(1000);
        assertThat(ended).containsExactly("a", "b", "d", "e");
        assertThat(hold("g", ALICE)).isTrue();
    }

    @Test
    void halfOfAnOddNumberIsRoundedDown() {
        limits(5, 1000);
        assertThat(hold("a", ALICE)).isTrue();
        assertThat(hold("b", ALICE)).isTrue();
        assertThat(hold("c", ALICE)).isFalse();
        sweepAfter(1000);
    }

    /** The bounds are those of the limiter, whatever has been accepted where. */
    @Test
    void allGatesTogetherHoldNoMore() {
        ConnectionGate<String> other = new ConnectionGate<>(limiter);
        for (InetAddress client : List.of(ALICE, BOB)) {
            assertThat(hold("here", client)).isTrue();
            assertThat(other.tryHold("there", client, ended::add)).isTrue();
        }
        assertThat(hold("more", CAROL)).isFalse();
        other.stopHolding();
        assertThat(ended).containsExactly("there", "there");
        assertThat(hold("more", CAROL)).isTrue();
    }

    @Test
    void endsAllWhenItStops() {
        hold("a", ALICE);
        hold("b", BOB);
        gate.stopHolding();
        assertThat(ended).containsExactly("a", "b");
        assertThat(hold("c", ALICE)).isFalse();
        gate.startHolding();
        assertThat(hold("d", ALICE)).isTrue();
        sweepAfter(1000);
        assertThat(ended).containsExactly("a", "b", "d");
    }

    @Test
    void changesLive() {
        hold("a", ALICE);
        limits(2, 10);
        assertThat(hold("b", BOB)).isTrue();
        assertThat(hold("c", CAROL)).isFalse();
        sweepAfter(9);
        assertThat(ended).isEmpty();
        sweepAfter(1);
        assertThat(ended).containsExactly("a", "b");
        limits(0, 1000);
        assertThat(hold("d", ALICE)).isFalse();
        limits(4, 0);
        assertThat(hold("e", ALICE)).isFalse();
        limits(4, 1000);
        assertThat(hold("f", ALICE)).isTrue();
    }

    /** Whoever runs out of descriptors lowers the time, and needs those that are held already. */
    @Test
    void aLoweredTimeHoldsForThoseThatAreHeldAlready() {
        limits(4, TimeUnit.MINUTES.toMillis(10));
        hold("a", ALICE);
        assertThat(sweepAfter(600)).isEqualTo(1001);
        hold("b", BOB);
        limits(4, 1000);
        assertThat(sweepAfter(300)).isEqualTo(101);
        sweepAfter(100);
        assertThat(ended).containsExactly("a");
        sweepAfter(600);
        assertThat(ended).containsExactly("a", "b");
    }

    @Test
    void aRaisedTimeHoldsForThemToo() {
        hold("a", ALICE);
        limits(4, 2000);
        sweepAfter(1999);
        assertThat(ended).isEmpty();
        sweepAfter(1);
        assertThat(ended).containsExactly("a");
    }

    @Test
    void withAnotherRefusalNothingIsHeldAnyMore() {
        hold("a", ALICE);
        limiter.reconfigure(limits -> limits.toBuilder().refuse(Refusal.RESET).build());
        sweepAfter(0);
        assertThat(ended).containsExactly("a");
        limiter.reconfigure(limits -> limits.toBuilder().refuse(Refusal.TARPIT).build());
    }

    @Test
    void anErrorAtTheEndOfOneEndsTheOthers() {
        assertThat(gate.tryHold("a", ALICE, channel -> {
                    throw new IllegalStateException("made up");
                }))
                .isTrue();
        hold("b", ALICE);
        sweepAfter(1000);
        assertThat(ended).containsExactly("b");
        assertThat(logger.messages()).anyMatch(message -> message.contains("refusing a connection failed"));
        assertThat(limiter.snapshot().errors()).isEqualTo(1);
    }

    @Test
    void withoutAnAddressNothingIsHeld() {
        assertThat(hold("a", null)).isFalse();
        assertThat(logger.messages()).anyMatch(message -> message.contains("holding a refused connection failed"));
    }

    @Test
    void endsEachOnceWhateverThreadsComeAtOnce() throws Exception {
        limits(1_000, 1);
        AtomicInteger held = new AtomicInteger();
        AtomicInteger endedCount = new AtomicInteger();
        ExecutorService executor = Executors.newFixedThreadPool(4);
        try {
            List<Future<?>> all = new ArrayList<>();
            for (int i = 0; i < 3; i++) {
                InetAddress client = Addresses.ipv4(i);
                all.add(executor.submit(() -> {
                    // More than there is room for: it takes a sweep.
                    for (int mine = 0; mine < 2_000; ) {
                        if (gate.tryHold("some", client, channel -> endedCount.incrementAndGet())) {
                            held.incrementAndGet();
                            mine++;
                        }
                    }
                }));
            }
            Future<?> sweeping = executor.submit(() -> {
                for (int j = 0; !Thread.currentThread().isInterrupted(); j++) {
                    sweepAfter(1);
                    if (j % 50 == 0) {
                        gate.stopHolding();
                        gate.startHolding();
                    }
                }
            });
            for (Future<?> one : all) {
                one.get(60, TimeUnit.SECONDS);
            }
            assertThat(sweeping.isDone()).isFalse();
        } finally {
            executor.shutdownNow();
        }
        assertThat(executor.awaitTermination(60, TimeUnit.SECONDS)).isTrue();
        gate.stopHolding();
        assertThat(endedCount).hasValue(held.get()).hasValue(6_000);
        gate.startHolding();
        limits(4, 1000);
    }
}
