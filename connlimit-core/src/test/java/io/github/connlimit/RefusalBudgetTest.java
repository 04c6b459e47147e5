package io.github.connlimit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;

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
import org.junit.jupiter.api.Test;

class RefusalBudgetTest {

    private final RefusalBudget budget = new RefusalBudget();

    private static Cidr client(int number) {
        return Cidr.of(Addresses.ipv4(0x0a00_0000 + number), 32);
    }

    private RefusalBudget.Place take(int client) {
        return budget.tryTake(client(client)).orElseThrow();
    }

    @Test
    void theBounds() {
        assertThat(RefusalBudget.MAX_OPEN).isEqualTo(100);
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
        assertThat(budget.tryTake(client(1))).isEmpty();
        assertThat(budget.tryTake(client(2))).isPresent();
        places.get(2).close();
        assertThat(budget.tryTake(client(1))).isPresent();
        assertThat(budget.tryTake(client(1))).isEmpty();
    }

    @Test
    void aHundredInAll() {
        List<RefusalBudget.Place> places = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            places.add(take(i / 4));
        }
        assertThat(budget.tryTake(client(99))).isEmpty();
        // The first, the last and one in the middle: each place can be taken again, and only once.
        for (int i : new int[] {0, 99, 50}) {
            places.get(i).close();
            places.set(i, take(99));
            assertThat(budget.tryTake(client(98))).isEmpty();
        }
        places.forEach(RefusalBudget.Place::close);
        for (int i = 0; i < 100; i++) {
            take(i);
        }
        assertThat(budget.tryTake(client(100))).isEmpty();
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
        assertThat(budget.tryTake(client(99))).isEmpty();
    }

    @Test
    void refusesNoClient() {
        assertThatNullPointerException().isThrownBy(() -> budget.tryTake(null)).withMessage("client");
    }

    /** Four threads of one client take one place each at a time: none is ever refused, however they meet. */
    @Test
    void neverEmptyBelowTheBoundOfAClient() throws Exception {
        AtomicInteger refused = new AtomicInteger();
        concurrently(4, () -> {
            for (int i = 0; i < 20_000; i++) {
                Optional<RefusalBudget.Place> place = budget.tryTake(client(1));
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
                Optional<RefusalBudget.Place> one = budget.tryTake(client(1));
                Optional<RefusalBudget.Place> other = budget.tryTake(client(1));
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
