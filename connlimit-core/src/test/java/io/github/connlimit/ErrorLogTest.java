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

        log.report("a", new Exception());
        now.set(begin + TEN_SECONDS - 1);
        log.report("a", new Exception());
        assertThat(logger.entries).hasSize(1);

        now.set(begin + TEN_SECONDS);
        Exception fourth = new Exception("fourth");
        log.report("a", fourth);
        assertThat(logger.entries).hasSize(2);
        assertThat(logger.entries.get(1).message()).isEqualTo("a (2 more errors since the last that was logged)");
        assertThat(logger.entries.get(1).thrown()).isSameAs(fourth);

        now.set(begin + 2 * TEN_SECONDS - 1);
        log.report("a", new Exception());
        assertThat(logger.entries).hasSize(2);
        now.set(begin + 3 * TEN_SECONDS);
        log.report("a", null);
        assertThat(logger.entries.get(2))
                .isEqualTo(new RecordingLogger.Entry(
                        System.Logger.Level.ERROR, "a (1 more errors since the last that was logged)", null));
        now.set(begin + 9 * TEN_SECONDS);
        log.report("a", null);
        assertThat(logger.messages()).last().isEqualTo("a");
    }

    /** One that an attacker provokes must not hide the others. */
    @Test
    void eachKindHasALineOfItsOwn() {
        ErrorLog log = new ErrorLog(logger, now::get);
        log.report("a", null);
        log.report("a", null);
        log.report(Failure.COUNTING, null);
        log.report("b", null);
        log.report(Failure.CLOSING, null);
        log.report(Failure.COUNTING, null);
        assertThat(logger.messages())
                .containsExactly("a", Failure.COUNTING.toString(), "b", Failure.CLOSING.toString());
        assertThat(log.total()).isEqualTo(6);
    }

    @Test
    void kindsAreBounded() {
        ErrorLog log = new ErrorLog(logger, now::get);
        for (int i = 0; i < ErrorLog.MOST_TEXTS + 50; i++) {
            log.report("kind " + i, null);
        }
        assertThat(logger.messages()).hasSize(ErrorLog.MOST_TEXTS + 1);
    }

    @Test
    void aLoggerThatThrowsIsNobodysProblem() {
        ErrorLog log = new ErrorLog(logger, now::get);
        logger.broken = new OutOfMemoryError("made up");
        assertThatCode(() -> log.report("a", new Exception())).doesNotThrowAnyException();
        logger.broken = null;
        now.set(TEN_SECONDS);
        log.report("a", new Exception());
        assertThat(logger.messages()).containsExactly("a (1 more errors since the last that was logged)");
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
        log.report("a", new Exception());
        assertThat(logger.messages()).containsExactly("a (1 more errors since the last that was logged)");
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
        log.report("x", null);
        // Between the first one's turn and its count, others have been counted: in all none is missing.
        assertThat(logger.messages().get(1))
                .isEqualTo("x (" + rest(threads * reports) + " more errors since the last that was logged)");
    }

    private int rest(int reports) {
        String first = logger.messages().get(0);
        int told = first.equals("x") ? 0 : Integer.parseInt(first.replaceAll("\\D", ""));
        return reports - 1 - told;
    }
}
