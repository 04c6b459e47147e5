package io.github.connlimit;

import static io.github.connlimit.Addresses.ip;
import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ConnectionLimiterConcurrencyTest {

    private static final int THREADS = 8;

    private final RecordingLogger logger = new RecordingLogger();

    private ConnectionLimiter limiter(int maxPerClient, LimiterListener... listeners) {
        ConnectionLimits limits =
                ConnectionLimits.builder().maxPerClient(maxPerClient).build();
        return new ConnectionLimiter(limits, System::nanoTime, logger, listeners);
    }

    private void assertNothingIsLeft(ConnectionLimiter limiter) {
        assertThat(limiter.snapshot().clients()).isZero();
        assertThat(limiter.snapshot().pendingConnections()).isZero();
        assertThat(limiter.snapshot().streams()).isZero();
        assertThat(limiter.snapshot().largestClient()).isZero();
        assertThat(limiter.snapshot().openConnections()).isZero();
        assertThat(logger.errors()).isEmpty();
    }

    private static InetAddress client(int number) {
        return ip("10.0.0." + number);
    }

    /** Runs the task in many threads that begin together, and hands on what goes wrong in one of them. */
    private static void concurrently(int threads, ThreadTask task) throws Exception {
        ExecutorService executor = Executors.newFixedThreadPool(threads);
        try {
            CyclicBarrier begin = new CyclicBarrier(threads);
            List<Future<Void>> running = new ArrayList<>();
            for (int i = 0; i < threads; i++) {
                int number = i;
                Callable<Void> callable = () -> {
                    begin.await(60, TimeUnit.SECONDS);
                    task.run(number);
                    return null;
                };
                running.add(executor.submit(callable));
            }
            for (Future<Void> future : running) {
                future.get(120, TimeUnit.SECONDS);
            }
        } finally {
            executor.shutdownNow();
        }
    }

    private interface ThreadTask {
        void run(int number) throws Exception;
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 3, 50})
    void ofAllThatComeAtOnceExactlyTheLimitIsAdmitted(int limit) throws Exception {
        ConnectionLimiter limiter = limiter(limit);
        for (int round = 0; round < 20; round++) {
            AtomicInteger admitted = new AtomicInteger();
            ConcurrentHashMap<ConnectionPermit, Boolean> permits = new ConcurrentHashMap<>();
            concurrently(THREADS, number -> {
                for (int i = 0; i < 10; i++) {
                    Optional<ConnectionPermit> permit = limiter.tryAcquire(client(1));
                    if (permit.isPresent()) {
                        admitted.incrementAndGet();
                        permits.put(permit.get(), true);
                    }
                }
            });
            assertThat(admitted).hasValue(limit);
            assertThat(limiter.openConnections(client(1))).isEqualTo(limit);
            // Each is closed by every thread, and counts once.
            concurrently(THREADS, number -> permits.keySet().forEach(ConnectionPermit::close));
            assertNothingIsLeft(limiter);
        }
    }

    /** Counted from outside: up after each permit was given, down before it is given back. */
    @Test
    void neverAboveTheLimit() throws Exception {
        int limit = 3;
        int clients = 3;
        ConnectionLimiter limiter = limiter(limit);
        AtomicIntegerArray open = new AtomicIntegerArray(clients);
        AtomicInteger most = new AtomicInteger();
        AtomicLong admitted = new AtomicLong();
        AtomicLong refused = new AtomicLong();
        concurrently(THREADS, number -> {
            Random random = new Random(number);
            List<ArrayDeque<ConnectionPermit>> mine = new ArrayList<>();
            for (int i = 0; i < clients; i++) {
                mine.add(new ArrayDeque<>());
            }
            for (int i = 0; i < 40_000; i++) {
                int client = random.nextInt(clients);
                if (random.nextBoolean()) {
                    Optional<ConnectionPermit> permit = limiter.tryAcquire(client(client));
                    if (permit.isPresent()) {
                        most.accumulateAndGet(open.incrementAndGet(client), Math::max);
                        mine.get(client).add(permit.get());
                        admitted.incrementAndGet();
                    } else {
                        refused.incrementAndGet();
                    }
                } else if (!mine.get(client).isEmpty()) {
                    open.decrementAndGet(client);
                    mine.get(client).remove().close();
                }
            }
            for (int client = 0; client < clients; client++) {
                open.addAndGet(client, -mine.get(client).size());
                mine.get(client).forEach(ConnectionPermit::close);
            }
        });
        assertThat(most).hasValue(limit);
        assertNothingIsLeft(limiter);
        assertThat(limiter.snapshot().admitted()).isEqualTo(admitted.get());
        assertThat(limiter.snapshot().refused()).isEqualTo(refused.get());
    }

    /** As many threads as the limit says, each with one connection at a time. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2, THREADS})
    void neverRefusedBelowTheLimit(int limit) throws Exception {
        ConnectionLimiter limiter = limiter(limit);
        AtomicInteger refused = new AtomicInteger();
        concurrently(limit, number -> {
            for (int i = 0; i < 50_000; i++) {
                Optional<ConnectionPermit> permit = limiter.tryAcquire(client(1));
                if (permit.isPresent()) {
                    permit.get().close();
                } else {
                    refused.incrementAndGet();
                }
            }
        });
        assertThat(refused).hasValue(0);
        assertNothingIsLeft(limiter);
    }

    /** Once a call that lowers the limit has returned, no connection is admitted above that limit. */
    @Test
    void aLoweredLimitHoldsFromTheMomentItWasSet() throws Exception {
        int highest = 20;
        AtomicInteger inForce = new AtomicInteger(highest);
        AtomicInteger lowered = new AtomicInteger();
        AtomicInteger tooMany = new AtomicInteger();
        ThreadLocal<Integer> limitBefore = new ThreadLocal<>();
        ConnectionLimiter limiter = limiter(highest, new LimiterListener() {
            @Override
            public void admitted(ClientUsage client) {
                if (client.openConnections() > limitBefore.get() || client.limit() > limitBefore.get()) {
                    tooMany.incrementAndGet();
                }
            }
        });
        for (int round = 0; round < 10; round++) {
            limiter.reconfigure(ConnectionLimits.builder().maxPerClient(highest).build());
            inForce.set(highest);
            AtomicBoolean end = new AtomicBoolean();
            concurrently(4, number -> {
                if (number == 0) {
                    try {
                        for (int limit = highest; limit >= 1; limit--) {
                            int max = limit;
                            limiter.reconfigure(limits ->
                                    limits.toBuilder().maxPerClient(max).build());
                            inForce.set(max);
                            lowered.incrementAndGet();
                            Thread.yield();
                        }
                    } finally {
                        end.set(true);
                    }
                    return;
                }
                ArrayDeque<ConnectionPermit> mine = new ArrayDeque<>();
                while (!end.get()) {
                    limitBefore.set(inForce.get());
                    limiter.tryAcquire(client(1)).ifPresent(mine::add);
                    if (mine.size() > 10) {
                        mine.remove().close();
                    }
                }
                mine.forEach(ConnectionPermit::close);
            });
        }
        assertThat(lowered).hasValue(10 * highest);
        assertThat(tooMany).hasValue(0);
        assertNothingIsLeft(limiter);
    }

    /** Each permit goes back to the client that it was counted for, whoever is whose client by now. */
    @Test
    void nothingIsLostWhileEverythingIsReconfigured() throws Exception {
        ConnectionLimiter limiter = limiter(5);
        AtomicBoolean end = new AtomicBoolean();
        AtomicLong open = new AtomicLong();
        concurrently(4, number -> {
            Random random = new Random(number);
            if (number == 0) {
                try {
                    for (int i = 0; i < 2_000; i++) {
                        int prefix = random.nextInt(33);
                        int max = random.nextInt(20);
                        String rules = random.nextBoolean() ? "" : "10.0.0.2=3, 10.0.0.0/30=unlimited";
                        limiter.reconfigure(limits -> limits.toBuilder()
                                .ipv4Prefix(prefix)
                                .maxPerClient(max)
                                .rules(rules)
                                .build());
                    }
                } finally {
                    end.set(true);
                }
                return;
            }
            ArrayDeque<ConnectionPermit> mine = new ArrayDeque<>();
            while (!end.get()) {
                Optional<ConnectionPermit> permit = limiter.tryAcquire(client(random.nextInt(5)));
                if (permit.isPresent()) {
                    mine.add(permit.get());
                    open.incrementAndGet();
                }
                limiter.snapshot(3);
                while (mine.size() > random.nextInt(8)) {
                    open.decrementAndGet();
                    mine.remove().close();
                }
            }
            open.addAndGet(-mine.size());
            mine.forEach(ConnectionPermit::close);
        });
        assertThat(open).hasValue(0);
        assertNothingIsLeft(limiter);
        assertThat(logger.messages().stream().filter(message -> message.startsWith("limits changed from ")))
                .hasSize(2_000);
    }

    @Test
    void theFiguresAreNeverNegativeNorAboveWhatCanBe() throws Exception {
        ConnectionLimiter limiter = limiter(THREADS);
        AtomicInteger running = new AtomicInteger(THREADS - 1);
        AtomicLong least = new AtomicLong(Long.MAX_VALUE);
        concurrently(THREADS, number -> {
            if (number == 0) {
                while (running.get() > 0) {
                    LimiterSnapshot snapshot = limiter.snapshot(1);
                    least.accumulateAndGet(snapshot.openConnections(), Math::min);
                    for (ClientUsage usage : snapshot.topClients()) {
                        assertThat(usage.openConnections()).isBetween(1, THREADS - 1);
                    }
                    assertThat(limiter.openConnections(client(1))).isBetween(0, THREADS - 1);
                }
                return;
            }
            try {
                for (int i = 0; i < 30_000; i++) {
                    limiter.tryAcquire(client(1)).orElseThrow().close();
                }
            } finally {
                running.decrementAndGet();
            }
        });
        assertThat(least.get()).isNotNegative();
        assertNothingIsLeft(limiter);
    }
}
