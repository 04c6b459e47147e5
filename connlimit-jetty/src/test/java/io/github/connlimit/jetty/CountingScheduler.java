package io.github.connlimit.jetty;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.eclipse.jetty.util.thread.ScheduledExecutorScheduler;

/** A scheduler that knows which tasks of connlimit's have neither been run nor cancelled. */
final class CountingScheduler extends ScheduledExecutorScheduler {

    final AtomicInteger scheduled = new AtomicInteger();
    private final Set<Task> pending = ConcurrentHashMap.newKeySet();

    int pending() {
        return pending.size();
    }

    @Override
    public Task schedule(Runnable what, long delay, TimeUnit unit) {
        if (!what.getClass().getName().startsWith("io.github.connlimit")) {
            return super.schedule(what, delay, unit);
        }
        scheduled.incrementAndGet();
        Counted counted = new Counted();
        pending.add(counted);
        counted.task = super.schedule(
                () -> {
                    pending.remove(counted);
                    what.run();
                },
                delay,
                unit);
        return counted;
    }

    private final class Counted implements Task {

        private volatile Task task;

        @Override
        public boolean cancel() {
            pending.remove(this);
            return task.cancel();
        }
    }
}
