package io.github.connlimit.cluster;

import io.github.connlimit.Cidr;
import io.github.connlimit.ClusterLimits;
import io.github.connlimit.ClusterNode;
import io.github.connlimit.ClusterSnapshot;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * One node of a cluster, with a thread of its own that talks to the engine. It sleeps while no client needs a reservation, but
 * for a look each second whether the engine has gone.
 */
final class ClusterMember implements ClusterLimits, ClusterCoordinator.Listener {

    private static final System.Logger LOGGER = System.getLogger(ClusterMember.class.getName());
    private static final long LEAST_PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(10);
    private static final long PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(100);
    private static final long IDLE_PAUSE_NANOS = TimeUnit.SECONDS.toNanos(1);
    private static final long TELL_AGAIN_NANOS = TimeUnit.MINUTES.toNanos(1);

    /** Two looks of an idle node: if the first request fails, it is the third look that sees the second one's answer. */
    private static final long GONE_NANOS = TimeUnit.SECONDS.toNanos(2);

    /** For how long the log waits for a reason: an attempt to connect takes up to 2 seconds. */
    private static final long REASON_NANOS = TimeUnit.SECONDS.toNanos(3);

    private final ClusterNode node;
    private final ReservationStore store;
    private final String engine;
    private final ClusterCoordinator coordinator;
    private final Thread thread;
    private volatile boolean inDemand;
    private volatile boolean closed;

    /** Whether the log says that the engine has gone. Used by the thread only, as the next one. */
    private boolean saidGone;

    /** When the engine was there for the last time. */
    private long thereNanos = System.nanoTime();

    /** When the log told of differing limits. Guarded by this. */
    private long saidDifferNanos = System.nanoTime() - TELL_AGAIN_NANOS;

    private ClusterMember(ClusterNode node, String name, String engine, ReservationStore store) {
        this.node = node;
        this.store = store;
        this.engine = engine;
        this.coordinator =
                new ClusterCoordinator(name, store, node, node.limits().leaseTime(), this, System::nanoTime);
        this.thread = new Thread(this::run, "connlimit-cluster");
        thread.setDaemon(true);
    }

    /**
     * Joins.
     *
     * @param name of the node, that no other one has, and none has had before
     * @param engine what the log calls it
     * @param store closed with the member
     */
    static ClusterMember join(ClusterNode node, String name, String engine, ReservationStore store) {
        ClusterMember member = new ClusterMember(node, name, engine, store);
        LOGGER.log(
                System.Logger.Level.INFO,
                "node " + name + " of cluster " + node.limits().clusterName() + " by " + engine);
        member.thread.start();
        return member;
    }

    @Override
    public int allowed(Cidr client, int open, int limit) {
        return coordinator.allowed(client, open, limit);
    }

    @Override
    public ClusterSnapshot snapshot() {
        return coordinator.snapshot();
    }

    @Override
    public void inDemand() {
        if (!inDemand) {
            inDemand = true;
            LockSupport.unpark(thread);
        }
    }

    @Override
    public void limitsDiffer(Cidr client, int limit, int otherLimit) {
        if (isToSayThatLimitsDiffer()) {
            LOGGER.log(
                    System.Logger.Level.WARNING,
                    "the nodes of cluster " + node.limits().clusterName() + " differ in the limit of " + client + ": "
                            + limit + " here, " + otherLimit + " on another; each goes by its own");
        }
    }

    private synchronized boolean isToSayThatLimitsDiffer() {
        long now = System.nanoTime();
        boolean due = now - saidDifferNanos >= TELL_AGAIN_NANOS;
        saidDifferNanos = due ? now : saidDifferNanos;
        return due;
    }

    @Override
    public void forgotten() {
        LOGGER.log(
                System.Logger.Level.WARNING,
                engine + " has forgotten all reservations; for "
                        + node.limits().leaseTime().toMillis()
                        + " ms no client gets more than it has, while the nodes put theirs back");
    }

    private void run() {
        while (!closed) {
            long began = System.nanoTime();
            inDemand = false;
            try {
                look();
            } catch (Throwable error) {
                if (!closed) {
                    report(error);
                }
            }
            pause(began + LEAST_PAUSE_NANOS, false);
            long most = coordinator.isNeeded() ? PAUSE_NANOS : IDLE_PAUSE_NANOS;
            pause(began + most, true);
        }
    }

    private void pause(long until, boolean whileIdle) {
        long left = until - System.nanoTime();
        while (left > 0 && !closed && !(whileIdle && inDemand)) {
            LockSupport.parkNanos(this, left);
            left = until - System.nanoTime();
        }
    }

    private void look() {
        coordinator.tick();
        long now = System.nanoTime();
        if (!coordinator.isFailing() && store.isConnected()) {
            thereNanos = now;
        }
        long goneNanos = now - thereNanos;
        String failure = store.failure();
        if (saidGone && goneNanos < GONE_NANOS) {
            saidGone = false;
            LOGGER.log(System.Logger.Level.INFO, engine + " answers again");
        } else if (!saidGone && goneNanos >= (failure.isEmpty() ? REASON_NANOS : GONE_NANOS)) {
            saidGone = true;
            LOGGER.log(System.Logger.Level.WARNING, goneMessage(failure));
        }
    }

    private String goneMessage(String failure) {
        return engine + " does not answer" + (failure.isEmpty() ? "" : " (" + failure + ")")
                + "; reservations hold for "
                + node.limits().leaseTime().toMillis() + " ms, then onClusterError="
                + node.limits().toSettings().get("onClusterError");
    }

    private void report(Throwable error) {
        try {
            node.report("looking after the reservations of the cluster failed", error);
        } catch (Throwable outOfMemory) {
            // The thread has to go on: without it, all reservations would end.
        }
    }

    /** Does not wait for an answer: a client of the application may be shut down next. What is not given back ends by itself. */
    @Override
    public void close() {
        closed = true;
        LockSupport.unpark(thread);
        try {
            coordinator.leave();
        } catch (Throwable error) {
            report(error);
        } finally {
            store.close();
        }
    }
}
