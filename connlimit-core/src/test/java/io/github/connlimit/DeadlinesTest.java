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

    private final Deadlines<String> deadlines = new Deadlines<>();

    @Test
    void expireInTheOrderTheyWereSet() {
        deadlines.add("a", PHASE, 10, 0);
        deadlines.add("b", PHASE, 10, 5);
        assertThat(deadlines.pollExpired(9)).isNull();
        assertThat(deadlines.pollExpired(10).channel()).isEqualTo("a");
        assertThat(deadlines.pollExpired(14)).isNull();
        assertThat(deadlines.pollExpired(15).channel()).isEqualTo("b");
        assertThat(deadlines.size()).isZero();
    }

    @Test
    void ofAnotherLengthAreNotHeldUp() {
        deadlines.add("long", PHASE, 100, 0);
        deadlines.add("short", PHASE, 10, 1);
        assertThat(deadlines.pollExpired(11).channel()).isEqualTo("short");
        assertThat(deadlines.pollExpired(99)).isNull();
        assertThat(deadlines.pollExpired(100).channel()).isEqualTo("long");
    }

    @Test
    void thatAreMetHoldOnToNothingAndDoNotExpire() {
        Deadlines.Entry<String> first = deadlines.add("a", PHASE, 10, 0);
        deadlines.add("b", PHASE, 10, 0);
        first.met();
        assertThat(first.channel()).isNull();
        assertThat(deadlines.pollExpired(10).channel()).isEqualTo("b");
        assertThat(deadlines.pollExpired(10)).isNull();
    }

    @Test
    void thatAreMetLeaveTheQueueAtOnceWhereverTheyStand() {
        List<Deadlines.Entry<String>> entries = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
            entries.add(deadlines.add("c" + i, PHASE, 10, i));
        }
        for (int i : new int[] {2, 4, 0, 2, 0}) {
            entries.get(i).met();
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
        Deadlines.Entry<String> first = deadlines.add("a", PHASE, 10, 0);
        Deadlines.Entry<String> second = deadlines.add("b", PHASE, 10, 0);
        assertThat(deadlines.pollExpired(10)).isSameAs(first);
        first.met();
        first.met();
        assertThat(first.channel()).isNull();
        assertThat(deadlines.pollExpired(10)).isSameAs(second);
        assertThat(second.channel()).isEqualTo("b");
        assertThat(second.phase()).isEqualTo(PHASE);
        assertThat(second.timeoutNanos()).isEqualTo(10);
    }

    /** Memory follows the connections that wait, though nobody sweeps and the first of them never does a thing. */
    @Test
    void areNoMoreThanConnectionsThatWait() {
        deadlines.add("silent", PHASE, 10, 0);
        for (int i = 0; i < 1000; i++) {
            deadlines.add("c" + i, PHASE, 10, i).met();
        }
        assertThat(deadlines.size()).isEqualTo(1);
    }

    @Test
    void queuesOfALengthThatIsNotUsedAnyMoreAreForgotten() {
        deadlines.add("a", PHASE, 10, 0).met();
        assertThat(deadlines.pollExpired(0)).isNull();
        deadlines.add("b", PHASE, 10, 5);
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
                            Deadlines.Entry<String> entry = deadlines.add("c", PHASE, 1 + i % 3, 0);
                            if (i % 2 == 0) {
                                entry.met();
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
                    Deadlines.Entry<String> entry;
                    while ((entry = deadlines.pollExpired(3)) != null) {
                        if (entry.channel() != null) {
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
    void tellHowLongUntilTheNext() {
        assertThat(deadlines.nanosToNext(0, 7)).isEqualTo(7);
        deadlines.add("a", PHASE, 10, 0);
        deadlines.add("b", PHASE, 3, 4);
        assertThat(deadlines.nanosToNext(4, 70)).isEqualTo(3);
        assertThat(deadlines.nanosToNext(9, 70)).isEqualTo(-2);
        assertThat(deadlines.nanosToNext(4, 2)).isEqualTo(2);
    }

    @Test
    void doNotMindThatTheClockOverflows() {
        long now = Long.MAX_VALUE - 5;
        deadlines.add("a", PHASE, 10, now);
        assertThat(deadlines.pollExpired(now + 9)).isNull();
        assertThat(deadlines.nanosToNext(now + 9, 100)).isEqualTo(1);
        assertThat(deadlines.pollExpired(now + 10).channel()).isEqualTo("a");
    }
}
