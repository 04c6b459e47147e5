package io.github.connlimit.cluster;

/**
 * A part of the clients whose reservations the engine keeps together: whether it answers for them, and whether it has
 * forgotten them. All times are in nanoseconds. This class is thread-safe.
 */
final class Slice {

    private static final long NONE = Long.MIN_VALUE;

    private final int number;
    private final long leaseNanos;

    /** Whether nothing has been answered for a lease. */
    private volatile boolean away;

    /** Another one for each time that the engine is found to have forgotten. */
    private volatile int losses;

    /** Whether there is surely nothing to look at. Most of the time there is not, and there are many slices. */
    private volatile boolean quiet = true;

    // All that follows is guarded by this.

    private String epoch;

    /** Until when others may not have told the engine yet what they hold; {@link #NONE} if it has forgotten nothing. */
    private long graceEndNanos = NONE;

    /** In awake time, when that was asked which was not answered, with no answer since. */
    private long failingSinceNanos = NONE;

    private boolean toProbe;
    private long askedNanos = NONE;

    Slice(int number, long leaseNanos) {
        this.number = number;
        this.leaseNanos = leaseNanos;
    }

    int number() {
        return number;
    }

    boolean isAway() {
        return away;
    }

    int losses() {
        return losses;
    }

    /** {@return whether the latest that was asked in it has failed} */
    boolean isFailing() {
        return !quiet && isFailingNow();
    }

    private synchronized boolean isFailingNow() {
        return failingSinceNanos != NONE;
    }

    synchronized boolean isInGrace(long nowNanos) {
        return graceEndNanos != NONE && nowNanos - graceEndNanos < 0;
    }

    /** Has the engine be asked soon, even if no client makes it necessary. */
    synchronized void probe() {
        toProbe = true;
        quiet = false;
    }

    /** Has it be asked at once: it may be another one. */
    synchronized void probeAtOnce() {
        toProbe = true;
        quiet = false;
        askedNanos = NONE;
    }

    /**
     * Decides whether to ask, and whether the slice is away; for one thread, now and then.
     *
     * @param awakeNanos how long the node has run
     * @param retryNanos ask no more often
     */
    boolean look(long nowNanos, long awakeNanos, long retryNanos) {
        return !quiet && lookClosely(nowNanos, awakeNanos, retryNanos);
    }

    private synchronized boolean lookClosely(long nowNanos, long awakeNanos, long retryNanos) {
        away = failingSinceNanos != NONE && awakeNanos - failingSinceNanos >= leaseNanos;
        boolean due = toProbe || failingSinceNanos != NONE;
        quiet = !due;
        return due && (askedNanos == NONE || nowNanos - askedNanos >= retryNanos);
    }

    /** Notes that the engine is asked for the sake of the slice. */
    synchronized void probed(long nowNanos) {
        toProbe = false;
        askedNanos = nowNanos;
    }

    /**
     * Notes that something was not answered.
     *
     * @param sinceNanos when it was asked, in awake time
     * @return whether that is news
     */
    synchronized boolean failed(long sinceNanos) {
        boolean news = failingSinceNanos == NONE;
        failingSinceNanos = news ? sinceNanos : failingSinceNanos;
        quiet = false;
        return news;
    }

    /** {@return whether the engine has forgotten all of the slice since the answer before} */
    synchronized boolean answered(String now, long nowNanos) {
        failingSinceNanos = NONE;
        away = false;
        boolean forgotten = epoch != null && !epoch.equals(now);
        if (forgotten) {
            graceEndNanos = nowNanos + leaseNanos;
            losses++;
        }
        epoch = now;
        return forgotten;
    }
}
