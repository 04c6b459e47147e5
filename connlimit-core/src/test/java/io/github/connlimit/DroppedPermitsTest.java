package io.github.connlimit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.time.Duration;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Permits that their user forgets. */
class DroppedPermitsTest {

    /** So many that one is watched, whatever chance does. */
    private static final int MANY = 40 * DroppedPermits.ONE_IN;

    private final RecordingLogger logger = new RecordingLogger();
    private final ConnectionLimiter limiter =
            new ConnectionLimiter(ConnectionLimits.builder().maxPerClient(0).build(), System::nanoTime, logger);

    private void dropMany() {
        for (int i = 0; i < MANY; i++) {
            assertThat(limiter.tryAcquire(Addresses.ip("192.0.2.1"))).isPresent();
        }
    }

    private List<ConnectionPermit> closeMany() {
        List<ConnectionPermit> permits = IntStream.range(0, MANY)
                .mapToObj(i -> limiter.tryAcquire(Addresses.ip("192.0.2.2")).orElseThrow())
                .toList();
        permits.forEach(ConnectionPermit::close);
        return permits;
    }

    @Test
    void areFoundAndTheLogSaysWhereTheyWereTaken() {
        assertThat(closeMany()).hasSize(MANY);
        dropMany();
        await().atMost(Duration.ofSeconds(20)).untilAsserted(() -> {
            System.gc();
            assertThat(limiter.snapshot(0).errors()).isPositive();
        });
        assertThat(logger.errors().get(0).message()).startsWith("a permit was dropped without being closed");
        assertThat(logger.errors().get(0).thrown().getStackTrace())
                .anyMatch(frame -> frame.getMethodName().equals("dropMany"))
                .noneMatch(frame -> frame.getMethodName().equals("closeMany"));
    }

    /** Neither those that are closed, nor those that were made for a client at its limit. */
    @Test
    void othersAreNotReported() {
        assertThat(closeMany()).hasSize(MANY);
        // Past the look without a lock, to where a permit is made.
        limiter.reconfigure(limits -> limits.toBuilder().maxRatePerClient("1/m").build());
        ConnectionPermit first = limiter.tryAcquire(Addresses.ip("192.0.2.3")).orElseThrow();
        for (int i = 0; i < MANY; i++) {
            assertThat(limiter.tryAcquire(Addresses.ip("192.0.2.3"))).isEmpty();
        }
        for (int i = 0; i < 10; i++) {
            System.gc();
            assertThat(limiter.snapshot(0).errors()).isZero();
        }
        first.close();
        assertThat(limiter.snapshot(0).openConnections()).isZero();
        assertThat(limiter.snapshot(0).clients()).isZero();
    }
}
