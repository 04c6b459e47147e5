package io.github.connlimit;

import java.util.concurrent.atomic.AtomicBoolean;

/**
 * One reason for a {@link ConnectionLimiter} to be a node of its cluster: a server that runs, for example. It is one as long as
 * there is any. This class is thread-safe.
 *
 * @since 0.1.0
 */
public final class ClusterMembership implements AutoCloseable {

    private final Runnable leave;
    private final AtomicBoolean ended = new AtomicBoolean();

    ClusterMembership(Runnable leave) {
        this.leave = leave;
    }

    /** Ends this reason. Calls after the first do nothing. */
    @Override
    public void close() {
        if (ended.compareAndSet(false, true)) {
            leave.run();
        }
    }
}
