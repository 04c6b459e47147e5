package io.github.connlimit;

import static io.github.connlimit.Addresses.ip;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;

import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class ConnectionGateTest {

    private static final InetAddress PEER = ip("127.0.0.2");

    private final RecordingLogger logger = new RecordingLogger();
    private final RecordingListener listener = new RecordingListener();
    private final AtomicLong nanoTime = new AtomicLong();

    /** Once. */
    private boolean clockFails;

    private final ConnectionLimiter limiter =
            new ConnectionLimiter(ConnectionLimits.builder().maxPerClient(2).build(), this::nanoTime, logger, listener);
    private final ConnectionGate<String> gate = new ConnectionGate<>(limiter);

    @AfterEach
    void everythingEndsAtZero() {
        gate.releaseAll();
        assertThat(gate.openConnections()).isZero();
        assertThat(limiter.snapshot().clients()).isZero();
        assertThat(limiter.snapshot().openConnections()).isZero();
    }

    private long nanoTime() {
        if (clockFails) {
            clockFails = false;
            throw new OutOfMemoryError("made up");
        }
        return nanoTime.get();
    }

    private void onError(ErrorPolicy policy) {
        limiter.reconfigure(limits -> limits.toBuilder().onError(policy).build());
    }

    @Test
    void admitsUpToTheLimit() {
        assertThat(gate.limiter()).isSameAs(limiter);
        assertThat(gate.admit("a", PEER)).isTrue();
        assertThat(gate.admit("b", PEER)).isTrue();
        assertThat(gate.admit("c", PEER)).isFalse();
        assertThat(gate.openConnections()).isEqualTo(2);
        assertThat(gate.release("c")).isFalse();
        assertThat(gate.release("a")).isTrue();
        assertThat(gate.openConnections()).isEqualTo(1);
        assertThat(limiter.openConnections(PEER)).isEqualTo(1);
        assertThat(gate.admit("c", PEER)).isTrue();
    }

    @Test
    void admittingTwiceCountsOnce() {
        assertThat(gate.admit("a", PEER)).isTrue();
        assertThat(gate.admit("a", PEER)).isTrue();
        assertThat(gate.openConnections()).isEqualTo(1);
        assertThat(limiter.openConnections(PEER)).isEqualTo(1);
        assertThat(gate.admit("b", PEER)).isTrue();
        // At the limit by now, but this one has its permit.
        assertThat(gate.admit("a", PEER)).isTrue();
        assertThat(listener.events).containsExactly("admitted: 127.0.0.2/32 1/2", "admitted: 127.0.0.2/32 2/2");
        assertThat(gate.release("a")).isTrue();
        assertThat(gate.release("a")).isFalse();
        assertThat(limiter.openConnections(PEER)).isEqualTo(1);
    }

    @Test
    void releasingTwiceOrTheWrongOneGivesBackNothing() {
        gate.admit("a", PEER);
        gate.admit("b", PEER);
        assertThat(gate.release("a")).isTrue();
        assertThat(gate.release("a")).isFalse();
        assertThat(gate.release("c")).isFalse();
        assertThat(limiter.openConnections(PEER)).isEqualTo(1);
        ConnectionGate<String> other = new ConnectionGate<>(limiter);
        assertThat(other.release("b")).isFalse();
        assertThat(other.releaseAll()).isZero();
        assertThat(other.openConnections()).isZero();
        assertThat(limiter.openConnections(PEER)).isEqualTo(1);
        assertThat(logger.entries).isEmpty();
    }

    @Test
    void gatesShareTheCountOfTheirLimiter() {
        ConnectionGate<String> other = new ConnectionGate<>(limiter);
        assertThat(gate.admit("a", PEER)).isTrue();
        assertThat(other.admit("a", PEER)).isTrue();
        assertThat(gate.admit("b", PEER)).isFalse();
        assertThat(other.releaseAll()).isEqualTo(1);
        assertThat(gate.admit("b", PEER)).isTrue();
    }

    @ParameterizedTest
    @EnumSource(ErrorPolicy.class)
    void withoutAPeerThePolicyDecides(ErrorPolicy policy) {
        onError(policy);
        assertThat(gate.admit("a", null)).isEqualTo(policy == ErrorPolicy.ADMIT);
        assertThat(gate.openConnections()).isZero();
        assertThat(logger.errors()).hasSize(1);
        assertThat(logger.errors().get(0).message()).isEqualTo("counting a connection failed, onError decides");
        assertThat(logger.errors().get(0).thrown())
                .isInstanceOf(NullPointerException.class)
                .hasMessage("address");
        assertThat(gate.release("a")).isFalse();
    }

    @ParameterizedTest
    @EnumSource(ErrorPolicy.class)
    void withoutAChannelThePolicyDecides(ErrorPolicy policy) {
        onError(policy);
        assertThat(gate.admit(null, PEER)).isEqualTo(policy == ErrorPolicy.ADMIT);
        assertThat(gate.openConnections()).isZero();
        assertThat(limiter.openConnections(PEER)).isZero();
        nanoTime.set(TimeUnit.SECONDS.toNanos(10));
        assertThat(gate.release(null)).isFalse();
        assertThat(logger.errors())
                .extracting(RecordingLogger.Entry::message)
                .containsExactly("counting a connection failed, onError decides", "giving back a permit failed");
    }

    @Test
    void anErrorNeverDecidesForAConnectionThatIsMerelyRefused() {
        onError(ErrorPolicy.ADMIT);
        gate.admit("a", PEER);
        gate.admit("b", PEER);
        assertThat(gate.admit("c", PEER)).isFalse();
        assertThat(logger.errors()).isEmpty();
    }

    /** By a clock that fails when the deadline is set, after all else. */
    @ParameterizedTest
    @EnumSource(ErrorPolicy.class)
    void aPermitWhoseDeadlineCannotBeSetIsGivenBack(ErrorPolicy policy) {
        onError(policy);
        for (int i = 0; i < 5; i++) {
            clockFails = true;
            assertThat(gate.admit("a", PEER, ConnectionPhase.FIRST_BYTE)).isEqualTo(policy == ErrorPolicy.ADMIT);
            assertThat(clockFails).isFalse();
            assertThat(gate.openConnections()).isZero();
            assertThat(limiter.snapshot().errors()).isEqualTo(i + 1);
            assertThat(limiter.snapshot())
                    .usingRecursiveComparison()
                    .ignoringFields("errors")
                    .isEqualTo(Counts.snapshot(0, 0, i + 1, 0, List.of()));
        }
        assertThat(gate.admit("a", PEER, ConnectionPhase.FIRST_BYTE)).isTrue();
        assertThat(gate.openConnections()).isEqualTo(1);
        assertThat(logger.errors()).hasSize(1);
        assertThat(logger.errors().get(0).thrown()).isInstanceOf(OutOfMemoryError.class);
    }

    @Test
    void aListenerThatThrowsHarmsNobody() {
        ConnectionLimiter throwing = new ConnectionLimiter(
                ConnectionLimits.builder().maxPerClient(1).build(), nanoTime::get, logger, new LimiterListener() {
                    @Override
                    public void admitted(ClientUsage client) {
                        throw new AssertionError("made up");
                    }

                    @Override
                    public void refused(ClientUsage client, RefusalReason reason, boolean dryRun) {
                        throw new AssertionError("made up");
                    }

                    @Override
                    public void closed(ClientUsage client) {
                        throw new AssertionError("made up");
                    }
                });
        ConnectionGate<String> harmed = new ConnectionGate<>(throwing);
        assertThat(harmed.admit("a", PEER)).isTrue();
        assertThat(harmed.admit("b", PEER)).isFalse();
        assertThat(harmed.release("a")).isTrue();
        assertThat(harmed.openConnections()).isZero();
        assertThat(throwing.openConnections(PEER)).isZero();
        assertThat(logger.errors()).hasSize(1);
    }

    @Test
    void aBrokenLoggerHarmsNobody() {
        logger.broken = new OutOfMemoryError("made up");
        assertThat(gate.admit("a", null)).isFalse();
        gate.report("x", new Exception());
        logger.broken = null;
    }

    @Test
    void sweepsWhatIsOpenNoLonger() {
        limiter.reconfigure(limits -> limits.toBuilder().maxPerClient(0).build());
        for (String channel : List.of("a", "b", "c", "d")) {
            gate.admit(channel, PEER);
        }
        assertThat(gate.releaseClosed(channel -> !channel.equals("b") && !channel.equals("d")))
                .isEqualTo(2);
        assertThat(gate.openConnections()).isEqualTo(2);
        assertThat(gate.release("b")).isFalse();
        assertThat(gate.release("a")).isTrue();
        assertThat(gate.releaseClosed(channel -> true)).isZero();
        assertThat(gate.releaseAll()).isEqualTo(1);
        assertThat(gate.releaseAll()).isZero();
    }

    @Test
    void aSweepGoesOnAfterAnError() {
        limiter.reconfigure(limits -> limits.toBuilder().maxPerClient(0).build());
        for (String channel : List.of("a", "b", "c")) {
            gate.admit(channel, PEER);
        }
        assertThat(gate.releaseClosed(channel -> {
                    if (channel.equals("b")) {
                        throw new IllegalStateException("made up");
                    }
                    return false;
                }))
                .isEqualTo(2);
        assertThat(gate.openConnections()).isEqualTo(1);
        assertThat(logger.errors())
                .extracting(RecordingLogger.Entry::message)
                .containsExactly("sweeping a connection failed");
    }

    @Test
    void aSweepNeverTakesAConnectionThatCameInPlaceOfAnother() {
        gate.admit("a", PEER);
        assertThat(gate.releaseClosed(channel -> {
                    // While the sweep looks at it, it ends, and another one begins.
                    gate.release("a");
                    gate.admit("a", PEER);
                    return false;
                }))
                .isZero();
        assertThat(gate.openConnections()).isEqualTo(1);
        assertThat(limiter.openConnections(PEER)).isEqualTo(1);
    }

    @Test
    void placesForRefusedConnectionsAreThoseOfTheClient() {
        List<RefusalBudget.Place> places = new ArrayList<>();
        for (int i = 0; i < RefusalBudget.MAX_OPEN_PER_CLIENT; i++) {
            places.add(gate.tryRespond(ip("2001:db8::" + i), false).orElseThrow());
        }
        assertThat(gate.tryRespond(ip("2001:db8::9"), false)).isEmpty();
        assertThat(new ConnectionGate<>(limiter).tryRespond(ip("2001:db8::9"), false))
                .isEmpty();
        assertThat(gate.tryRespond(ip("2001:db8:0:1::"), false)).isPresent();
        places.get(0).close();
        assertThat(gate.tryRespond(ip("2001:db8::9"), false)).isPresent();
        assertThat(logger.entries).isEmpty();
    }

    @Test
    void noPlaceForAConnectionWithoutAPeer() {
        Optional<RefusalBudget.Place> place = gate.tryRespond(null, false);
        assertThat(place).isEmpty();
        assertThat(logger.messages()).containsExactly("taking a place for a refused connection failed");
    }

    @Test
    void reportsForAdapters() {
        Exception error = new Exception("made up");
        gate.report("what", error);
        gate.report("what", error);
        nanoTime.set(TimeUnit.SECONDS.toNanos(10));
        gate.report("what", null);
        assertThat(logger.entries)
                .containsExactly(
                        new RecordingLogger.Entry(System.Logger.Level.ERROR, "what", error),
                        new RecordingLogger.Entry(
                                System.Logger.Level.ERROR,
                                "what (1 more errors since the last that was logged)",
                                null));
    }

    @Test
    void needsALimiter() {
        assertThatNullPointerException()
                .isThrownBy(() -> new ConnectionGate<>(null))
                .withMessage("limiter");
    }

    /** Whoever ends a connection, and however many do so at once: it is given back once. */
    @Test
    void ofAllThatReleaseAtOnceExactlyOneDoes() throws Exception {
        int threads = 4;
        int channels = 50;
        limiter.reconfigure(limits -> limits.toBuilder().maxPerClient(0).build());
        ExecutorService executor = Executors.newFixedThreadPool(threads);
        try {
            for (int round = 0; round < 50; round++) {
                for (int i = 0; i < channels; i++) {
                    assertThat(gate.admit("c" + i, PEER)).isTrue();
                }
                AtomicInteger released = new AtomicInteger();
                CyclicBarrier begin = new CyclicBarrier(threads);
                List<Future<?>> running = new ArrayList<>();
                for (int thread = 0; thread < threads; thread++) {
                    int number = thread;
                    running.add(executor.submit(() -> {
                        begin.await(60, TimeUnit.SECONDS);
                        if (number == 0) {
                            released.addAndGet(gate.releaseAll());
                        } else if (number == 1) {
                            released.addAndGet(gate.releaseClosed(channel -> false));
                        } else {
                            for (int i = 0; i < channels; i++) {
                                if (gate.release("c" + i)) {
                                    released.incrementAndGet();
                                }
                            }
                        }
                        return null;
                    }));
                }
                for (Future<?> future : running) {
                    future.get(60, TimeUnit.SECONDS);
                }
                assertThat(released).hasValue(channels);
                assertThat(gate.openConnections()).isZero();
                assertThat(limiter.openConnections(PEER)).isZero();
            }
        } finally {
            executor.shutdownNow();
        }
        assertThat(limiter.snapshot()).isEqualTo(Counts.snapshot(0, 0, 50 * channels, 0, List.of()));
        assertThat(logger.errors()).isEmpty();
    }

    /** The same channel admitted by all threads at once: one permit, and everybody is told that it may go on. */
    @Test
    void ofAllThatAdmitTheSameChannelAtOnceOneIsCounted() throws Exception {
        int threads = 4;
        ConcurrentHashMap<Integer, Boolean> answers = new ConcurrentHashMap<>();
        limiter.reconfigure(limits -> limits.toBuilder().maxPerClient(threads).build());
        ExecutorService executor = Executors.newFixedThreadPool(threads);
        try {
            for (int round = 0; round < 200; round++) {
                CyclicBarrier begin = new CyclicBarrier(threads);
                List<Future<?>> running = new ArrayList<>();
                for (int thread = 0; thread < threads; thread++) {
                    int number = thread;
                    running.add(executor.submit(() -> {
                        begin.await(60, TimeUnit.SECONDS);
                        answers.put(number, gate.admit("same", PEER));
                        return null;
                    }));
                }
                for (Future<?> future : running) {
                    future.get(60, TimeUnit.SECONDS);
                }
                assertThat(answers.values()).containsOnly(true);
                assertThat(limiter.openConnections(PEER)).isEqualTo(1);
                assertThat(gate.release("same")).isTrue();
                assertThat(limiter.openConnections(PEER)).isZero();
            }
        } finally {
            executor.shutdownNow();
        }
    }
}
