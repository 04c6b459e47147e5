package io.github.connlimit.testing;

import io.github.connlimit.Ticker;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;

/** A clock that stands still until a test moves it. This class is thread-safe. */
public final class ManualTicker implements Ticker {

    /** Overflows soon, as any clock may. */
    private final AtomicLong nanos = new AtomicLong(Long.MAX_VALUE - 1_000);

    @Override
    public long read() {
        return nanos.get();
    }

    /** Moves it on. */
    public void advance(Duration time) {
        nanos.addAndGet(time.toNanos());
    }
}
