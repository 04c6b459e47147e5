package io.github.connlimit;

import static io.github.connlimit.Addresses.ip;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** No count is lost, and none is left over, if memory runs out at the worst moment. */
class ConnectionLimiterFailureTest {

    private static final InetAddress PEER = ip("127.0.0.2");

    @Test
    void anAcquireWhosePermitCannotBeMadeCountsNothing() {
        RecordingListener listener = new RecordingListener();
        ConnectionLimiter limiter =
                new ConnectionLimiter(ConnectionLimits.builder().maxPerClient(1).build(), listener);
        assertThatExceptionOfType(OutOfMemoryError.class)
                .isThrownBy(() -> limiter.acquireOrReason(
                        PEER,
                        () -> {
                            throw new OutOfMemoryError("made up");
                        },
                        false,
                        ConnectionLimiter.Counted.CONNECTION));
        assertThat(limiter.snapshot()).isEqualTo(Counts.snapshot(0, 0, 0, 0, List.of()));
        assertThat(listener.events).isEmpty();
        assertThat(limiter.tryAcquire(PEER)).isPresent();
    }

    @Test
    void whereverMemoryRunsOutTheCountsAreRight() throws Exception {
        Process withoutNetworks = runOutOfMemory("");
        Process withNetworks = runOutOfMemory("ipv4/31=1000, ipv4/8=100000");
        try {
            assertCountsAreRight(withoutNetworks);
            assertCountsAreRight(withNetworks);
        } finally {
            withoutNetworks.destroyForcibly();
            withNetworks.destroyForcibly();
        }
    }

    private static Process runOutOfMemory(String networkLimits) throws IOException {
        return new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Xmx12m",
                        "-XX:+UseSerialGC",
                        // Compiled code that is given up makes objects in unexpected places.
                        "-Xint",
                        "-cp",
                        System.getProperty("java.class.path"),
                        OutOfMemory.class.getName(),
                        networkLimits)
                .redirectErrorStream(true)
                .start();
    }

    private static void assertCountsAreRight(Process process) throws Exception {
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        assertThat(output.lines()).last().asString().startsWith("counts are right");
        assertThat(process.exitValue()).isZero();
    }
}
