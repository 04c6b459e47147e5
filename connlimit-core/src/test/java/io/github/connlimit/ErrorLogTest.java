package io.github.connlimit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ErrorLogTest {

    private static final long TEN_SECONDS = TimeUnit.SECONDS.toNanos(10);

    private final RecordingLogger logger = new RecordingLogger();
    private final AtomicLong now = new AtomicLong();

    @ParameterizedTest
    @ValueSource(longs = {0, -5, Long.MAX_VALUE - 5, Long.MIN_VALUE})
    void logsTheFirstErrorAndThenOneEveryTenSeconds(long begin) {
        now.set(begin);
        ErrorLog log = new ErrorLog(logger, now::get);
        Exception first = new Exception("first");
        log.report("a", first);
        assertThat(logger.entries).containsExactly(new RecordingLogger.Entry(System.Logger.Level.ERROR, "a", first));

        log.report("b", new Exception());
        now.set(begin + TEN_SECONDS - 1);
        log.report("c", new Exception());
        assertThat(logger.entries).hasSize(1);

        now.set(begin + TEN_SECONDS);
        Exception fourth = new Exception("fourth");
        log.report("d", fourth);
        assertThat(logger.entries).hasSize(2);
        assertThat(logger.entries.get(1).message()).isEqualTo("d (2 more errors since the last that was logged)");
        assertThat(logger.entries.get(1).thrown()).isSameAs(fourth);

        now.set(begin + 2 * TEN_SECONDS - 1);
        log.report("e", new Exception());
        assertThat(logger.entries).hasSize(2);
        now.set(begin + 3 * TEN_SECONDS);
        log.report("f", null);
        assertThat(logger.entries.get(2))
                .isEqualTo(new RecordingLogger.Entry(
                        System.Logger.Level.ERROR, "f (1 more errors since the last that was logged)", null));
        now.set(begin + 9 * TEN_SECONDS);
        log.report("g", null);
        assertThat(logger.messages()).last().isEqualTo("g");
    }

    @Test
    void aLoggerThatThrowsIsNobodysProblem() {
        ErrorLog log = new ErrorLog(logger, now::get);
        logger.broken = new OutOfMemoryError("made up");
        assertThatCode(() -> log.report("a", new Exception())).doesNotThrowAnyException();
        logger.broken = null;
        now.set(TEN_SECONDS);
        log.report("b", new Exception());
        assertThat(logger.messages()).containsExactly("b (1 more errors since the last that was logged)");
    }

    @Test
    void aClockThatThrowsIsNobodysProblem() {
        AtomicLong calls = new AtomicLong();
        ErrorLog log = new ErrorLog(logger, () -> {
            if (calls.getAndIncrement() == 1) {
                throw new IllegalStateException("made up");
            }
            return 0;
        });
        assertThatCode(() -> log.report("a", new Exception())).doesNotThrowAnyException();
        log.report("b", new Exception());
        assertThat(logger.messages()).containsExactly("b (1 more errors since the last that was logged)");
    }

    @Test
    void ofManyThreadsOneLogs() throws Exception {
        ErrorLog log = new ErrorLog(logger, now::get);
        int threads = 8;
        int reports = 1_000;
        ExecutorService executor = Executors.newFixedThreadPool(threads);
        try {
            CountDownLatch begin = new CountDownLatch(1);
            for (int i = 0; i < threads; i++) {
                executor.execute(() -> {
                    try {
                        begin.await();
                    } catch (InterruptedException error) {
                        return;
                    }
                    for (int j = 0; j < reports; j++) {
                        log.report("x", null);
                    }
                });
            }
            begin.countDown();
        } finally {
            executor.shutdown();
            assertThat(executor.awaitTermination(30, TimeUnit.SECONDS)).isTrue();
        }
        assertThat(logger.entries).hasSize(1);
        now.set(TEN_SECONDS);
        log.report("y", null);
        // Between the first one's turn and its count, others have been counted: in all none is missing.
        assertThat(logger.messages().get(1))
                .isEqualTo("y (" + rest(threads * reports) + " more errors since the last that was logged)");
    }

    private int rest(int reports) {
        String first = logger.messages().get(0);
        int told = first.equals("x") ? 0 : Integer.parseInt(first.replaceAll("\\D", ""));
        return reports - 1 - told;
    }
}
