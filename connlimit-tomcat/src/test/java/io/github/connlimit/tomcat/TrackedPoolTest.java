package io.github.connlimit.tomcat;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.tomcat.util.collections.SynchronizedStack;
import org.junit.jupiter.api.Test;

class TrackedPoolTest {

    private static final int THREADS = 8;

    /** Otherwise Tomcat 10.1 makes a channel of its own, and nobody hears of what its connection does. */
    @Test
    void whoAcceptsFindsAChannelWhoeverAcceptsAtTheSameTime() throws Exception {
        SynchronizedStack<Object> pool = new SynchronizedStack<>(128, 256);
        AtomicInteger accepting = new AtomicInteger();
        Callable<Integer> accepts = () -> {
            int empty = 0;
            for (int i = 0; i < 20_000; i++) {
                TrackedPool.offer(pool, accepting.incrementAndGet(), Object::new, channel -> {});
                Object taken = pool.pop();
                empty += taken == null ? 1 : 0;
                accepting.decrementAndGet();
                if (taken != null && i % 3 == 0) {
                    pool.push(taken);
                }
            }
            return empty;
        };
        ExecutorService threads = Executors.newFixedThreadPool(THREADS);
        try {
            List<Future<Integer>> all = new ArrayList<>();
            for (int i = 0; i < THREADS; i++) {
                all.add(threads.submit(accepts));
            }
            for (Future<Integer> one : all) {
                assertThat(one.get()).isZero();
            }
        } finally {
            threads.shutdownNow();
        }
    }

    @Test
    void keepsWhatIsThere() {
        SynchronizedStack<Object> pool = new SynchronizedStack<>(128, 256);
        Object channel = new Object();
        pool.push(channel);
        TrackedPool.offer(pool, 1, Object::new, freed -> {});
        assertThat(pool.pop()).isSameAs(channel);
        assertThat(pool.pop()).isNull();
    }
}
