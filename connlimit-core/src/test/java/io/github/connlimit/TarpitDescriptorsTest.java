package io.github.connlimit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.FileInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Refused connections that are held when a process has no descriptors left: in a process of its own. */
@Timeout(60)
class TarpitDescriptorsTest {

    /** Prints what has been ended, at each step. */
    static final class Holding implements ConnectionGate.Channels<String> {

        private final AtomicLong nanoTime = new AtomicLong();
        private final List<String> ended = new ArrayList<>();
        private final List<FileInputStream> files = new ArrayList<>(1_000);
        private final ConnectionLimiter limiter = new ConnectionLimiter(
                ConnectionLimits.builder()
                        .refuse(Refusal.TARPIT)
                        .tarpitTime(Duration.ofSeconds(1))
                        .build(),
                nanoTime::get);
        private final ConnectionGate<String> gate = new ConnectionGate<>(limiter);

        private Holding() {}

        public static void main(String[] arguments) throws IOException {
            new Holding().run();
        }

        private void run() throws IOException {
            // The classes are in files, and later none can be opened.
            hold("");
            gate.stopHolding();
            gate.startHolding();
            takeAllDescriptors();
            hold("a");
            sweepAfter(0);
            giveBackDescriptors();
            System.out.println("without descriptors " + ended);

            sweepAfter(1_000);
            hold("b");
            sweepAfter(999);
            System.out.println("in time " + ended);
            sweepAfter(1);
            System.out.println("at last " + ended);
            System.out.println("errors " + limiter.snapshot().errors());
        }

        private void takeAllDescriptors() throws IOException {
            try {
                while (true) {
                    files.add(new FileInputStream("/dev/null"));
                }
            } catch (IOException noneLeft) {
                // As it should be.
            }
        }

        private void giveBackDescriptors() throws IOException {
            for (FileInputStream file : files) {
                file.close();
            }
        }

        private void hold(String channel) {
            gate.tryHold(channel, Addresses.ip("192.0.2.1"), ended::add);
        }

        private void sweepAfter(long millis) {
            nanoTime.addAndGet(TimeUnit.MILLISECONDS.toNanos(millis));
            gate.sweep(this);
        }

        @Override
        public boolean isOpen(String channel) {
            return true;
        }

        @Override
        public boolean closeExpired(String channel, ConnectionPhase phase) {
            return true;
        }
    }

    @Test
    void areEndedAtOnceAndLaterOnesInTime() throws Exception {
        assumeTrue(Files.isExecutable(Path.of("/bin/sh")), "not tested without a shell that bounds descriptors");
        Process process = new ProcessBuilder(
                        "/bin/sh",
                        "-c",
                        "ulimit -n 100 && exec \"$@\"",
                        "holding",
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        System.getProperty("java.class.path"),
                        Holding.class.getName())
                .redirectErrorStream(true)
                .start();
        try {
            process.getOutputStream().close();
            String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            assertThat(output.lines())
                    .containsExactly("without descriptors [, a]", "in time [, a]", "at last [, a, b]", "errors 0");
        } finally {
            process.destroyForcibly();
        }
    }
}
