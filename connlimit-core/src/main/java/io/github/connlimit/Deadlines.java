package io.github.connlimit;

import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;

/**
 * The deadlines of a server's connections. Those of equal length expire in the order in which they were set: a queue for
 * each length, looked at from its head by one sweep, in place of a timer for each connection. This class is thread-safe;
 * only one thread may sweep.
 *
 * @param <C> what stands for a connection
 */
final class Deadlines<C> {

    /** By length in nanoseconds; a few, since only a reconfiguration brings another. */
    private final Map<Long, Queue<Entry<C>>> queues = new ConcurrentHashMap<>();

    /** One deadline. */
    static final class Entry<C> {

        private final ConnectionPhase phase;
        private final long timeoutNanos;
        private final long atNanos;

        /** {@code null} when the deadline has been met, so that what waits for its turn holds on to nothing. */
        private volatile C channel;

        private Entry(C channel, ConnectionPhase phase, long timeoutNanos, long atNanos) {
            this.channel = channel;
            this.phase = phase;
            this.timeoutNanos = timeoutNanos;
            this.atNanos = atNanos;
        }

        void met() {
            channel = null;
        }

        /** The connection, or {@code null} if it has met the deadline. */
        C channel() {
            return channel;
        }

        ConnectionPhase phase() {
            return phase;
        }

        long timeoutNanos() {
            return timeoutNanos;
        }
    }

    Entry<C> add(C channel, ConnectionPhase phase, long timeoutNanos, long nowNanos) {
        Entry<C> entry = new Entry<>(channel, phase, timeoutNanos, nowNanos + timeoutNanos);
        queues.computeIfAbsent(timeoutNanos, length -> new ConcurrentLinkedQueue<>())
                .add(entry);
        return entry;
    }

    /** Takes a deadline that has passed and was not met when looked at, or {@code null} if there is none (any more). */
    Entry<C> pollExpired(long nowNanos) {
        for (Queue<Entry<C>> queue : queues.values()) {
            Entry<C> head;
            while ((head = queue.peek()) != null && (head.channel == null || head.atNanos - nowNanos <= 0)) {
                queue.remove();
                if (head.channel != null) {
                    return head;
                }
            }
        }
        return null;
    }

    /** How long until the next deadline passes, or {@code most} if that is shorter. */
    long nanosToNext(long nowNanos, long most) {
        long nanos = most;
        for (Queue<Entry<C>> queue : queues.values()) {
            Entry<C> head = queue.peek();
            if (head != null) {
                nanos = Math.min(nanos, head.atNanos - nowNanos);
            }
        }
        return nanos;
    }

    /** How many deadlines wait for their turn, met ones included. */
    int size() {
        return queues.values().stream().mapToInt(Queue::size).sum();
    }
}
