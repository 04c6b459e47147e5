package io.github.connlimit.jetty;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.eclipse.jetty.util.component.AbstractLifeCycle;
import org.eclipse.jetty.util.thread.Scheduler;

/** Runs what is due when a test moves its clock on, in the thread of the test, and knows which tasks are connlimit's. */
final class ManualScheduler extends AbstractLifeCycle implements Scheduler {

    /** Guarded by this, as all that follows. */
    private final List<Due> waiting = new ArrayList<>();

    private long nanos;

    /** How many tasks of connlimit's there have been. */
    final AtomicInteger scheduled = new AtomicInteger();

    /** {@return how many tasks of connlimit's have neither been run nor cancelled} */
    synchronized int pending() {
        return (int) waiting.stream().filter(due -> isConnlimits(due.task)).count();
    }

    private static boolean isConnlimits(Runnable task) {
        return task.getClass().getName().startsWith("io.github.connlimit");
    }

    /** Moves the clock on, and runs what is due then, once even if it is scheduled anew. */
    void advance(Duration time) {
        List<Due> due;
        synchronized (this) {
            nanos += time.toNanos();
            due = waiting.stream().filter(one -> one.nanos <= nanos).toList();
            waiting.removeAll(due);
        }
        due.forEach(one -> one.task.run());
    }

    @Override
    public synchronized Task schedule(Runnable task, long delay, TimeUnit unit) {
        if (isConnlimits(task)) {
            scheduled.incrementAndGet();
        }
        Due due = new Due(task, nanos + unit.toNanos(delay));
        waiting.add(due);
        return due;
    }

    @Override
    protected synchronized void doStop() {
        waiting.clear();
    }

    private final class Due implements Task {

        private final Runnable task;
        private final long nanos;

        private Due(Runnable task, long nanos) {
            this.task = task;
            this.nanos = nanos;
        }

        @Override
        public boolean cancel() {
            synchronized (ManualScheduler.this) {
                return waiting.remove(this);
            }
        }
    }
}
