package io.github.connlimit.benchmarks.load;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.connlimit.benchmarks.serve.Protection;
import io.github.connlimit.benchmarks.serve.TestServers;
import java.io.IOException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Against real servers. */
class GeneratorTest {

    private static final int MILLIS = 300;
    private static final int MAX_RUNS = 50;

    private Generator generator;

    @BeforeEach
    void open() throws IOException {
        generator = new Generator();
    }

    @AfterEach
    void close() throws IOException {
        generator.close();
    }

    @Test
    void makesOneRequestForEachConnection() throws Exception {
        LoadResult result = runUntilCompleted(work(TestServers.jetty(false), false, 1, 0));

        assertThat(result.refused() + result.rejected() + result.failed()).isZero();
        assertThat(result.p50()).isPositive();
        assertThat(result.max()).isGreaterThanOrEqualTo(result.p99());
    }

    @Test
    void keepsConnectionsAlive() throws Exception {
        LoadResult result = runUntilCompleted(work(TestServers.tomcat(false), false, Workload.UNENDING, 0));

        assertThat(result.completed()).isGreaterThan(4);
        assertThat(result.refused() + result.rejected() + result.failed()).isZero();
    }

    @Test
    void speaksTls() throws Exception {
        for (int port : new int[] {TestServers.jetty(true), TestServers.tomcat(true)}) {
            // The first handshakes of a process take long.
            LoadResult result = runUntilCompleted(new Workload(port, true, 0, 10, 4, 4, 2, 0, 0, 2000));

            assertThat(result.refused() + result.rejected() + result.failed()).isZero();
        }
    }

    @Test
    void keepsItsPace() throws Exception {
        LoadResult result = runUntilCompleted(work(TestServers.jetty(false), false, 1, 20));

        // A run may begin and end just when one is due.
        assertThat(result.completed() + result.unanswered()).isLessThanOrEqualTo(20 * MILLIS / 1000 + 4);
    }

    @Test
    void countsRefusals() throws Exception {
        for (int port : new int[] {TestServers.loop(true), TestServers.loop(false)}) {
            LoadResult result = generator.run(work(port, false, 0, 0));
            for (int i = 0; result.refused() == 0 && i < MAX_RUNS; i++) {
                result = generator.run(work(port, false, 0, 0));
            }

            assertThat(result.refused()).isPositive();
            assertThat(result.completed() + result.failed()).isZero();
        }
    }

    @Test
    void countsFailures() throws Exception {
        LoadResult result = generator.run(work(TestServers.closedPort(), false, 1, 0));

        assertThat(result.failed()).isPositive();
        assertThat(result.completed() + result.refused()).isZero();
    }

    @Test
    void holdsConnectionsUntilReleased() throws Exception {
        Workload work = work(TestServers.jetty(false), false, 1, 0);

        assertThat(generator.hold(10, work)).isEqualTo(10);
        assertThat(generator.hold(20, work)).isEqualTo(30);
        assertThat(generator.release()).isZero();
    }

    @Test
    void tellsThatItCannotHold() throws Exception {
        Workload work = work(TestServers.loop(true), false, 1, 0);

        assertThatThrownBy(() -> generator.hold(2, work))
                .isInstanceOf(IOException.class)
                .hasMessage("only 0 of 2 connections could be made; 2 refused, 0 rejected, 0 failed");
    }

    @Test
    void tricklesRequestsThatNeverEnd() throws Exception {
        Workload trickling = new Workload(TestServers.jetty(false), false, 0, 2, 4, 4, 1, 0, 0, MILLIS).trickling(10);

        LoadResult result = generator.run(trickling);

        assertThat(result.completed() + result.rejected() + result.refused() + result.failed())
                .isZero();
        // They have been open all the time, more or less.
        assertThat(result.p50()).isGreaterThan(result.nanos() / 2);

        int hurried = TestServers.jetty(Protection.HEADERS);
        LoadResult ended = generator.run(
                new Workload(hurried, false, 0, 2, 4, 4, 1, 0, 0, 4 * Protection.HEADER_MILLIS).trickling(10));
        assertThat(ended.rejected() + ended.refused()).isPositive();
        assertThat(ended.completed() + ended.failed()).isZero();
    }

    @Test
    void workloadsAndResultsSurviveTheWayThere() {
        Workload work = new Workload(1, true, 2, 3, 4, 5, 6, 7, 8, 9).apart(10).trickling(11);
        LoadResult result = new LoadResult(1, 2, 3, 4, 5, 6, 7, 8, 9, 10);

        assertThat(Workload.parse(work.toString())).isEqualTo(work);
        assertThat(LoadResult.parse(result.toString())).isEqualTo(result);
    }

    private LoadResult runUntilCompleted(Workload work) throws IOException {
        LoadResult result = generator.run(work);
        for (int i = 0; result.completed() == 0 && i < MAX_RUNS; i++) {
            result = generator.run(work);
        }
        assertThat(result.completed()).isPositive();
        return result;
    }

    private static Workload work(int port, boolean tls, int requests, int perSecond) {
        return new Workload(port, tls, 0, 10, 4, 4, requests, perSecond, 0, MILLIS);
    }
}
