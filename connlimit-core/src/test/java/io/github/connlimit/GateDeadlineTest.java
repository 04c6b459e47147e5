package io.github.connlimit;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Phases, deadlines and pending connections, on a clock that the test moves. */
class GateDeadlineTest implements ConnectionGate.Channels<String> {

    private static final InetAddress PEER = Addresses.ip("192.0.2.1");

    private final AtomicLong now = new AtomicLong();
    private Runnable duringSweep = () -> {};
    private final List<String> events = new ArrayList<>();
    private final ConnectionLimiter limiter =
            new ConnectionLimiter(ConnectionLimits.defaults(), now::get, new RecordingLogger(), new LimiterListener() {
                @Override
                public void timedOut(ClientUsage client, ConnectionPhase phase, Duration timeout, boolean dryRun) {
                    events.add(client.client() + " " + phase + " " + timeout.toMillis() + (dryRun ? " dry run" : ""));
                    duringSweep.run();
                }

                @Override
                public void refused(ClientUsage client, RefusalReason reason, boolean dryRun) {
                    events.add(client.client() + " " + reason + (dryRun ? " dry run" : ""));
                }
            });
    private final ConnectionGate<String> gate = new ConnectionGate<>(limiter);
    private final List<String> closed = new ArrayList<>();
    private final Set<String> provedInFact = new HashSet<>();
    private final Set<String> undecided = new HashSet<>();

    @Override
    public boolean isOpen(String channel) {
        return !closed.contains(channel);
    }

    @Override
    public boolean isUndecided(String channel, ConnectionPhase phase) {
        return undecided.contains(channel);
    }

    @Override
    public boolean closeExpired(String channel, ConnectionPhase phase) {
        if (provedInFact.contains(channel)) {
            duringSweep.run();
            return false;
        }
        closed.add(channel);
        gate.release(channel);
        return true;
    }

    private long sweepAt(long millis) {
        now.set(TimeUnit.MILLISECONDS.toNanos(millis));
        return gate.sweep(this);
    }

    private int pending() {
        List<ClientUsage> clients = limiter.snapshot().topClients();
        return clients.isEmpty() ? 0 : clients.get(0).pendingConnections();
    }

    @AfterEach
    void nothingStays() {
        gate.releaseAll();
        assertThat(limiter.snapshot().openConnections()).isZero();
        assertThat(limiter.snapshot().clients()).isZero();
        assertThat(limiter.snapshot().pendingConnections()).isZero();
        assertThat(limiter.snapshot().streams()).isZero();
        assertThat(limiter.snapshot().largestClient()).isZero();
    }

    @Test
    void aSilentConnectionIsClosedAtItsDeadline() {
        gate.admit("a", PEER, ConnectionPhase.FIRST_BYTE);
        assertThat(sweepAt(4999)).isEqualTo(10);
        assertThat(closed).isEmpty();
        assertThat(pending()).isEqualTo(1);
        sweepAt(5000);
        assertThat(closed).containsExactly("a");
        assertThat(events).containsExactly("192.0.2.1/32 FIRST_BYTE 5000");
        assertThat(limiter.snapshot().timedOut()).isEqualTo(1);
        assertThat(limiter.openConnections(PEER)).isZero();
    }

    @Test
    void aConnectionThatMayHaveMetItsDeadlineIsLookedAtAgain() {
        undecided.addAll(List.of("late", "met", "gone", "shaken"));
        undecided.forEach(channel -> gate.admit(channel, PEER, ConnectionPhase.HANDSHAKE));
        assertThat(sweepAt(5000)).isEqualTo(51);
        assertThat(sweepAt(5050)).isEqualTo(51);
        assertThat(closed).isEmpty();
        assertThat(events).isEmpty();
        gate.established("met");
        gate.release("gone");
        gate.handshakeCompleted("shaken");
        undecided.clear();
        assertThat(sweepAt(5100)).isEqualTo(1001);
        assertThat(closed).containsExactly("late");
        assertThat(events).containsExactly("192.0.2.1/32 HANDSHAKE 5000");
        sweepAt(10_049);
        assertThat(closed).containsExactly("late");
        sweepAt(10_050);
        assertThat(closed).containsExactly("late", "shaken");
    }

