package io.github.connlimit.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.github.connlimit.ConnectionLimiter;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** Tries out the limits of running servers. */
final class LimitAssertions {

    private static final Duration TIMEOUT = Duration.ofSeconds(20);

    private LimitAssertions() {}

    /** Asserts that 127.0.0.2 gets so many connections and not one more, and gives them all back. */
    static void assertLimit(int expected, ConnectionLimiter limiter, int port) throws Exception {
        List<TestClient> clients = new ArrayList<>();
        try {
            open(expected, clients, port, false);
            assertThat(TestClient.admitted("127.0.0.2", port, false))
                    .as("one more")
                    .isEmpty();
        } finally {
            for (TestClient client : clients) {
                client.close();
            }
        }
        awaitNone(limiter);
    }

    /** Waits until no connection is counted any more. */
    static void awaitNone(ConnectionLimiter limiter) {
        await().atMost(TIMEOUT).until(() -> limiter.snapshot().openConnections() == 0);
    }

    /** Opens connections from 127.0.0.2 that all have to be admitted. */
    static void open(int count, List<TestClient> clients, int port, boolean tls) throws Exception {
        for (int i = 0; i < count; i++) {
            clients.add(TestClient.admitted("127.0.0.2", port, tls).orElseThrow());
        }
    }
}
