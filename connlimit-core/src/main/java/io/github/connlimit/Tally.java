package io.github.connlimit;

import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;

/** A total that many threads may raise at once without waiting for one another. This class is thread-safe. */
final class Tally {

    private final LongAdder total = new LongAdder();

    /** What could not be added there: a {@code LongAdder} allocates when threads contend, and adds nothing if it fails. */
    private final AtomicLong withoutMemory = new AtomicLong();

    void increment() {
        try {
            total.increment();
        } catch (OutOfMemoryError full) {
            withoutMemory.incrementAndGet();
        }
    }

    long get() {
        return total.sum() + withoutMemory.get();
    }
}