    @Test
    void aConnectionThatIsReassignedWhileItIsUndecidedIsLookedAtAgain() {
        limiter.reconfigure(limits -> limits.toBuilder().exempt("192.0.2.1").build());
        undecided.add("a");
        gate.admit("a", PEER, ConnectionPhase.HANDSHAKE);
        sweepAt(5000);
        gate.reassign("a", PEER, Addresses.ip("192.0.2.9"));
        sweepAt(5050);
        assertThat(closed).isEmpty();
        undecided.clear();
        sweepAt(5100);
        assertThat(events).containsExactly("192.0.2.9/32 HANDSHAKE 5000");
    }

    private void setHeaderTimeout(Duration timeout) {
        limiter.reconfigure(limits -> limits.toBuilder().headerTimeout(timeout).build());
    }

    @Test
    void aHeaderThatIsNotCompletedIsClosedAtItsDeadline() {
        setHeaderTimeout(Duration.ofSeconds(8));
        gate.admit("a", PEER, ConnectionPhase.FIRST_BYTE);
        gate.established("a");
        sweepAt(100_000);
        gate.headerBegun("a");
        sweepAt(107_999);
        assertThat(closed).isEmpty();
        sweepAt(108_000);
        assertThat(closed).containsExactly("a");
        assertThat(events).containsExactly("192.0.2.1/32 HEADER 8000");
        assertThat(limiter.snapshot().timeOuts()).containsEntry(ConnectionPhase.HEADER, 1L);
    }

    @Test
    void aHeaderThatIsCompletedHasNoDeadlineUntilTheNextOneBegins() {
        setHeaderTimeout(Duration.ofSeconds(8));
        gate.admit("a", PEER);
        gate.headerBegun("a");
        sweepAt(7_999);
        gate.established("a");
        sweepAt(60_000);
        assertThat(closed).isEmpty();
        gate.headerBegun("a");
        sweepAt(67_999);
        assertThat(closed).isEmpty();
        sweepAt(68_000);
        assertThat(closed).containsExactly("a");
    }

    /** By another thread, in the middle of the sweep that found the header before it complete. */
    @Test
    void aHeaderThatBeginsWhileTheOneBeforeIsLookedAtHasItsDeadline() {
        setHeaderTimeout(Duration.ofSeconds(8));
        gate.admit("a", PEER);
        gate.headerBegun("a");
        duringSweep = () -> gate.headerBegun("a");
        provedInFact.add("a");
        sweepAt(8_000);
        provedInFact.clear();
        sweepAt(15_999);
        assertThat(closed).isEmpty();
        sweepAt(16_000);
        assertThat(closed).containsExactly("a");
        assertThat(events).containsExactly("192.0.2.1/32 HEADER 8000");
    }

    @Test
    void inDryRunAHeaderThatBeginsWhileTheOneBeforeIsReportedHasItsDeadline() {
        limiter.reconfigure(limits -> limits.toBuilder()
                .headerTimeout(Duration.ofSeconds(8))
                .dryRun(true)
                .build());
        gate.admit("a", PEER);
        gate.headerBegun("a");
        duringSweep = () -> gate.headerBegun("a");
        sweepAt(8_000);
        sweepAt(15_999);
        assertThat(events).hasSize(1);
        duringSweep = () -> {};
        sweepAt(16_000);
        sweepAt(60_000);
        assertThat(events).hasSize(2);
    }

    @Test
    void aHeaderThatBeginsEndsWhatThereWasToDoBefore() {
        limiter.reconfigure(limits -> limits.toBuilder().maxPendingPerClient(1).build());
        gate.admit("a", PEER, ConnectionPhase.FIRST_BYTE);
        gate.headerBegun("a");
        assertThat(pending()).isZero();
        assertThat(gate.admit("b", PEER, ConnectionPhase.FIRST_BYTE)).isTrue();
        sweepAt(5_000);
        assertThat(closed).containsExactly("b");
    }

