package io.github.connlimit;

import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * The refused connections of one gate that are held, unread and unanswered, for {@link ConnectionLimits#tarpitTime()}. All
 * are held for as long, the time that is in force when the sweep looks, so they end in the order in which they came: one queue,
 * looked at from its head. This class is thread-safe; nothing waits in it.
 *
 * @param <C> what stands for a connection
 */
final class Tarpit<C> {

    /** How long nothing is held after descriptors were short. */
    private static final long SHORT_NANOS = TimeUnit.SECONDS.toNanos(1);

    private static final class Held<C> {

        private final C channel;
        private final Cidr client;
        private final Consumer<? super C> end;
        private final long sinceNanos;
        private Held<C> next;

        Held(C channel, Cidr client, Consumer<? super C> end, long sinceNanos) {
            this.channel = channel;
            this.client = client;
            this.end = end;
            this.sinceNanos = sinceNanos;
        }
    }

    private final TarpitBudget budget;
    private final ErrorLog errors;
    private final DescriptorProbe probe;

    /** Guarded by this, as all that follows. */
    private Held<C> first;

    private Held<C> last;
    private boolean closed;
    private boolean descriptorsShort;
    private long shortSinceNanos;

    Tarpit(TarpitBudget budget, ErrorLog errors) {
        this.budget = budget;
        this.errors = errors;
        this.probe = new DescriptorProbe(errors);
    }

    /** @return whether it is held; if not, the caller has to end it */
    synchronized boolean tryHold(
            C channel, Cidr client, ConnectionLimits limits, Consumer<? super C> end, long nowNanos) {
        if (descriptorsShort && nowNanos - shortSinceNanos >= SHORT_NANOS) {
            descriptorsShort = false;
        }
        if (closed || descriptorsShort || limits.tarpitTime().isZero()) {
            return false;
        }
        Held<C> held = new Held<>(channel, client, end, nowNanos);
        if (!budget.tryTake(client, limits.tarpitMaxOpen())) {
            return false;
        }
        if (last == null) {
            first = held;
        } else {
            last.next = held;
        }
        last = held;
        return true;
    }

    /** Ends those whose time is over, and all if there are no descriptors left for anybody else. */
    void sweep(long nowNanos, ConnectionLimits limits) {
        Held<C> due;
        while ((due = poll(nowNanos - nanosToHold(limits))) != null) {
            end(due);
        }
        if (!isEmpty() && probe.areDescriptorsShort()) {
            synchronized (this) {
                descriptorsShort = true;
                shortSinceNanos = nowNanos;
            }
            endAll();
        }
    }

    private synchronized boolean isEmpty() {
        return first == null;
    }

    /** By the limits in force: whoever lowers the time needs the descriptors of those that are held already. */
    private static long nanosToHold(ConnectionLimits limits) {
        return limits.refuse() == Refusal.TARPIT ? limits.tarpitTime().toNanos() : 0;
    }

    /** @return the first if it is held for at least as long, or {@code null} */
    private synchronized Held<C> poll(long sinceNanos) {
        return first == null || first.sinceNanos - sinceNanos > 0 ? null : poll();
    }

    /** @return {@code null} if there is none */
    private synchronized Held<C> poll() {
        Held<C> polled = first;
        if (polled != null) {
            first = polled.next;
            if (first == null) {
                last = null;
            }
        }
        return polled;
    }

    private void end(Held<C> held) {
        try {
            held.end.accept(held.channel);
        } catch (Throwable error) {
            errors.report(Failure.REFUSING, error);
        } finally {
            budget.free(held.client);
        }
    }

    private void endAll() {
        Held<C> held;
        while ((held = poll()) != null) {
            end(held);
        }
    }

    /** Ends all; none is held until {@link #open}. */
    void close() {
        synchronized (this) {
            closed = true;
        }
        endAll();
    }

    synchronized void open() {
        closed = false;
    }

    /** How long until the next one is due, or {@code most} if that is shorter. */
    synchronized long nanosToNext(long nowNanos, ConnectionLimits limits, long most) {
        return first == null ? most : Math.min(most, first.sinceNanos + nanosToHold(limits) - nowNanos);
    }
}
