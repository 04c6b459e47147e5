package io.github.connlimit;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Logs errors of connlimit's own, or of code it calls, at most once every ten seconds: an attacker may be able to
 * provoke them at will. Never throws. This class is thread-safe.
 */
final class ErrorLog {

    private static final long INTERVAL_NANOS = TimeUnit.SECONDS.toNanos(10);

    private final System.Logger logger;
    private final Ticker ticker;
    private final AtomicLong nextNanos;
    private final AtomicLong unlogged = new AtomicLong();
    private final AtomicLong total = new AtomicLong();

    ErrorLog(System.Logger logger, Ticker ticker) {
        this.logger = logger;
        this.ticker = ticker;
        this.nextNanos = new AtomicLong(ticker.read());
        // Loads them while there is memory.
        Failure.values();
    }

    /** @param what what failed, as text */
    void report(Object what, Throwable error) {
        total.incrementAndGet();
        try {
            long now = ticker.read();
            long next = nextNanos.get();
            if (now - next < 0 || !nextNanos.compareAndSet(next, now + INTERVAL_NANOS)) {
                unlogged.incrementAndGet();
                return;
            }
            long before = unlogged.getAndSet(0);
            String more = before == 0 ? "" : " (" + before + " more errors since the last that was logged)";
            logger.log(System.Logger.Level.ERROR, what + more, error);
        } catch (Throwable hopeless) {
            // No memory, or a logger or a clock that throws. The caller has to go on all the same.
            unlogged.incrementAndGet();
        }
    }

    /** {@return how many errors have been reported, logged or not} */
    long total() {
        return total.get();
    }
}