    @Test
    void aHeaderOfAReleasedConnectionHasNoDeadline() {
        setHeaderTimeout(Duration.ofSeconds(8));
        gate.admit("a", PEER);
        gate.release("a");
        gate.headerBegun("a");
        sweepAt(8_000);
        assertThat(events).isEmpty();
    }

    @Test
    void inDryRunALateHeaderIsReportedOnce() {
        limiter.reconfigure(limits -> limits.toBuilder()
                .headerTimeout(Duration.ofSeconds(8))
                .dryRun(true)
                .build());
        gate.admit("a", PEER);
        gate.headerBegun("a");
        sweepAt(8_000);
        sweepAt(60_000);
        assertThat(closed).isEmpty();
        assertThat(events).containsExactly("192.0.2.1/32 HEADER 8000 dry run");
    }

    @Test
    void anEstablishedConnectionHasNoDeadline() {
        gate.admit("a", PEER, ConnectionPhase.FIRST_BYTE);
        gate.established("a");
        assertThat(pending()).isZero();
        sweepAt(100_000);
        assertThat(closed).isEmpty();
        assertThat(limiter.openConnections(PEER)).isEqualTo(1);
    }

    @Test
    void afterTheHandshakeTheFirstByteHasADeadlineAnew() {
        gate.admit("a", PEER, ConnectionPhase.HANDSHAKE);
        sweepAt(4000);
        gate.handshakeCompleted("a");
        assertThat(pending()).isZero();
        sweepAt(8999);
        assertThat(closed).isEmpty();
        sweepAt(9000);
        assertThat(closed).containsExactly("a");
        assertThat(events).containsExactly("192.0.2.1/32 FIRST_BYTE 5000");
    }

    @Test
    void aHandshakeThatTricklesIsClosedAtItsDeadline() {
        gate.admit("a", PEER, ConnectionPhase.HANDSHAKE);
        sweepAt(5000);
        assertThat(closed).containsExactly("a");
        assertThat(events).containsExactly("192.0.2.1/32 HANDSHAKE 5000");
    }

    @Test
    void whoHasProvedItselfInFactIsNotClosed() {
        gate.admit("a", PEER, ConnectionPhase.FIRST_BYTE);
        provedInFact.add("a");
        sweepAt(5000);
        assertThat(closed).isEmpty();
        assertThat(events).isEmpty();
        assertThat(pending()).isZero();
        provedInFact.clear();
        sweepAt(50_000);
        assertThat(closed).isEmpty();
    }

    @Test
    void waitingConnectionsKeepTheDeadlineTheyWereGiven() {
        gate.admit("old", PEER, ConnectionPhase.FIRST_BYTE);
        limiter.reconfigure(limits ->
                limits.toBuilder().handshakeTimeout(Duration.ofSeconds(1)).build());
        gate.admit("new", PEER, ConnectionPhase.FIRST_BYTE);
        sweepAt(1000);
        assertThat(closed).containsExactly("new");
        limiter.reconfigure(
                limits -> limits.toBuilder().handshakeTimeout(Duration.ZERO).build());
        gate.admit("unlimited", PEER, ConnectionPhase.FIRST_BYTE);
        sweepAt(5000);
        assertThat(closed).containsExactly("new", "old");
        sweepAt(1_000_000);
        assertThat(closed).containsExactly("new", "old");
    }

    @Test
    void tellsWhenToSweepAgain() {
        assertThat(sweepAt(0)).isEqualTo(1001);
        limiter.reconfigure(limits ->
                limits.toBuilder().handshakeTimeout(Duration.ofMillis(300)).build());
        assertThat(sweepAt(0)).isEqualTo(301);
        gate.admit("a", PEER, ConnectionPhase.FIRST_BYTE);
        assertThat(sweepAt(200)).isEqualTo(101);
    }

