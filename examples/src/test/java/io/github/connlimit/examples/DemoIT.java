package io.github.connlimit.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** That it keeps its promises is tested with the command of README.md. */
class DemoIT {

    private static final Pattern PORT = Pattern.compile("Jetty on port ([0-9]+),");

    @TempDir
    Path directory;

    @Test
    void theClusterKeepsItsPromises() throws Exception {
        try (ExamplesProcess demo = ExamplesProcess.start(
                directory, Docs.snippet("cluster-demo").trim().split("\\.jar ")[1])) {
            assertThat(demo.awaitExit()).as(demo.out()).isZero();
            assertThat(demo.out()).endsWith("All 7 promises were kept.\n").contains("  ok    it has on both: ");
        }
    }

    @Test
    void failsIfItSeesAnythingElseThanItPromises() throws Exception {
        List<TestClient> spoilers = new ArrayList<>();
        try (ExamplesProcess demo = ExamplesProcess.start(directory)) {
            await().atMost(Duration.ofSeconds(60))
                    .until(() -> PORT.matcher(demo.out()).find());
            Matcher port = PORT.matcher(demo.out());
            assertThat(port.find()).isTrue();
            // More connections of the greedy client, all the time.
            while (demo.isAlive()) {
                TestClient.admitted("127.0.0.2", Integer.parseInt(port.group(1)), false)
                        .ifPresent(spoilers::add);
            }

            assertThat(demo.awaitExit()).isEqualTo(1);
            assertThat(demo.out()).containsPattern("\n  FAIL  .*, but promised were .*\n$");
            assertThat(demo.leftBehind()).isEmpty();
        } finally {
            for (TestClient spoiler : spoilers) {
                spoiler.close();
            }
        }
    }
}
