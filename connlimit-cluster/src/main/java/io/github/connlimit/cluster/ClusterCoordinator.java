package io.github.connlimit.cluster;

import io.github.connlimit.Cidr;
import io.github.connlimit.ClusterErrorPolicy;
import io.github.connlimit.ClusterNode;
import io.github.connlimit.ClusterSnapshot;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.LongSupplier;

/**
 * Says what each client may have on this node, and asks the engine for more, or gives back, behind the back of those who
 * want to know. A client with less than half of what is free costs nothing, not even an entry.
 *
 * <p>{@link #allowed} may be called by any thread, and never waits. {@link #tick} and the answers of the engine may come from
 * any threads, too.
 */
final class ClusterCoordinator {

    /** Leases are renewed when this part of them is over. */
    private static final int RENEWALS_IN_A_LEASE = 3;

    /** Who got nothing more asks again after this part of a lease, however much it is in demand. */
    private static final int ATTEMPTS_IN_A_LEASE = 10;

    /**
     * So often. By then, each node that holds what its client does not use has given it back; from now on each renewal asks
     * anyway.
     */
    private static final int ATTEMPTS = ATTEMPTS_IN_A_LEASE / RENEWALS_IN_A_LEASE + 1;

    /** How long an answer may take: this part of a lease. */
    private static final int ANSWERS_IN_A_LEASE = 5;

    /** What the coordinator tells. Called with its monitor held: must not wait. */
    interface Listener {

        /** There is something to ask for: {@link #tick} should be called soon. */
        void inDemand();

        /** Another node has another limit for a client. */
        void limitsDiffer(Cidr client, int limit, int otherLimit);

        /** The engine may have forgotten what it knew. */
        void forgotten();
    }

    private final String name;
    private final ReservationStore store;
    private final ClusterNode node;
    private final Listener listener;
    private final LongSupplier nanoTime;
    private final long leaseNanos;
    private final Map<Cidr, Share> shares = new ConcurrentHashMap<>();

    // All that follows is written by the holder of this only.

    /** Of the latest request. */
    private long number;

    private String epoch;

    /** Until when nothing is asked for but what is held, as other nodes have not told the engine yet what they hold. */
    private long graceEndNanos;

    private boolean inGrace;
    private boolean waitsForEpoch;
    private boolean left;

    /** Of the store, when it told the epoch. */
    private int seenConnections;

    private long requests;
    private long granted;
    private long denied;
    private volatile long lastAnswerNanos;

    /** Since when the engine has been asked and has not answered. */
    private volatile long failingSinceNanos;

    private volatile boolean failing;

    /**
     * @param name of this node, that no other one has, and none has had before
     * @param node whose clients it is about
     * @param lease how long reservations last
     */
    ClusterCoordinator(
            String name,
            ReservationStore store,
            ClusterNode node,
            Duration lease,
            Listener listener,
            LongSupplier nanoTime) {
        this.name = name;
        this.store = store;
        this.node = node;
        this.listener = listener;
        this.nanoTime = nanoTime;
        this.leaseNanos = lease.toNanos();
        this.lastAnswerNanos = nanoTime.getAsLong();
    }

    /** {@return how long an answer may take, if leases are so long} */
    static Duration patience(Duration lease) {
        return lease.dividedBy(ANSWERS_IN_A_LEASE);
    }

    /** A client that is near, or beyond, what is free. */
    private final class Share {

        private final HeldReservation reservation;

        /** Whether it has used half of what it may have. */
        private volatile boolean inDemand;

        // Guarded by the coordinator, as all that follows.
        private boolean waiting;

        /** How often it got nothing more, one time after the other. */
        private int denials;

        private boolean asked;
        private boolean askedInGrace;

        /** Whether the engine has granted something that could not be used. */
        private boolean excess;

        private long askedNanos;

        private Share(Cidr client) {
            reservation = new HeldReservation(name, client.toString(), leaseNanos);
        }

