package io.github.connlimit;

import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;

/** A total that many threads may change at once without waiting for one another. This class is thread-safe. */
final class Tally {

    private final LongAdder total = new LongAdder();

    /** What could not be added there: a {@code LongAdder} allocates when threads contend, and adds nothing if it fails. */
    private final AtomicLong withoutMemory = new AtomicLong();

    void increment() {
        add(1);
    }

    void decrement() {
        add(-1);
    }

    void add(int change) {
        try {
            total.add(change);
        } catch (OutOfMemoryError full) {
            withoutMemory.addAndGet(change);
        }
    }

    long get() {
        return total.sum() + withoutMemory.get();
    }
}
