package io.github.connlimit;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;

/**
 * The largest of many values, of which only as many are kept as are asked for. This class is not thread-safe.
 *
 * @param <T> the values
 */
final class Largest<T> {

    private final int count;
    private final Comparator<T> bySize;
    private final PriorityQueue<T> kept;

    /** @param count how many to keep, 0 or more */
    Largest(int count, Comparator<T> bySize) {
        this.count = count;
        this.bySize = bySize;
        this.kept = new PriorityQueue<>(bySize);
    }

    void offer(T value) {
        if (kept.size() < count) {
            kept.add(value);
        } else if (count > 0 && bySize.compare(value, kept.peek()) > 0) {
            kept.remove();
            kept.add(value);
        }
    }

    /** Those that were kept, the largest first. */
    List<T> descending() {
        List<T> values = new ArrayList<>(kept);
        values.sort(bySize.reversed());
        return values;
    }
}