        private boolean isToAsk(long now) {
            if (waiting && now - askedNanos < leaseNanos / ANSWERS_IN_A_LEASE) {
                return false;
            }
            if (!asked || now - askedNanos >= leaseNanos / RENEWALS_IN_A_LEASE) {
                return true;
            }
            return inDemand
                    && (denials == 0 || denials <= ATTEMPTS && now - askedNanos >= leaseNanos / ATTEMPTS_IN_A_LEASE);
        }
    }

    /** {@return whether the engine has been asked, and has not answered for as long as a lease lasts} */
    boolean isAway() {
        return failing && nanoTime.getAsLong() - failingSinceNanos >= leaseNanos;
    }

    /** {@return whether the engine has not answered the latest that it was asked} */
    boolean isFailing() {
        return failing;
    }

    /** {@return whether there is any client that a reservation is held for, or wanted} */
    boolean isNeeded() {
        return !shares.isEmpty();
    }

    ClusterSnapshot snapshot() {
        long now = nanoTime.getAsLong();
        long reserved = shares.values().stream()
                .mapToLong(share -> share.reservation.held(now))
                .sum();
        boolean connected = store.isConnected();
        synchronized (this) {
            return new ClusterSnapshot(
                    connected && !failing,
                    Duration.ofNanos(Math.max(0, now - lastAnswerNanos)),
                    shares.size(),
                    reserved,
                    requests,
                    granted,
                    denied);
        }
    }

    /**
     * Tells how many connections a client may have on this node now.
     *
     * @param open how many it has
     * @param limit what it may have on all nodes together, 1 or more
     * @return 1 to {@code limit}
     */
    int allowed(Cidr client, int open, int limit) {
        int free = node.limits().freeOf(limit);
        if (free == limit || 2 * (open + 1) < free) {
            return free;
        }
        Share share = shares.get(client);
        if (share == null) {
            share = shares.computeIfAbsent(client, Share::new);
        }
        int held = share.reservation.held(nanoTime.getAsLong());
        int allowed = Math.max(free, held);
        if (held == 0 && isAway() && node.limits().onClusterError() == ClusterErrorPolicy.LOCAL) {
            allowed = limit;
        }
        if (2 * (open + 1) >= allowed && allowed < limit && !share.inDemand) {
            share.inDemand = true;
            listener.inDemand();
        }
        return Math.min(limit, allowed);
    }

    /** Asks for what is in demand, renews what ends soon, gives back what is not needed. To be called all the time. */
    void tick() {
        ask(false);
    }

    /** Gives back all that is not in use, and asks for nothing more. */
    void leave() {
        ask(true);
    }

    private void ask(boolean leaving) {
        List<ReservationRequest> batch = new ArrayList<>();
        List<Share> asking = new ArrayList<>();
        synchronized (this) {
            if (left) {
                return;
            }
            left = leaving;
            long now = nanoTime.getAsLong();
            inGrace = inGrace && now - graceEndNanos < 0;
            shares.forEach((client, share) -> {
                if (leaving || share.isToAsk(now)) {
                    ReservationRequest request = request(client, share, leaving, now);
                    if (request != null) {
                        batch.add(request);
                        asking.add(share);
                    }
                }
            });
            requests += batch.size();
        }
        if (batch.isEmpty()) {
            askForEpochIfNeeded();
            return;
        }
        List<CompletionStage<Reservation>> answers = store.reserve(batch);
        for (int i = 0; i < batch.size(); i++) {
            ReservationRequest request = batch.get(i);
            Share share = asking.get(i);
            answers.get(i).whenComplete((answer, error) -> answered(share, request, answer));
        }
    }

    /**
     * Without requests nobody would notice that the engine is back, or that it is another one: growth after that would have to
     * wait for the end of the grace then.
     */
    private void askForEpochIfNeeded() {
        int connections = store.connections();
        synchronized (this) {
            if (!failing && connections == seenConnections || waitsForEpoch) {
                return;
            }
            waitsForEpoch = true;
        }
        store.epoch().whenComplete((now, error) -> noteEpoch(now, connections));
    }

