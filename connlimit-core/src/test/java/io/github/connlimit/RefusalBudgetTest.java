package io.github.connlimit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;

import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

class RefusalBudgetTest {

    private static final long SECOND = TimeUnit.SECONDS.toNanos(1);

    private final AtomicReference<ConnectionLimits> limits = new AtomicReference<>(ConnectionLimits.defaults());
    private final Figures figures = new Figures();
    private final AtomicLong now = new AtomicLong();
    private final RefusalBudget budget = new RefusalBudget(limits::get, figures, now::get);

    private static InetAddress client(int number) {
        return Addresses.ipv4(0x0a00_0000 + number);
    }

    private RefusalBudget.Place take(int client) {
        return budget.tryTake(client(client), false).orElseThrow();
    }

    /** How many of these tries, each by another client, get an answer after a TLS handshake. */
    private int answered(int tries) {
        int answered = 0;
        for (int i = 0; i < tries; i++) {
            Optional<RefusalBudget.Place> place = budget.tryTake(client(i), true);
            place.ifPresent(RefusalBudget.Place::close);
            answered += place.isPresent() ? 1 : 0;
        }
        return answered;
    }

    @Test
    void aHandshakeCostsAToken() {
        assertThat(answered(150)).isEqualTo(100);
        now.set(SECOND / 2);
        assertThat(answered(20)).isEqualTo(5);
        now.set(SECOND / 2 + SECOND / 10 - 1);
        assertThat(answered(1)).isZero();
        now.set(SECOND);
        assertThat(answered(10)).isEqualTo(5);
        now.set(1000 * SECOND);
        assertThat(answered(150)).isEqualTo(100);
        assertThat(figures.responded).hasValue(210);
        assertThat(figures.reset).hasValue(50 + 15 + 1 + 5 + 50);
    }

    @Test
    void withoutAHandshakeNoTokenIsSpent() {
        for (int i = 0; i < 500; i++) {
            take(i).close();
        }
        assertThat(answered(150)).isEqualTo(100);
        take(1);
    }

    @Test
    void rateAndBurstCanBeChanged() {
        limits.set(ConnectionLimits.builder().respondRate(2).respondBurst(3).build());
        assertThat(answered(10)).isEqualTo(3);
        now.set(SECOND);
        assertThat(answered(10)).isEqualTo(2);
        limits.set(ConnectionLimits.builder().respondBurst(0).build());
        now.set(100 * SECOND);
        assertThat(answered(10)).isZero();
        limits.set(ConnectionLimits.builder().respondRate(0).build());
        now.set(200 * SECOND);
        assertThat(answered(10)).isZero();
    }

    @Test
    void whoGetsNoPlaceSpendsNoToken() {
        limits.set(ConnectionLimits.builder()
                .respondMaxOpen(0)
                .respondRate(0)
                .respondBurst(3)
                .build());
        assertThat(answered(10)).isZero();
        limits.set(limits.get().toBuilder().respondMaxOpen(1).build());
        assertThat(answered(10)).isEqualTo(3);
    }

    @Test
    void howManyInAllCanBeChanged() {
        limits.set(ConnectionLimits.builder().respondMaxOpen(1000).build());
        List<RefusalBudget.Place> places = new ArrayList<>();
        for (int i = 0; i < 1000; i++) {
            places.add(take(i));
        }
        assertThat(budget.tryTake(client(1000), false)).isEmpty();
        limits.set(ConnectionLimits.builder().respondMaxOpen(2).build());
        places.forEach(RefusalBudget.Place::close);
        take(1);
        take(2);
        assertThat(budget.tryTake(client(3), false)).isEmpty();
    }

    @Test
    void theBounds() {
        assertThat(limits.get().respondMaxOpen()).isEqualTo(100);
        assertThat(RefusalBudget.MAX_OPEN_PER_CLIENT).isEqualTo(4);
        assertThat(RefusalBudget.MAX_LINGER_MILLIS).isEqualTo(500);
        assertThat(RefusalBudget.MAX_LINGER_BYTES).isEqualTo(1024 * 1024);
    }

    @Test
    void fourForEachClient() {
        List<RefusalBudget.Place> places = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            places.add(take(1));
        }
        assertThat(budget.tryTake(client(1), false)).isEmpty();
        assertThat(budget.tryTake(client(2), false)).isPresent();
        places.get(2).close();
        assertThat(budget.tryTake(client(1), false)).isPresent();
        assertThat(budget.tryTake(client(1), false)).isEmpty();
    }

    @Test
    void aHundredInAll() {
        List<RefusalBudget.Place> places = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            places.add(take(i / 4));
        }
        assertThat(budget.tryTake(client(99), false)).isEmpty();
        // The first, the last and one in the middle: each place can be taken again, and only once.
        for (int i : new int[] {0, 99, 50}) {
            places.get(i).close();
            places.set(i, take(99));
            assertThat(budget.tryTake(client(98), false)).isEmpty();
        }
        places.forEach(RefusalBudget.Place::close);
        for (int i = 0; i < 100; i++) {
            take(i);
        }
        assertThat(budget.tryTake(client(100), false)).isEmpty();
    }

    @Test
    void givingBackTwiceGivesBackOne() {
        RefusalBudget.Place place = take(1);
        place.close();
        // Somebody else's now.
        List<RefusalBudget.Place> places = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            places.add(take(i / 4));
        }
        place.close();
        assertThat(budget.tryTake(client(99), false)).isEmpty();
    }

    @Test
    void refusesNoClient() {
        assertThatNullPointerException().isThrownBy(() -> budget.tryTake(null, false));
    }

    /** Four threads of one client take one place each at a time: none is ever refused, however they meet. */
    @Test
    void neverEmptyBelowTheBoundOfAClient() throws Exception {
        AtomicInteger refused = new AtomicInteger();
        concurrently(4, () -> {
            for (int i = 0; i < 20_000; i++) {
                Optional<RefusalBudget.Place> place = budget.tryTake(client(1), false);
                if (place.isEmpty()) {
                    refused.incrementAndGet();
                } else {
                    place.get().close();
                }
            }
            return null;
        });
        assertThat(refused).hasValue(0);
    }

    @Test
    void neverAboveTheBounds() throws Exception {
        AtomicInteger open = new AtomicInteger();
        AtomicInteger most = new AtomicInteger();
        concurrently(6, () -> {
            for (int i = 0; i < 5_000; i++) {
                Optional<RefusalBudget.Place> one = budget.tryTake(client(1), false);
                Optional<RefusalBudget.Place> other = budget.tryTake(client(1), false);
                int mine = (one.isPresent() ? 1 : 0) + (other.isPresent() ? 1 : 0);
                most.accumulateAndGet(open.addAndGet(mine), Math::max);
                open.addAndGet(-mine);
                one.ifPresent(RefusalBudget.Place::close);
                other.ifPresent(RefusalBudget.Place::close);
            }
            return null;
        });
        assertThat(most.get()).isBetween(2, 4);
    }

    private static void concurrently(int threads, Callable<Void> task) throws Exception {
        ExecutorService executor = Executors.newFixedThreadPool(threads);
        try {
            CyclicBarrier begin = new CyclicBarrier(threads);
            List<Future<Void>> running = new ArrayList<>();
            for (int i = 0; i < threads; i++) {
                running.add(executor.submit(() -> {
                    begin.await();
                    return task.call();
                }));
            }
            for (Future<Void> future : running) {
                future.get(60, TimeUnit.SECONDS);
            }
        } finally {
            executor.shutdownNow();
        }
    }
}
