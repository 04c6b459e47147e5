package io.github.connlimit.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;

/**
 * Many clients that come and go in every way. It counts for itself what is open: a connection that has been answered,
 * and that the client has not begun to close, is open at the server too.
 */
final class Stress {

    static final List<String> CLIENTS = List.of("127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5", "127.0.0.6");

    /** On average more for each client than the limit. */
    private static final int THREADS = 24;

    private final TestBed<?> bed;
    private final int limit;
    private final Map<String, AtomicInteger> answered =
            CLIENTS.stream().collect(Collectors.toMap(client -> client, client -> new AtomicInteger()));

    Stress(TestBed<?> bed, int limit) {
        this.bed = bed;
        this.limit = limit;
    }

    void run(Duration duration) throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(THREADS);
        try {
            long end = System.nanoTime() + duration.toNanos();
            List<Future<?>> futures = new ArrayList<>();
            for (int i = 0; i < THREADS; i++) {
                Random random = new Random(i);
                futures.add(threads.submit(() -> {
                    while (System.nanoTime() < end) {
                        oneConnection(random);
                    }
                    return null;
                }));
            }
            for (Future<?> future : futures) {
                future.get(duration.toSeconds() + 60, TimeUnit.SECONDS);
            }
        } finally {
            threads.shutdownNow();
        }
    }

    private void oneConnection(Random random) throws IOException {
        String client = CLIENTS.get(random.nextInt(CLIENTS.size()));
        try (TestConnection connection =
                new TestConnection(client, TestBed.SERVER, bed.server().port())) {
            switch (random.nextInt(6)) {
                case 0 -> {
                    // Closed at once.
                }
                case 1 -> connection.reset();
                case 2 -> connection.write("GE").reset();
                default -> {
                    bed.secure(connection);
                    requests(connection, client, random);
                }
            }
        } catch (SocketTimeoutException patienceLost) {
            throw patienceLost;
        } catch (IOException refused) {
            // Whether rightly, the counts tell.
        }
    }

    private void requests(TestConnection connection, String client, Random random) throws IOException {
        assertThat(connection.get("/count").status()).isEqualTo(200);
        AtomicInteger open = answered.get(client);
        try {
            assertThat(open.incrementAndGet())
                    .as("open connections of " + client)
                    .isBetween(1, limit);
            for (int i = random.nextInt(4); i > 0; i--) {
                assertThat(connection.get("/count").status()).isEqualTo(200);
            }
        } finally {
            open.decrementAndGet();
        }
        switch (random.nextInt(5)) {
            case 0 -> connection.closeOrderly();
            // Not /count: the server may still be serving it when the connection counts no longer.
            case 1 -> connection.request("/").reset();
            case 2 -> connection.write("GET /co").close();
            default -> connection.reset();
        }
    }
}