    private void noteEpoch(String now, int connections) {
        boolean forgotten = false;
        synchronized (this) {
            waitsForEpoch = false;
            noteAnswer(now != null);
            if (now != null) {
                seenConnections = connections;
                forgotten = note(now);
            }
        }
        if (forgotten) {
            listener.forgotten();
        }
    }

    /** @return {@code null} if there is nothing to ask for */
    private ReservationRequest request(Cidr client, Share share, boolean leaving, long now) {
        int limit = node.limits().limitFor(client);
        int open = node.open(client);
        int held = share.reservation.held(now);
        int free = node.limits().freeOf(limit);
        int wanted = limit == 0 ? 0 : wanted(open, held, free, limit);
        int had = held;
        share.inDemand = false;
        if (leaving) {
            wanted = Math.min(wanted, Math.min(open, held));
        } else if (inGrace) {
            // What is open beyond what is free was held, even if another has taken all of it since.
            had = open > free ? Math.max(open, held) : held;
            wanted = Math.min(wanted, had);
        }
        if (wanted == 0 && held == 0 && !share.excess) {
            if (!inGrace) {
                shares.remove(client);
            }
            return null;
        }
        share.excess = false;
        share.askedInGrace = inGrace;
        share.asked = true;
        share.waiting = true;
        share.askedNanos = now;
        ReservationRequest request = share.reservation.ask(++number, wanted, had, limit, now);
        if (wanted < held) {
            // What was admitted by what was held until now is not given back.
            int settled = Math.min(node.open(client), held);
            if (settled > wanted) {
                request = share.reservation.ask(++number, settled, settled, limit, now);
            }
        }
        return request;
    }

    /** Twice what is open, and some more; less only if it is much less than what is held. */
    private static int wanted(int open, int held, int free, int limit) {
        int enough = Math.min(limit, 2 * open + free / 2);
        if (4 * open < free) {
            return 0;
        }
        boolean grows = 2 * open >= Math.max(free, held);
        boolean shrinks = 4 * open < held;
        return grows || shrinks || held == 0 ? enough : Math.min(limit, held);
    }

    private void answered(Share share, ReservationRequest request, Reservation answer) {
        boolean forgotten;
        boolean differ;
        synchronized (this) {
            noteAnswer(answer != null);
            if (answer == null) {
                return;
            }
            forgotten = note(answer.epoch());
            differ =
                    settle(share, request, answer) && answer.otherLimit() > 0 && answer.otherLimit() != request.limit();
        }
        if (forgotten) {
            listener.forgotten();
        }
        if (differ) {
            listener.limitsDiffer(Cidr.parse(request.client()), request.limit(), answer.otherLimit());
        }
    }

    /** {@return whether it is the answer to the latest request} */
    private boolean settle(Share share, ReservationRequest request, Reservation answer) {
        boolean knowing = !inGrace || share.askedInGrace;
        Reservation usable = knowing ? answer : answer.atMost(request.held());
        if (!share.reservation.answered(request.number(), usable)) {
            return false;
        }
        share.waiting = false;
        share.excess = usable != answer;
        share.asked = share.asked && !share.excess;
        boolean nothingMore = answer.connections() <= request.held() && answer.connections() < request.wanted();
        share.denials = nothingMore ? share.denials + 1 : 0;
        denied += nothingMore ? 1 : 0;
        granted += usable.connections() > request.held() ? 1 : 0;
        return true;
    }

    /** {@return whether the engine has forgotten everything since the last answer} */
    private boolean note(String now) {
        boolean forgotten = epoch != null && !epoch.equals(now);
        if (forgotten) {
            inGrace = true;
            graceEndNanos = lastAnswerNanos + leaseNanos;
            // The sooner the engine knows of them, the less others can take of them.
            shares.values().forEach(share -> share.asked = false);
        }
        epoch = now;
        return forgotten;
    }

    private synchronized void noteAnswer(boolean answered) {
        if (answered) {
            failing = false;
            lastAnswerNanos = nanoTime.getAsLong();
        } else if (!failing) {
            failingSinceNanos = nanoTime.getAsLong();
            failing = true;
        }
    }
}
