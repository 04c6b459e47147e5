package io.github.connlimit;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class DeadlinesTest {

    private static final ConnectionPhase PHASE = ConnectionPhase.FIRST_BYTE;

    private final ConnectionLimiter limiter =
            new ConnectionLimiter(ConnectionLimits.builder().maxPerClient(0).build());
    private final Deadlines<String> deadlines = new Deadlines<>();

    private GatePermit<String> set(String channel, long timeoutNanos, long nowNanos) {
        GatePermit<String> permit = new GatePermit<>(limiter, true, channel);
        limiter.acquireOrReason(Addresses.ip("10.0.0.1"), () -> permit, true, ConnectionLimiter.Counted.CONNECTION);
        deadlines.set(permit, PHASE, timeoutNanos, nowNanos);
        return permit;
    }

    @Test
    void expireInTheOrderTheyWereSet() {
        set("a", 10, 0);
        set("b", 10, 5);
        assertThat(deadlines.pollExpired(9)).isNull();
        assertThat(deadlines.pollExpired(10).channel()).isEqualTo("a");
        assertThat(deadlines.pollExpired(14)).isNull();
        assertThat(deadlines.pollExpired(15).channel()).isEqualTo("b");
        assertThat(deadlines.size()).isZero();
    }

    @Test
    void ofAnotherLengthAreNotHeldUp() {
        set("long", 100, 0);
        set("short", 10, 1);
        assertThat(deadlines.pollExpired(11).channel()).isEqualTo("short");
        assertThat(deadlines.pollExpired(99)).isNull();
        assertThat(deadlines.pollExpired(100).channel()).isEqualTo("long");
    }

    @Test
    void thatAreMetHoldOnToNothingAndDoNotExpire() {
        GatePermit<String> first = set("a", 10, 0);
        set("b", 10, 0);
        first.meetDeadline();
        assertThat(first.queue).isNull();
        assertThat(deadlines.pollExpired(10).channel()).isEqualTo("b");
        assertThat(deadlines.pollExpired(10)).isNull();
    }

    @Test
    void thatAreMetLeaveTheQueueAtOnceWhereverTheyStand() {
        List<GatePermit<String>> entries = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
            entries.add(set("c" + i, 10, i));
        }
        for (int i : new int[] {2, 4, 0, 2, 0}) {
            entries.get(i).meetDeadline();
        }
        assertThat(deadlines.size()).isEqualTo(2);
        assertThat(deadlines.nanosToNext(0, 100)).isEqualTo(11);
        assertThat(deadlines.pollExpired(100).channel()).isEqualTo("c1");
        assertThat(deadlines.pollExpired(100).channel()).isEqualTo("c3");
        assertThat(deadlines.pollExpired(100)).isNull();
        assertThat(deadlines.size()).isZero();
    }

    @Test
    void thatHaveExpiredCanBeMetAllTheSame() {
        GatePermit<String> first = set("a", 10, 0);
        GatePermit<String> second = set("b", 10, 0);
        assertThat(deadlines.pollExpired(10)).isSameAs(first);
        assertThat(first.queue).isNotNull();
        first.meetDeadline();
        first.meetDeadline();
        assertThat(first.queue).isNull();
        assertThat(deadlines.pollExpired(10)).isSameAs(second);
        assertThat(second.channel()).isEqualTo("b");
        assertThat(second.queue.phase()).isEqualTo(PHASE);
        assertThat(second.queue.timeoutNanos()).isEqualTo(10);
    }

    /** Memory follows the connections that wait, though nobody sweeps and the first of them never does a thing. */
    @Test
    void areNoMoreThanConnectionsThatWait() {
        set("silent", 10, 0);
        for (int i = 0; i < 1000; i++) {
            set("c" + i, 10, i).meetDeadline();
        }
        assertThat(deadlines.size()).isEqualTo(1);
    }

    @Test
    void queuesOfALengthThatIsNotUsedAnyMoreAreForgotten() {
        set("a", 10, 0).meetDeadline();
        assertThat(deadlines.pollExpired(0)).isNull();
        set("b", 10, 5);
        assertThat(deadlines.pollExpired(14)).isNull();
        assertThat(deadlines.pollExpired(15).channel()).isEqualTo("b");
    }

    @Test
    void ofManyThreadsLoseNone() throws Exception {
        int threads = 4;
        int each = 20_000;
        AtomicLong polled = new AtomicLong();
        AtomicLong met = new AtomicLong();
        AtomicInteger running = new AtomicInteger(threads);
        ExecutorService executor = Executors.newFixedThreadPool(threads + 1);
        try {
            List<Future<?>> tasks = new ArrayList<>();
            for (int thread = 0; thread < threads; thread++) {
                tasks.add(executor.submit(() -> {
                    try {
                        for (int i = 0; i < each; i++) {
                            GatePermit<String> entry = set("c", 1 + i % 3, 0);
                            if (i % 2 == 0) {
                                entry.meetDeadline();
                                met.incrementAndGet();
                            }
                        }
                    } finally {
                        running.decrementAndGet();
                    }
                }));
            }
            tasks.add(executor.submit(() -> {
                boolean last = false;
                while (!last) {
                    last = running.get() == 0;
                    GatePermit<String> entry;
                    while ((entry = deadlines.pollExpired(3)) != null) {
                        if (entry.queue != null) {
                            polled.incrementAndGet();
                        }
                    }
                }
            }));
            for (Future<?> task : tasks) {
                task.get(60, TimeUnit.SECONDS);
            }
        } finally {
            executor.shutdownNow();
        }
        assertThat(deadlines.size()).isZero();
        assertThat(met).hasValue((long) threads * each / 2);
        // Some may have been taken out before they were met.
        assertThat(polled.get()).isBetween((long) threads * each / 2, (long) threads * each);
    }

    @Test
    void ofAClosedPermitAreNotKept() {
        GatePermit<String> closed = set("a", 10, 0);
        closed.close();
        assertThat(deadlines.size()).isZero();
        deadlines.set(closed, PHASE, 10, 0);
        assertThat(closed.queue).isNull();
        assertThat(deadlines.size()).isZero();
        deadlines.handOver(set("b", 10, 0), closed);
        assertThat(closed.queue).isNull();
        assertThat(deadlines.size()).isZero();
    }

    @Test
    void setAnewReplaceTheOneBefore() {
        GatePermit<String> first = set("a", 10, 0);
        set("b", 10, 0);
        deadlines.set(first, ConnectionPhase.HANDSHAKE, 20, 0);
        assertThat(deadlines.size()).isEqualTo(2);
        assertThat(deadlines.pollExpired(19).channel()).isEqualTo("b");
        assertThat(deadlines.pollExpired(19)).isNull();
        assertThat(deadlines.pollExpired(20)).isSameAs(first);
        assertThat(first.queue.phase()).isEqualTo(ConnectionPhase.HANDSHAKE);
        // Also one that has expired.
        deadlines.set(first, PHASE, 10, 20);
        assertThat(deadlines.pollExpired(29)).isNull();
        assertThat(deadlines.pollExpired(30)).isSameAs(first);
    }

    @Test
    void handedOverKeepTheirPlace() {
        List<GatePermit<String>> entries = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            entries.add(set("c" + i, 10, i));
        }
        for (int i = 0; i < 3; i++) {
            GatePermit<String> from = entries.get(i);
            GatePermit<String> to = new GatePermit<>(limiter, true, "d" + i);
            deadlines.handOver(from, to);
            assertThat(from.queue).isNull();
            assertThat(deadlines.size()).isEqualTo(3);
        }
        for (int i = 0; i < 3; i++) {
            assertThat(deadlines.pollExpired(9 + i)).isNull();
            assertThat(deadlines.pollExpired(10 + i).channel()).isEqualTo("d" + i);
        }
        assertThat(deadlines.size()).isZero();
    }

    @Test
    void handedOverAfterTheyHaveExpiredExpireAgainAtOnce() {
        GatePermit<String> expired = set("a", 10, 0);
        set("b", 10, 5);
        assertThat(deadlines.pollExpired(10)).isSameAs(expired);
        GatePermit<String> to = new GatePermit<>(limiter, true, "a again");
        deadlines.handOver(expired, to);
        assertThat(expired.queue).isNull();
        assertThat(deadlines.pollExpired(10)).isSameAs(to);
        deadlines.handOver(new GatePermit<>(limiter, true, "none"), to);
        assertThat(to.queue).isNotNull();
    }

    @Test
    void tellHowLongUntilTheNext() {
        assertThat(deadlines.nanosToNext(0, 7)).isEqualTo(7);
        set("a", 10, 0);
        set("b", 3, 4);
        assertThat(deadlines.nanosToNext(4, 70)).isEqualTo(3);
        assertThat(deadlines.nanosToNext(9, 70)).isEqualTo(-2);
        assertThat(deadlines.nanosToNext(4, 2)).isEqualTo(2);
    }

    @Test
    void doNotMindThatTheClockOverflows() {
        long now = Long.MAX_VALUE - 5;
        set("a", 10, now);
        assertThat(deadlines.pollExpired(now + 9)).isNull();
        assertThat(deadlines.nanosToNext(now + 9, 100)).isEqualTo(1);
        assertThat(deadlines.pollExpired(now + 10).channel()).isEqualTo("a");
    }
}
