package io.github.connlimit;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;

/**
 * Logs errors of connlimit's own, or of code it calls, those of one kind at most once every ten seconds: an attacker may be
 * able to provoke some at will, which must neither fill the log nor hide others. Never throws. This class is thread-safe.
 */
final class ErrorLog {

    private static final long INTERVAL_NANOS = TimeUnit.SECONDS.toNanos(10);

    /** How many kinds are told apart that adapters report as text; all others are one. */
    static final int MOST_TEXTS = 100;

    /** Errors of one kind. */
    private static final class Kind {

        private final AtomicLong nextNanos;
        private final AtomicLong unlogged = new AtomicLong();

        private Kind(long nextNanos) {
            this.nextNanos = new AtomicLong(nextNanos);
        }
    }

    private final System.Logger logger;
    private final Ticker ticker;
    private final long startNanos;
    private final AtomicLong total = new AtomicLong();

    /** By ordinal, and made while there is memory. */
    private final Kind[] failures;

    private final Map<Object, Kind> texts = new ConcurrentHashMap<>();
    private final Kind others;

    ErrorLog(System.Logger logger, Ticker ticker) {
        this.logger = logger;
        this.ticker = ticker;
        this.startNanos = ticker.read();
        this.failures =
                Stream.of(Failure.values()).map(failure -> new Kind(startNanos)).toArray(Kind[]::new);
        this.others = new Kind(startNanos);
        // Loads it while there is memory.
        Rejection.values();
    }

    /** @param what what failed, as text: the kind of the error */
    void report(Object what, Throwable error) {
        total.incrementAndGet();
        Kind kind = others;
        try {
            kind = kind(what);
            long now = ticker.read();
            long next = kind.nextNanos.get();
            if (now - next < 0 || !kind.nextNanos.compareAndSet(next, now + INTERVAL_NANOS)) {
                kind.unlogged.incrementAndGet();
                return;
            }
            long before = kind.unlogged.getAndSet(0);
            String more = before == 0 ? "" : " (" + before + " more errors since the last that was logged)";
            logger.log(System.Logger.Level.ERROR, what + more, error);
        } catch (Throwable hopeless) {
            // No memory, or a logger or a clock that throws. The caller has to go on all the same.
            kind.unlogged.incrementAndGet();
        }
    }

    private Kind kind(Object what) {
        if (what instanceof Failure failure) {
            return failures[failure.ordinal()];
        }
        Kind known = texts.get(what);
        if (known != null) {
            return known;
        }
        // Concurrent threads may exceed the bound by their number, no more.
        return texts.size() < MOST_TEXTS ? texts.computeIfAbsent(what, text -> new Kind(startNanos)) : others;
    }

    /** {@return how many errors have been reported, logged or not} */
    long total() {
        return total.get();
    }
}
