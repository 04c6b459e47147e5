package io.github.connlimit.it;

import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;

/** Which limits were in force when. Not thread-safe. */
final class LimitHistory {

    /** From when limits may have been in force, which is before they were set, until when at most. */
    private static final class Era {

        private final ConnectionLimits limits;
        private final long fromNanos;

        /** Known once the next limits are in force. */
        private long untilNanos;

        private boolean over;

        private Era(ConnectionLimits limits, long fromNanos) {
            this.limits = limits;
            this.fromNanos = fromNanos;
        }
    }

    private final ConnectionLimiter limiter;
    private final List<Era> eras = new ArrayList<>();

    LimitHistory(ConnectionLimiter limiter, long beginNanos) {
        this.limiter = limiter;
        eras.add(new Era(limiter.limits(), beginNanos));
    }

    void reconfigure(ConnectionLimits next) {
        Era last = eras.get(eras.size() - 1);
        eras.add(new Era(next, System.nanoTime()));
        limiter.reconfigure(next);
        last.untilNanos = System.nanoTime();
        last.over = true;
    }

    long beginNanos() {
        return eras.get(0).fromNanos;
    }

    int changes() {
        return eras.size() - 1;
    }

    /** The largest limit of a client that may have been in force in this time. */
    int most(InetAddress client, long fromNanos, long untilNanos) {
        int most = 0;
        for (Era era : eras) {
            if (era.fromNanos - untilNanos <= 0 && (!era.over || era.untilNanos - fromNanos >= 0)) {
                int limit = era.limits.limitFor(client);
                most = Math.max(most, limit == 0 || era.limits.dryRun() ? Integer.MAX_VALUE : limit);
            }
        }
        return most;
    }
}
