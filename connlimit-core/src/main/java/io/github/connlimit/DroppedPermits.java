package io.github.connlimit;

import java.lang.ref.Reference;
import java.lang.ref.ReferenceQueue;
import java.lang.ref.WeakReference;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;

/**
 * Finds permits that were dropped without being closed, which count for ever: of those that go to the user, it watches one in
 * {@value #ONE_IN}, which costs next to nothing, and a mistake that is made again and again is found all the same. This class is
 * thread-safe.
 */
final class DroppedPermits {

    static final int ONE_IN = 256;

    private final ErrorLog errors;
    private final ReferenceQueue<ConnectionPermit> dropped = new ReferenceQueue<>();

    /** Those that are watched, and neither closed nor found. */
    private final Set<Watch> watched = ConcurrentHashMap.newKeySet();

    DroppedPermits(ErrorLog errors) {
        this.errors = errors;
    }

    /** {@return a permit for the user, watched or not} */
    ConnectionPermit newPermit(ConnectionLimiter limiter) {
        if (ThreadLocalRandom.current().nextInt(ONE_IN) != 0) {
            return new ConnectionPermit(limiter, false);
        }
        report();
        WatchedPermit permit = new WatchedPermit(limiter, this);
        watched.add(permit.watch);
        return permit;
    }

    /** Reports those that have been found dropped. */
    void report() {
        Reference<? extends ConnectionPermit> reference;
        while ((reference = dropped.poll()) != null) {
            if (reference instanceof Watch watch && watched.remove(watch) && watch.counted) {
                errors.report(Failure.DROPPED_PERMIT, watch.taken);
            }
        }
    }

    /** Where a permit was taken. */
    private static final class Watch extends WeakReference<ConnectionPermit> {

        private final Throwable taken = new Throwable("the permit was taken here");

        /** Not so of a permit that was made for a client at its limit. */
        private volatile boolean counted;

        private Watch(ConnectionPermit permit, ReferenceQueue<ConnectionPermit> dropped) {
            super(permit, dropped);
        }
    }

    /** This class is thread-safe. */
    private static final class WatchedPermit extends ConnectionPermit {

        private final DroppedPermits by;
        private final Watch watch;

        private WatchedPermit(ConnectionLimiter limiter, DroppedPermits by) {
            super(limiter, false);
            this.by = by;
            this.watch = new Watch(this, by.dropped);
        }

        @Override
        void bind(Client counted) {
            super.bind(counted);
            watch.counted = true;
        }

        @Override
        void ended() {
            by.watched.remove(watch);
        }
    }
}
