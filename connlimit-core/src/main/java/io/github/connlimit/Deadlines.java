package io.github.connlimit;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;

/**
 * The deadlines of a gate's connections. Those of equal length expire in the order in which they were set: a queue for
 * each length, looked at from its head by one sweep, in place of a timer for each connection. A deadline that is met
 * leaves its queue at once, wherever it stands in it: there are never more than there are connections that wait, whether
 * anybody sweeps or not. This class is thread-safe; each call holds its monitor for a few steps, however many wait.
 *
 * @param <C> what stands for a connection
 */
final class Deadlines<C> {

    /** A few, since only a reconfiguration brings another length. Guarded by this. */
    private final List<Queue<C>> queues = new ArrayList<>();

    /** The deadlines of one phase and one length. */
    static final class Queue<C> {

        private final Deadlines<C> deadlines;
        private final ConnectionPhase phase;
        private final long timeoutNanos;

        /** Guarded by {@link #deadlines}, as all that follows. */
        private GatePermit<C> first;

        private GatePermit<C> last;

        private Queue(Deadlines<C> deadlines, ConnectionPhase phase, long timeoutNanos) {
            this.deadlines = deadlines;
            this.phase = phase;
            this.timeoutNanos = timeoutNanos;
        }

        Deadlines<C> deadlines() {
            return deadlines;
        }

        ConnectionPhase phase() {
            return phase;
        }

        long timeoutNanos() {
            return timeoutNanos;
        }

        private void insertBefore(GatePermit<C> next, GatePermit<C> permit) {
            GatePermit<C> previous = next == null ? last : next.previousDue;
            permit.previousDue = previous;
            permit.nextDue = next;
            if (previous == null) {
                first = permit;
            } else {
                previous.nextDue = permit;
            }
            if (next == null) {
                last = permit;
            } else {
                next.previousDue = permit;
            }
        }

        private boolean contains(GatePermit<C> permit) {
            return permit == first || permit.previousDue != null;
        }

        private void remove(GatePermit<C> permit) {
            if (!contains(permit)) {
                return;
            }
            GatePermit<C> previous = permit.previousDue;
            GatePermit<C> next = permit.nextDue;
            permit.previousDue = null;
            permit.nextDue = null;
            if (previous == null) {
                first = next;
            } else {
                previous.nextDue = next;
            }
            if (next == null) {
                last = previous;
            } else {
                next.previousDue = previous;
            }
        }
    }

    /** Sets the deadline of a connection, in place of the one it may have; of a closed permit, none. */
    void set(GatePermit<C> permit, ConnectionPhase phase, long timeoutNanos, long nowNanos) {
        synchronized (this) {
            Queue<C> queue = queue(phase, timeoutNanos);
            leave(permit);
            permit.dueNanos = nowNanos + timeoutNanos;
            queue.insertBefore(null, permit);
            permit.queue = queue;
        }
        meetIfClosed(permit);
    }

    /** Whoever closes a permit may have looked for its deadline before there was one. */
    private void meetIfClosed(GatePermit<C> permit) {
        if (permit.isClosed()) {
            met(permit);
        }
    }

    private Queue<C> queue(ConnectionPhase phase, long timeoutNanos) {
        for (Queue<C> queue : queues) {
            if (queue.phase == phase && queue.timeoutNanos == timeoutNanos) {
                return queue;
            }
        }
        Queue<C> queue = new Queue<>(this, phase, timeoutNanos);
        queues.add(queue);
        return queue;
    }

    /** Ends the deadline of a connection, if it has one. */
    synchronized void met(GatePermit<C> permit) {
        leave(permit);
        permit.queue = null;
    }

    /** Ends the deadline of a connection if that has passed, but not one that was set after it. */
    synchronized void metIfExpired(GatePermit<C> permit) {
        if (permit.queue != null && !permit.queue.contains(permit)) {
            permit.queue = null;
        }
    }

    /** {@return the queue of a deadline that has passed, or {@code null} if it was met or set anew in the meantime} */
    synchronized Queue<C> expired(GatePermit<C> permit) {
        return permit.queue == null || permit.queue.contains(permit) ? null : permit.queue;
    }

    private void leave(GatePermit<C> permit) {
        if (permit.queue != null) {
            permit.queue.remove(permit);
        }
    }

    /** Gives the deadline of one permit, if it has one, to another one for the same connection. */
    void handOver(GatePermit<C> from, GatePermit<C> to) {
        synchronized (this) {
            Queue<C> before = from.queue;
            if (before == null) {
                return;
            }
            // The same, unless all in it have expired and it has been given up.
            Queue<C> queue = queue(before.phase, before.timeoutNanos);
            to.dueNanos = from.dueNanos;
            // One that has expired has been the first.
            queue.insertBefore(before.contains(from) ? from : queue.first, to);
            to.queue = queue;
            before.remove(from);
            from.queue = null;
        }
        meetIfClosed(to);
    }

    /**
     * Takes a deadline that has passed out of its queue, or gives {@code null} if there is none (any more). The permit
     * keeps {@link GatePermit#queue} until the deadline is met or set anew.
     */
    synchronized GatePermit<C> pollExpired(long nowNanos) {
        for (Iterator<Queue<C>> all = queues.iterator(); all.hasNext(); ) {
            Queue<C> queue = all.next();
            GatePermit<C> first = queue.first;
            if (first == null) {
                all.remove();
            } else if (first.dueNanos - nowNanos <= 0) {
                queue.remove(first);
                return first;
            }
        }
        return null;
    }

    /** How long until the next deadline passes, or {@code most} if that is shorter. */
    synchronized long nanosToNext(long nowNanos, long most) {
        long nanos = most;
        for (Queue<C> queue : queues) {
            if (queue.first != null) {
                nanos = Math.min(nanos, queue.first.dueNanos - nowNanos);
            }
        }
        return nanos;
    }

    /** How many deadlines wait for their turn; counts them. */
    synchronized int size() {
        int size = 0;
        for (Queue<C> queue : queues) {
            for (GatePermit<C> permit = queue.first; permit != null; permit = permit.nextDue) {
                size++;
            }
        }
        return size;
    }
}
