package io.github.connlimit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
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
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RefusalBudgetTest {

    private final AtomicReference<ConnectionLimits> limits = new AtomicReference<>(ConnectionLimits.defaults());
    private final Figures figures = new Figures();
    private final AtomicLong now = new AtomicLong();
    private final RefusalBudget budget = new RefusalBudget(limits::get, figures, now::get);

    /** How many calls have got a place, and how many have not. */
    private final AtomicLong given = new AtomicLong();

    private final AtomicLong denied = new AtomicLong();

    @AfterEach
    void everyCallIsInTheFigures() {
        assertThat(figures.responded.get()).isEqualTo(given.get());
        assertThat(figures.reset.get()).isEqualTo(denied.get());
    }

    private static InetAddress client(int number) {
        return Addresses.ipv4(0x0a00_0000 + number);
    }

    private Optional<RefusalBudget.Place> tryTake(int client, boolean afterHandshake) {
        Optional<RefusalBudget.Place> place = budget.tryTake(client(client), afterHandshake);
        (place.isPresent() ? given : denied).incrementAndGet();
        return place;
    }

    private Optional<RefusalBudget.Place> tryTake(int client) {
        return tryTake(client, false);
    }

    private RefusalBudget.Place take(int client) {
        return tryTake(client).orElseThrow();
    }

    private void set(UnaryOperator<ConnectionLimits.Builder> change) {
        limits.set(change.apply(limits.get().toBuilder()).build());
    }

    @Test
    void theBounds() {
        assertThat(ConnectionLimits.defaults().respondMaxOpen()).isEqualTo(100);
        assertThat(RefusalBudget.MOST_OPEN).isEqualTo(1000);
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
        assertThat(tryTake(1)).isEmpty();
        assertThat(tryTake(2)).isPresent();
        places.get(2).close();
        assertThat(tryTake(1)).isPresent();
        assertThat(tryTake(1)).isEmpty();
    }

    @Test
    void clientsAreThoseOfTheLimits() {
        set(limits -> limits.ipv4Prefix(24));
        for (int i = 0; i < 4; i++) {
            take(i);
        }
        assertThat(tryTake(4)).isEmpty();
        assertThat(tryTake(256)).isPresent();
    }

    @Test
    void aHundredInAll() {
        List<RefusalBudget.Place> places = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            places.add(take(i / 4));
        }
        assertThat(tryTake(99)).isEmpty();
        // The first, the last and one in the middle: each place can be taken again, and only once.
        for (int i : new int[] {0, 99, 50}) {
            places.get(i).close();
            places.set(i, take(99));
            assertThat(tryTake(98)).isEmpty();
        }
        places.forEach(RefusalBudget.Place::close);
        for (int i = 0; i < 100; i++) {
            take(i);
        }
        assertThat(tryTake(100)).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 7, 999, 1000})
    void asManyInAllAsTheLimitsSay(int most) {
        set(limits -> limits.respondMaxOpen(most));
        for (int i = 0; i < most; i++) {
            take(i);
        }
        assertThat(tryTake(5000)).isEmpty();
    }

    /** Those that are open count until they are closed, in whichever place they are. */
    @Test
    void aLoweredBoundHoldsForThoseThatAreOpen() {
        List<RefusalBudget.Place> places = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            places.add(take(i));
        }
        set(limits -> limits.respondMaxOpen(10));
        for (int i = 0; i < 90; i++) {
            places.get(i).close();
            assertThat(tryTake(200)).isEmpty();
        }
        places.get(90).close();
        take(200);
        assertThat(tryTake(201)).isEmpty();
        set(limits -> limits.respondMaxOpen(11));
        take(201);
        assertThat(tryTake(202)).isEmpty();
    }

    @Test
    void givingBackTwiceGivesBackOne() {
        RefusalBudget.Place place = take(1);
        place.close();
        // Somebody else's now.
        for (int i = 0; i < 100; i++) {
            take(i / 4);
        }
        place.close();
        assertThat(tryTake(99)).isEmpty();
    }

    @Test
    void refusesNoClient() {
        assertThatNullPointerException().isThrownBy(() -> budget.tryTake(null, false));
    }

    /** How many more handshakes may be spent now. */
    private int handshakes() {
        int spent = 0;
        Optional<RefusalBudget.Place> place;
        while ((place = tryTake(1, true)).isPresent()) {
            place.get().close();
            spent++;
        }
        return spent;
    }

    @ParameterizedTest
    @ValueSource(longs = {0, Long.MIN_VALUE, Long.MAX_VALUE - 5})
    void handshakesAreSpentAtTheRateAfterTheBurst(long begin) {
        now.set(begin);
        RefusalBudget fresh = new RefusalBudget(limits::get, figures, now::get);
        for (int i = 0; i < 100; i++) {
            given.incrementAndGet();
            fresh.tryTake(client(1), true).orElseThrow().close();
        }
        denied.addAndGet(2);
        assertThat(fresh.tryTake(client(2), true)).isEmpty();
        now.set(begin + TimeUnit.MILLISECONDS.toNanos(99));
        assertThat(fresh.tryTake(client(2), true)).isEmpty();
        now.set(begin + TimeUnit.MILLISECONDS.toNanos(100));
        given.incrementAndGet();
        assertThat(fresh.tryTake(client(2), true)).isPresent();
    }

    @Test
    void afterAQuietTimeThereIsABurstAndNoMore() {
        assertThat(handshakes()).isEqualTo(100);
        now.set(TimeUnit.MILLISECONDS.toNanos(1250));
        assertThat(handshakes()).isEqualTo(12);
        // The half that was left over counts.
        now.set(TimeUnit.MILLISECONDS.toNanos(1300));
        assertThat(handshakes()).isEqualTo(1);
        now.set(TimeUnit.DAYS.toNanos(3));
        assertThat(handshakes()).isEqualTo(100);
    }

    @Test
    void theRateAndTheBurstMayBeChanged() {
        set(limits -> limits.respondRate(3).respondBurst(5));
        assertThat(handshakes()).isEqualTo(5);
        now.addAndGet(TimeUnit.SECONDS.toNanos(1));
        assertThat(handshakes()).isEqualTo(3);
        set(limits -> limits.respondRate(1000).respondBurst(1000));
        now.addAndGet(TimeUnit.SECONDS.toNanos(1));
        assertThat(handshakes()).isEqualTo(1000);
        now.addAndGet(TimeUnit.SECONDS.toNanos(1));
        set(limits -> limits.respondBurst(2));
        assertThat(handshakes()).isEqualTo(2);
        set(limits -> limits.respondRate(0));
        now.addAndGet(TimeUnit.DAYS.toNanos(1));
        assertThat(handshakes()).isZero();
    }

    @Test
    void withoutABurstNoHandshakeIsSpent() {
        set(limits -> limits.respondBurst(0));
        now.addAndGet(TimeUnit.DAYS.toNanos(1));
        assertThat(tryTake(1, true)).isEmpty();
        assertThat(tryTake(1, false)).isPresent();
    }

    @Test
    void clearTextCostsNoHandshake() {
        for (int i = 0; i < 1000; i++) {
            take(1).close();
        }
        assertThat(handshakes()).isEqualTo(100);
        assertThat(tryTake(1)).isPresent();
    }

    @Test
    void whoGetsNoPlaceSpendsNoHandshake() {
        set(limits -> limits.respondBurst(5).respondRate(0));
        for (int i = 0; i < 4; i++) {
            take(1);
        }
        for (int i = 0; i < 100; i++) {
            assertThat(tryTake(1, true)).isEmpty();
        }
        assertThat(tryTake(2, true)).isPresent();
        set(limits -> limits.respondMaxOpen(5));
        for (int i = 0; i < 100; i++) {
            assertThat(tryTake(3, true)).isEmpty();
        }
        set(limits -> limits.respondMaxOpen(100));
        for (int client = 10; client < 14; client++) {
            assertThat(tryTake(client, true)).isPresent();
        }
        assertThat(tryTake(14, true)).isEmpty();
    }

    @Test
    void whoMayNotSpendAHandshakeTakesNoPlace() {
        set(limits -> limits.respondBurst(0).respondMaxOpen(1));
        for (int i = 0; i < 10; i++) {
            assertThat(tryTake(i, true)).isEmpty();
        }
        assertThat(tryTake(1, false)).isPresent();
    }

    /** With a clock that throws, the connection is reset, and the place is still there. */
    @Test
    void aClockThatThrowsTakesNoPlace() {
        AtomicInteger calls = new AtomicInteger();
        RefusalBudget broken = new RefusalBudget(limits::get, figures, () -> {
            if (calls.getAndIncrement() > 0) {
                throw new IllegalStateException("made up");
            }
            return 0;
        });
        set(limits -> limits.respondMaxOpen(1));
        assertThatExceptionOfType(IllegalStateException.class).isThrownBy(() -> broken.tryTake(client(1), true));
        given.incrementAndGet();
        assertThat(broken.tryTake(client(1), false)).isPresent();
    }

    /** Four threads of one client take one place each at a time: none is ever refused, however they meet. */
    @Test
    void neverEmptyBelowTheBoundOfAClient() throws Exception {
        AtomicInteger refused = new AtomicInteger();
        concurrently(4, () -> {
            for (int i = 0; i < 20_000; i++) {
                Optional<RefusalBudget.Place> place = tryTake(1);
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
                Optional<RefusalBudget.Place> one = tryTake(1);
                Optional<RefusalBudget.Place> other = tryTake(1);
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
