package io.github.connlimit.page;

import io.github.connlimit.ClusterSnapshot;
import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.LimiterSnapshot;
import io.github.connlimit.Ticker;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/** The last ten minutes of a limiter, as far as somebody looked. This class is thread-safe. */
final class History {

    static final int CAPACITY = 300;
    static final int CLIENTS = 20;

    private static final long FRESH_NANOS = TimeUnit.SECONDS.toNanos(1);

    /** Between every other sample: the page asks every 2 s, and several of them must not push out older samples. */
    private static final long SPACING_NANOS = TimeUnit.SECONDS.toNanos(3);

    private final ConnectionLimiter limiter;
    private final Ticker ticker;

    /** The oldest first; guarded by this. */
    private final Deque<Sample> samples = new ArrayDeque<>();

    /** Guarded by this. */
    private Look last;

    /** What one look showed. */
    record Look(
            long nanoTime,
            LimiterSnapshot now,
            ConnectionLimits limits,
            Optional<ClusterSnapshot> cluster,
            List<Sample> samples) {}

    /** Takes the first sample, so that the first look has something to compare with. */
    History(ConnectionLimiter limiter, Ticker ticker) {
        this.limiter = limiter;
        this.ticker = ticker;
        samples.add(Sample.of(ticker.read(), limiter.snapshot(0)));
    }

    /** Looks at the limiter, unless somebody did within the last second: the largest clients take a walk over all. */
    synchronized Look look() {
        long time = ticker.read();
        if (last == null || time - last.nanoTime >= FRESH_NANOS) {
            LimiterSnapshot now = limiter.snapshot(CLIENTS);
            add(Sample.of(time, now));
            last = new Look(time, now, limiter.limits(), limiter.cluster(), List.copyOf(samples));
        }
        return last;
    }

    private void add(Sample sample) {
        Iterator<Sample> backwards = samples.descendingIterator();
        backwards.next();
        if (backwards.hasNext() && sample.nanoTime() - backwards.next().nanoTime() < SPACING_NANOS) {
            samples.removeLast();
        }
        if (samples.size() == CAPACITY) {
            samples.removeFirst();
        }
        samples.add(sample);
    }
}
