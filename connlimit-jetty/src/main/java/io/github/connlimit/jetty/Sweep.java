package io.github.connlimit.jetty;

import java.util.concurrent.TimeUnit;
import org.eclipse.jetty.util.thread.Scheduler;

/** Does something again and again until it is stopped, on a scheduler of Jetty's. This class is thread-safe. */
final class Sweep implements Runnable {

    private final Scheduler scheduler;
    private final long intervalMillis;
    private final Runnable what;

    /** The next time. Guarded by this. */
    private Scheduler.Task next;

    /** Once true, always true. Guarded by this. */
    private boolean stopped;

    Sweep(Scheduler scheduler, long intervalMillis, Runnable what) {
        this.scheduler = scheduler;
        this.intervalMillis = intervalMillis;
        this.what = what;
    }

    synchronized void schedule() {
        if (!stopped) {
            next = scheduler.schedule(this, intervalMillis, TimeUnit.MILLISECONDS);
        }
    }

    @Override
    public void run() {
        try {
            what.run();
        } finally {
            schedule();
        }
    }

    synchronized void stop() {
        stopped = true;
        if (next != null) {
            next.cancel();
        }
    }
}
