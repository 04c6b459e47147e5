package io.github.connlimit.cluster;

import io.github.connlimit.Cidr;
import io.github.connlimit.ClusterLimits;
import io.github.connlimit.ClusterNode;
import io.github.connlimit.ClusterSnapshot;
import io.github.connlimit.ConnectionLimits;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.regex.Pattern;

/**
 * One node of a cluster, with a thread of its own that talks to the engine. While no client needs a reservation, it looks each
 * second, or more often if leases are short, whether the engine has gone.
 */
final class ClusterMember implements ClusterLimits, ClusterCoordinator.Listener {

    private static final System.Logger LOGGER = System.getLogger(ClusterMember.class.getName());
    private static final long LEAST_PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(10);
    private static final long PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(100);
    private static final long MOST_IDLE_PAUSE_NANOS = TimeUnit.SECONDS.toNanos(1);
    private static final int IDLE_PAUSES_IN_A_LEASE = 10;
    private static final long TELL_AGAIN_NANOS = TimeUnit.MINUTES.toNanos(1);

    /** Two looks of an idle node: if the first request fails, it is the third look that sees the second one's answer. */
    private static final long GONE_NANOS = TimeUnit.SECONDS.toNanos(2);

    /** For how long the log waits for a reason: an attempt to connect takes up to 2 seconds. */
    private static final long REASON_NANOS = TimeUnit.SECONDS.toNanos(3);

    /** So many reasons at most, each of which is told once, until all is well again. What an engine says has no end. */
    private static final int MOST_REASONS = 8;

    private static final Pattern CODE = Pattern.compile("[A-Z]{2,20}");

    private final ClusterNode node;
    private final ReservationStore store;
    private final String engine;
    private final ClusterCoordinator coordinator;
    private final Thread thread;
    private final long idlePauseNanos;

    /** Why the engine has not done what it was asked for, since all was well, by its own words. */
    private final Set<String> reasons = ConcurrentHashMap.newKeySet();

    private volatile boolean inDemand;
    private volatile boolean closed;

    /** What the log says, since all was well. Used by the thread only, as the next ones. */
    private final Set<String> said = new HashSet<>();

    /** Whether the log says that the engine has gone. */
    private boolean saidGone;

    /** When the engine was there for the last time. */
    private long thereNanos = System.nanoTime();

    /** When the log told of differing limits. */
    private final AtomicLong saidDifferNanos = new AtomicLong(System.nanoTime() - TELL_AGAIN_NANOS);

    /** When the log told of too many clients. */
    private final AtomicLong saidTooManyNanos = new AtomicLong(System.nanoTime() - TELL_AGAIN_NANOS);

    private ClusterMember(ClusterNode node, String name, String engine, ReservationStore store) {
        this.node = node;
        this.store = store;
        this.engine = engine;
        this.coordinator =
                new ClusterCoordinator(name, store, node, node.limits().leaseTime(), this, System::nanoTime);
        this.idlePauseNanos =
                Math.min(MOST_IDLE_PAUSE_NANOS, node.limits().leaseTime().toNanos() / IDLE_PAUSES_IN_A_LEASE);
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
        warnIfNothingIsShared(node.limits());
        member.thread.start();
        return member;
    }

    private static void warnIfNothingIsShared(ConnectionLimits limits) {
        int limit = limits.maxPerClient();
        if (limit > 0 && limits.freeOf(limit) == limit) {
            LOGGER.log(
                    System.Logger.Level.WARNING,
                    "freePerClient=" + limits.toSettings().get("freePerClient") + " is all of maxPerClient=" + limit
                            + ": each node gives a client its whole limit, and nothing is held together; set a lower"
                            + " freePerClient");
        }
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
        if (isToSayAgain(saidDifferNanos)) {
            LOGGER.log(
                    System.Logger.Level.WARNING,
                    "the nodes of cluster " + node.limits().clusterName() + " differ in the limit of " + client + ": "
                            + limit + " here, " + otherLimit + " on another; each goes by its own");
        }
    }

    @Override
    public void tooMany() {
        if (isToSayAgain(saidTooManyNanos)) {
            LOGGER.log(
                    System.Logger.Level.WARNING,
                    "more than " + ClusterCoordinator.MOST_SHARES + " clients of cluster "
                            + node.limits().clusterName() + " need a reservation; those with the fewest connections do"
                            + " without, onClusterError="
                            + node.limits().toSettings().get("onClusterError"));
        }
    }

    private static boolean isToSayAgain(AtomicLong saidNanos) {
        long said = saidNanos.get();
        long now = System.nanoTime();
        return now - said >= TELL_AGAIN_NANOS && saidNanos.compareAndSet(said, now);
    }

    @Override
    public void forgotten() {
        LOGGER.log(
                System.Logger.Level.WARNING,
                engine + " has forgotten reservations; for "
                        + node.limits().leaseTime().toMillis()
                        + " ms no client of these gets more than it has, while the nodes put theirs back");
    }

    @Override
    public void failed(String reason) {
        if (isCode(reason) && reasons.size() < MOST_REASONS) {
            reasons.add(reason);
        }
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
            long most = coordinator.isNeeded() || coordinator.isFailing() ? PAUSE_NANOS : idlePauseNanos;
            pause(began + most, true);
        }
    }

    private void pause(long until, boolean whileIdle) {
        long left = until - System.nanoTime();
        while (left > 0 && !closed && !(whileIdle && inDemand)) {
            LockSupport.parkNanos(this, left);
            // Nobody has a reason to interrupt it. If it stayed so, it would not pause any more.
            Thread.interrupted();
            left = until - System.nanoTime();
        }
    }

    private void look() {
        coordinator.tick();
        long now = System.nanoTime();
        if (!coordinator.isFailing() && store.isConnected()) {
            thereNanos = now;
            reasons.clear();
            said.clear();
        }
        long goneNanos = now - thereNanos;
        if (goneNanos >= GONE_NANOS) {
            sayGone(goneNanos);
        } else if (saidGone) {
            saidGone = false;
            LOGGER.log(System.Logger.Level.INFO, engine + " answers again");
        }
    }

    private void sayGone(long goneNanos) {
        String failure = store.failure();
        for (String reason : reasons) {
            if (said.add(reason)) {
                saidGone = true;
                LOGGER.log(System.Logger.Level.WARNING, goneMessage("does not reserve", reason));
            }
        }
        boolean news = !saidGone || isCode(failure) && !said.contains(failure) && said.size() < MOST_REASONS;
        if (news && (!failure.isEmpty() || goneNanos >= REASON_NANOS)) {
            said.add(failure);
            saidGone = true;
            LOGGER.log(System.Logger.Level.WARNING, goneMessage("does not answer", failure));
        }
    }

    /** Whether an engine says so. What the network says goes on and on, in other words each time. */
    private static boolean isCode(String reason) {
        return CODE.matcher(reason).matches();
    }

    private String goneMessage(String what, String reason) {
        return engine + " " + what + (reason.isEmpty() ? "" : " (" + reason + ")")
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