    @Test
    void anAdapterThatThrowsDoesNotKeepTheOthersFromTheirDeadlines() {
        gate.admit("a", PEER, ConnectionPhase.FIRST_BYTE);
        gate.admit("b", PEER, ConnectionPhase.FIRST_BYTE);
        List<String> asked = new ArrayList<>();
        now.set(TimeUnit.SECONDS.toNanos(5));
        gate.sweep(new ConnectionGate.Channels<String>() {
            @Override
            public boolean isOpen(String channel) {
                return true;
            }

            @Override
            public boolean closeExpired(String channel, ConnectionPhase phase) {
                asked.add(channel);
                throw new OutOfMemoryError("made up");
            }
        });
        assertThat(asked).containsExactly("a", "b");
    }

    /** Told that it is admitted, a listener may change the limits at once. */
    @Test
    void aDeadlineIsThatOfTheMomentBeforeItsConnectionIsAdmitted() {
        ConnectionLimiter[] self = new ConnectionLimiter[1];
        self[0] = new ConnectionLimiter(
                ConnectionLimits.defaults(), now::get, new RecordingLogger(), new LimiterListener() {
                    @Override
                    public void admitted(ClientUsage client) {
                        self[0].reconfigure(limits -> limits.toBuilder()
                                .handshakeTimeout(Duration.ofMillis(1))
                                .build());
                    }
                });
        ConnectionGate<String> reconfigured = new ConnectionGate<>(self[0]);
        reconfigured.admit("a", PEER, ConnectionPhase.FIRST_BYTE);
        now.set(TimeUnit.MILLISECONDS.toNanos(4999));
        reconfigured.sweep(this);
        assertThat(closed).isEmpty();
        now.set(TimeUnit.MILLISECONDS.toNanos(5000));
        reconfigured.sweep(this);
        assertThat(closed).containsExactly("a");
    }

    /** The clock is asked for the deadline: what another thread says at that moment comes before it or after it. */
    @Test
    void whatIsEstablishedWhileItIsAdmittedHasNoDeadline() throws InterruptedException {
        CountDownLatch told = new CountDownLatch(1);
        List<Thread> telling = new CopyOnWriteArrayList<>();
        AtomicReference<ConnectionGate<String>> slow = new AtomicReference<>();
        Ticker clock = () -> {
            ConnectionGate<String> admitting = slow.get();
            if (admitting != null && telling.isEmpty()) {
                Thread thread = new Thread(() -> {
                    // Found as soon as it is published.
                    while (admitting.permit("a").isEmpty()) {
                        Thread.onSpinWait();
                    }
                    admitting.established("a");
                    told.countDown();
                });
                telling.add(thread);
                thread.start();
                awaitBlockedOrEnded(thread);
            }
            return now.get();
        };
        ConnectionGate<String> admitting =
                new ConnectionGate<>(new ConnectionLimiter(ConnectionLimits.defaults(), clock, new RecordingLogger()));
        slow.set(admitting);
        admitting.admit("a", PEER, ConnectionPhase.FIRST_BYTE);
        assertThat(told.await(30, TimeUnit.SECONDS)).isTrue();
        now.set(TimeUnit.SECONDS.toNanos(60));
        admitting.sweep(this);
        assertThat(closed).isEmpty();
        assertThat(admitting.openConnections()).isOne();
        admitting.releaseAll();
    }

    private static void awaitBlockedOrEnded(Thread thread) {
        long begin = System.nanoTime();
        while (thread.getState() != Thread.State.BLOCKED
                && thread.isAlive()
                && System.nanoTime() - begin < TimeUnit.SECONDS.toNanos(30)) {
            Thread.onSpinWait();
        }
    }

