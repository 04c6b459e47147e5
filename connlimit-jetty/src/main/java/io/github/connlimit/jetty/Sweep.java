package io.github.connlimit.jetty;

import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.eclipse.jetty.util.thread.Scheduler;

/** Runs a task repeatedly on one of Jetty's schedulers, until it is stopped. This class is thread-safe. */
final class Sweep implements Runnable {

    private final Scheduler scheduler;

    /** Returns in how many milliseconds to run it again. */
    private final LongSupplier task;

    /** The next run. Guarded by this. */
    private Scheduler.Task next;

    /** Once true, always true. Guarded by this. */
    private boolean stopped;

    Sweep(Scheduler scheduler, LongSupplier task) {
        this.scheduler = scheduler;
        this.task = task;
    }

    @Override
    public void run() {
        long millis = task.getAsLong();
        synchronized (this) {
            if (!stopped) {
                next = scheduler.schedule(this, millis, TimeUnit.MILLISECONDS);
            }
        }
    }

    synchronized void stop() {
        stopped = true;
        if (next != null) {
            next.cancel();
        }
    }
}
