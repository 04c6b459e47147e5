package io.github.connlimit.jetty;

import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.eclipse.jetty.util.thread.Scheduler;

/** Does something again and again until it is stopped, on a scheduler of Jetty's. This class is thread-safe. */
final class Sweep implements Runnable {

    private final Scheduler scheduler;

    /** Does it, and returns the time until it is to be done again, in milliseconds. */
    private final LongSupplier what;

    /** The next time. Guarded by this. */
    private Scheduler.Task next;

    /** Once true, always true. Guarded by this. */
    private boolean stopped;

    Sweep(Scheduler scheduler, LongSupplier what) {
        this.scheduler = scheduler;
        this.what = what;
    }

    @Override
    public void run() {
        long millis = what.getAsLong();
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