    @Test
    void whatIsFoundClosedEveryTenSecondsAndNotReportedWithinOneMoreIsReleased() {
        gate.admit("a", PEER);
        gate.admit("b", PEER);
        gate.admit("c", PEER);
        closed.addAll(List.of("a", "b"));
        sweepAt(9999);
        sweepAt(10_000);
        // Not found, but after the look.
        closed.add("c");
        sweepAt(10_999);
        assertThat(limiter.openConnections(PEER)).isEqualTo(3);
        assertThat(gate.release("b")).isTrue();
        assertThat(limiter.snapshot().forgotten()).isZero();
        sweepAt(11_000);
        assertThat(limiter.openConnections(PEER)).isEqualTo(1);
        assertThat(limiter.snapshot().forgotten()).isEqualTo(1);
        assertThat(limiter.snapshot().errors()).isEqualTo(1);
        assertThat(gate.permit("c")).isPresent();
        sweepAt(19_999);
        sweepAt(20_000);
        sweepAt(20_999);
        assertThat(limiter.openConnections(PEER)).isEqualTo(1);
        sweepAt(21_000);
        assertThat(limiter.openConnections(PEER)).isZero();
        assertThat(limiter.snapshot().forgotten()).isEqualTo(2);
        assertThat(gate.openConnections()).isZero();
    }

    @Test
    void aConnectionInPlaceOfOneFoundClosedIsNotReleased() {
        gate.admit("a", PEER);
        closed.add("a");
        sweepAt(10_000);
        gate.release("a");
        closed.clear();
        gate.admit("a", PEER);
        sweepAt(11_000);
        assertThat(limiter.openConnections(PEER)).isEqualTo(1);
        assertThat(limiter.snapshot().forgotten()).isZero();
    }

    @Test
    void anAdapterThatThrowsDoesNotKeepTheOthersFromBeingFoundClosed() {
        gate.admit("a", PEER);
        gate.admit("b", PEER);
        now.set(TimeUnit.SECONDS.toNanos(10));
        ConnectionGate.Channels<String> throwing = new ConnectionGate.Channels<>() {
            @Override
            public boolean isOpen(String channel) {
                if (channel.equals("a")) {
                    throw new IllegalStateException("made up");
                }
                return false;
            }

            @Override
            public boolean closeExpired(String channel, ConnectionPhase phase) {
                return false;
            }
        };
        gate.sweep(throwing);
        now.set(TimeUnit.SECONDS.toNanos(11));
        gate.sweep(throwing);
        assertThat(gate.permit("a")).isPresent();
        assertThat(gate.permit("b")).isEmpty();
    }

    @Test
    void pendingConnectionsHaveALimitOfTheirOwn() {
        limiter.reconfigure(limits -> limits.toBuilder().maxPendingPerClient(2).build());
        assertThat(gate.admit("a", PEER, ConnectionPhase.FIRST_BYTE)).isTrue();
        assertThat(gate.admit("b", PEER, ConnectionPhase.HANDSHAKE)).isTrue();
        assertThat(gate.admit("c", PEER, ConnectionPhase.FIRST_BYTE)).isFalse();
        assertThat(events).containsExactly("192.0.2.1/32 PENDING");
        assertThat(limiter.snapshot().refusedPending()).isEqualTo(1);
        assertThat(limiter.snapshot().refused()).isZero();
        gate.established("a");
        assertThat(gate.admit("c", PEER, ConnectionPhase.FIRST_BYTE)).isTrue();
        assertThat(gate.admit("d", PEER, ConnectionPhase.FIRST_BYTE)).isFalse();
        gate.handshakeCompleted("b");
        assertThat(gate.admit("d", PEER, ConnectionPhase.FIRST_BYTE)).isTrue();
        gate.release("d");
        assertThat(gate.admit("e", PEER, ConnectionPhase.FIRST_BYTE)).isTrue();
        // Established from the beginning, so not a matter of this limit.
        assertThat(gate.admit("f", PEER)).isTrue();
        assertThat(pending()).isEqualTo(2);
    }

