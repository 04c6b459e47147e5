package io.github.connlimit;

import java.util.HashMap;
import java.util.Iterator;
import java.util.Map;

/**
 * The deadlines of a server's connections. Those of equal length expire in the order in which they were set: a queue for
 * each length, looked at from its head by one sweep, in place of a timer for each connection. A deadline that is met
 * leaves its queue at once, wherever it stands in it: there are never more than there are connections that wait, whether
 * anybody sweeps or not. This class is thread-safe; each call holds its lock for a few steps, however many wait.
 *
 * @param <C> what stands for a connection
 */
final class Deadlines<C> {

    /** By length in nanoseconds; a few, since only a reconfiguration brings another. Guarded by this. */
    private final Map<Long, Entry<C>> queues = new HashMap<>();

    /** One deadline; or, without a connection, what ties the two ends of a queue into a ring. */
    static final class Entry<C> {

        private final Deadlines<C> deadlines;
        private final ConnectionPhase phase;
        private final long timeoutNanos;
        private final long atNanos;

        /** {@code null} once the deadline has been met. */
        private volatile C channel;

        /** The neighbours in the ring, or this. Guarded by {@link #deadlines}. */
        private Entry<C> previous = this;

        private Entry<C> next = this;

        private Entry(Deadlines<C> deadlines, C channel, ConnectionPhase phase, long timeoutNanos, long atNanos) {
            this.deadlines = deadlines;
            this.channel = channel;
            this.phase = phase;
            this.timeoutNanos = timeoutNanos;
            this.atNanos = atNanos;
        }

        /** Ends the deadline: it will not expire. Every call but the first does nothing. */
        void met() {
            channel = null;
            synchronized (deadlines) {
                unlink();
            }
        }

        private void linkBefore(Entry<C> entry) {
            previous = entry.previous;
            next = entry;
            previous.next = this;
            next.previous = this;
        }

        private void unlink() {
            previous.next = next;
            next.previous = previous;
            previous = this;
            next = this;
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
        Entry<C> entry = new Entry<>(this, channel, phase, timeoutNanos, nowNanos + timeoutNanos);
        synchronized (this) {
            entry.linkBefore(
                    queues.computeIfAbsent(timeoutNanos, length -> new Entry<>(this, null, null, timeoutNanos, 0)));
        }
        return entry;
    }

    /** Takes a deadline that has passed out of its queue, or gives {@code null} if there is none (any more). */
    synchronized Entry<C> pollExpired(long nowNanos) {
        for (Iterator<Entry<C>> rings = queues.values().iterator(); rings.hasNext(); ) {
            Entry<C> ring = rings.next();
            Entry<C> head = ring.next;
            if (head == ring) {
                rings.remove();
            } else if (head.atNanos - nowNanos <= 0) {
                head.unlink();
                return head;
            }
        }
        return null;
    }

    /** How long until the next deadline passes, or {@code most} if that is shorter. */
    synchronized long nanosToNext(long nowNanos, long most) {
        long nanos = most;
        for (Entry<C> ring : queues.values()) {
            if (ring.next != ring) {
                nanos = Math.min(nanos, ring.next.atNanos - nowNanos);
            }
        }
        return nanos;
    }

    /** How many deadlines wait for their turn; counts them. */
    synchronized int size() {
        int size = 0;
        for (Entry<C> ring : queues.values()) {
            for (Entry<C> entry = ring.next; entry != ring; entry = entry.next) {
                size++;
            }
        }
        return size;
    }
}
