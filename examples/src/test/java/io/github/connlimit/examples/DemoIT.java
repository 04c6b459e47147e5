package io.github.connlimit.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DemoIT {

    @TempDir
    Path directory;

    @Test
    void keepsItsPromisesInLessThanThirtySeconds() throws Exception {
        long start = System.nanoTime();
        try (ExamplesProcess demo = ExamplesProcess.start(directory)) {
            int status = demo.awaitExit();

            assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(30));
            assertThat(demo.out()).doesNotContain("FAIL").endsWith("19 promises kept, 0 broken.\n");
            assertThat(demo.err()).isEmpty();
            assertThat(status).isZero();
            assertThat(demo.leftBehind()).isEmpty();
        }
    }
}