    @Test
    void exemptClientsMayHaveAnyNumberPending() {
        limiter.reconfigure(limits ->
                limits.toBuilder().maxPendingPerClient(1).exempt("192.0.2.0/24").build());
        for (int i = 0; i < 5; i++) {
            assertThat(gate.admit("a" + i, PEER, ConnectionPhase.FIRST_BYTE)).isTrue();
        }
        limiter.reconfigure(
                limits -> limits.toBuilder().rules("").maxPerClient(0).build());
        assertThat(gate.admit("b", PEER, ConnectionPhase.FIRST_BYTE)).isFalse();
    }

    @Test
    void inADryRunEverythingIsToldAndNothingDone() {
        limiter.reconfigure(limits -> limits.toBuilder()
                .maxPerClient(1)
                .maxPendingPerClient(1)
                .dryRun(true)
                .build());
        assertThat(gate.admit("a", PEER, ConnectionPhase.FIRST_BYTE)).isTrue();
        assertThat(gate.admit("b", PEER, ConnectionPhase.FIRST_BYTE)).isTrue();
        assertThat(limiter.openConnections(PEER)).isEqualTo(2);
        sweepAt(5000);
        assertThat(closed).isEmpty();
        assertThat(events)
                .containsExactly(
                        "192.0.2.1/32 CONNECTIONS dry run",
                        "192.0.2.1/32 FIRST_BYTE 5000 dry run",
                        "192.0.2.1/32 FIRST_BYTE 5000 dry run");
        LimiterSnapshot figures = limiter.snapshot();
        assertThat(figures.refused() + figures.refusedPending() + figures.timedOut())
                .isZero();
        assertThat(figures.dryRunRefused()).isEqualTo(1);
        assertThat(figures.dryRunTimedOut()).isEqualTo(2);
        assertThat(figures.admitted()).isEqualTo(2);

        limiter.reconfigure(limits -> limits.toBuilder().dryRun(false).build());
        assertThat(gate.admit("c", PEER, ConnectionPhase.FIRST_BYTE)).isFalse();
        gate.release("a");
        assertThat(gate.admit("c", PEER, ConnectionPhase.FIRST_BYTE)).isFalse();
        gate.release("b");
        assertThat(gate.admit("c", PEER, ConnectionPhase.FIRST_BYTE)).isTrue();
    }

    @Test
    void aConnectionFromAnExemptProxyIsCountedForTheClientBehindIt() {
        InetAddress client = Addresses.ip("198.51.100.7");
        limiter.reconfigure(
                limits -> limits.toBuilder().maxPerClient(1).exempt("192.0.2.1").build());
        gate.admit("a", PEER, ConnectionPhase.HANDSHAKE);
        gate.admit("b", PEER, ConnectionPhase.HANDSHAKE);
        assertThat(gate.reassign("a", PEER, client)).isTrue();
        assertThat(limiter.openConnections(PEER)).isEqualTo(1);
        assertThat(limiter.openConnections(client)).isEqualTo(1);
        assertThat(gate.reassign("b", PEER, client)).isFalse();
        assertThat(limiter.openConnections(PEER)).isEqualTo(1);
        assertThat(events).containsExactly("198.51.100.7/32 CONNECTIONS");
        // The deadline came along.
        sweepAt(5000);
        assertThat(closed).containsExactlyInAnyOrder("a", "b");
        assertThat(events)
                .containsExactlyInAnyOrder(
                        "198.51.100.7/32 CONNECTIONS", "198.51.100.7/32 HANDSHAKE 5000", "192.0.2.1/32 HANDSHAKE 5000");
        assertThat(limiter.openConnections(client)).isZero();
    }

    @Test
    void whatAPeerSaysThatIsNotExemptChangesNothing() {
        InetAddress client = Addresses.ip("198.51.100.7");
        limiter.reconfigure(limits -> limits.toBuilder().maxPerClient(0).build());
        gate.admit("a", PEER, ConnectionPhase.HANDSHAKE);
        assertThat(gate.reassign("a", PEER, client)).isTrue();
        assertThat(limiter.openConnections(PEER)).isEqualTo(1);
        assertThat(limiter.openConnections(client)).isZero();
    }
}
