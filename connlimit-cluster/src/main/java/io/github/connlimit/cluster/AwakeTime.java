package io.github.connlimit.cluster;

/**
 * Time that passes while this node runs. A node that was stopped, and goes on, has not waited for an answer meanwhile, and
 * nobody is away because of it. Used by one thread at a time.
 */
final class AwakeTime {

    private final long mostNanos;
    private long latestNanos;
    private long awakeNanos;

    /** @param mostNanos counts at most between two looks, which is to be longer than a node that runs takes for one */
    AwakeTime(long nowNanos, long mostNanos) {
        this.latestNanos = nowNanos;
        this.mostNanos = mostNanos;
    }

    /** {@return how long the node has run} */
    long look(long nowNanos) {
        awakeNanos += Math.min(nowNanos - latestNanos, mostNanos);
        latestNanos = nowNanos;
        return awakeNanos;
    }
}
