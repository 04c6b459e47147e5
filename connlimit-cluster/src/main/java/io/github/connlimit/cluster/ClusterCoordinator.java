package io.github.connlimit.cluster;

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
 *
 * @param <K> stands for a client, and is called the same by {@code toString()} on all nodes
 */
final class ClusterCoordinator<K> {

    /** Leases are renewed when this part of them is over. */
    private static final int RENEWALS_IN_A_LEASE = 3;

    /** Who got nothing more asks again after this part of a lease, however much it is in demand. */
    private static final int ATTEMPTS_IN_A_LEASE = 10;

    /** What the coordinator has to know of the clients of this node. */
    interface Local<K> {

        /**
         * {@return how many connections the client has on this node} A decision that has been made by an earlier answer of
         * {@link #allowed} has to be in it.
         */
        int open(K client);

        /** {@return what the client may have on all nodes together now} */
        int limit(K client);
    }

    /**
     * How a node behaves.
     *
     * @param name that no other node has, and none has had before
     * @param freePerClient what a client may have without a reservation; 0 for the larger of 10 and a tenth of its limit
     * @param lease how long reservations last
     * @param patience how long an answer may take
     * @param onError when the engine is away
     */
    record Node(String name, int freePerClient, Duration lease, Duration patience, OnClusterError onError) {

        int free(int limit) {
            return Math.min(limit, freePerClient > 0 ? freePerClient : Math.max(10, limit / 10));
        }
    }

    private final Node node;
    private final ReservationStore store;
    private final Local<K> local;
    private final LongSupplier nanoTime;
    private final long leaseNanos;
    private final Map<K, Share> shares = new ConcurrentHashMap<>();

    /** Of the latest request. Guarded by this. */
    private long number;

    /** Written by the holder of this only, as the next one. */
    private volatile long lastAnswerNanos;

    private volatile boolean failing;

    ClusterCoordinator(Node node, ReservationStore store, Local<K> local, LongSupplier nanoTime) {
        this.node = node;
        this.store = store;
        this.local = local;
        this.nanoTime = nanoTime;
        this.leaseNanos = node.lease().toNanos();
        this.lastAnswerNanos = nanoTime.getAsLong() - leaseNanos;
    }

    /** A client that is near, or beyond, what is free. */
    private final class Share {

        private final HeldReservation reservation;

        /** Whether it has used half of what it may have. */
        private volatile boolean inDemand = true;

        // Guarded by the coordinator, as all that follows.
        private boolean waiting;
        private boolean denied;
        private boolean asked;
        private long askedNanos;

        private Share(K client) {
            reservation = new HeldReservation(node.name(), client.toString(), leaseNanos);
        }

        private boolean isToAsk(long now) {
            if (waiting && now - askedNanos < node.patience().toNanos()) {
                return false;
            }
            if (!asked || now - askedNanos >= leaseNanos / RENEWALS_IN_A_LEASE) {
                return true;
            }
            return inDemand && (!denied || now - askedNanos >= leaseNanos / ATTEMPTS_IN_A_LEASE);
        }
    }

    /** {@return whether the engine has not answered for as long as a lease lasts} */
    boolean isAway() {
        return failing && nanoTime.getAsLong() - lastAnswerNanos >= leaseNanos;
    }

    /** {@return how many clients there is a reservation for, or a request for one} */
    int heavyClients() {
        return shares.size();
    }

    /**
     * Tells how many connections a client may have on this node now.
     *
     * @param open how many it has
     * @param limit what it may have on all nodes together, 1 or more
     * @return 1 to {@code limit}
     */
    int allowed(K client, int open, int limit) {
        int free = node.free(limit);
        if (free == limit || 2 * (open + 1) < free) {
            return free;
        }
        Share share = shares.get(client);
        if (share == null) {
            share = shares.computeIfAbsent(client, Share::new);
        }
        int held = share.reservation.held(nanoTime.getAsLong());
        int allowed = Math.max(free, held);
        if (held == 0 && node.onError() == OnClusterError.LOCAL && isAway()) {
            allowed = limit;
        }
        if (2 * (open + 1) >= allowed && allowed < limit) {
            share.inDemand = true;
        }
        return Math.min(limit, allowed);
    }

    /** Asks for what is in demand, renews what ends soon, gives back what is not needed. To be called all the time. */
    void tick() {
        List<ReservationRequest> requests = new ArrayList<>();
        List<Share> asking = new ArrayList<>();
        synchronized (this) {
            long now = nanoTime.getAsLong();
            shares.forEach((client, share) -> {
                if (share.isToAsk(now)) {
                    ReservationRequest request = request(client, share, now);
                    if (request == null) {
                        shares.remove(client);
                    } else {
                        requests.add(request);
                        asking.add(share);
                    }
                }
            });
        }
        if (requests.isEmpty()) {
            return;
        }
        List<CompletionStage<Reservation>> answers = store.reserve(requests);
        for (int i = 0; i < requests.size(); i++) {
            ReservationRequest request = requests.get(i);
            Share share = asking.get(i);
            answers.get(i).whenComplete((answer, error) -> answered(share, request, answer));
        }
    }

    /** @return {@code null} if the client is not heavy any more, and there is nothing to give back */
    private ReservationRequest request(K client, Share share, long now) {
        int limit = local.limit(client);
        int open = local.open(client);
        int held = share.reservation.held(now);
        int wanted = wanted(open, held, node.free(limit), limit);
        if (wanted == 0 && held == 0) {
            return null;
        }
        share.inDemand = false;
        share.asked = true;
        share.waiting = true;
        share.askedNanos = now;
        ReservationRequest request = share.reservation.ask(++number, wanted, limit, now);
        if (wanted < held) {
            // What was admitted by what was held until now is not given back.
            int settled = Math.min(local.open(client), held);
            if (settled > wanted) {
                request = share.reservation.ask(++number, settled, limit, now);
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

    private synchronized void answered(Share share, ReservationRequest request, Reservation answer) {
        if (answer == null) {
            failing = true;
            return;
        }
        failing = false;
        lastAnswerNanos = nanoTime.getAsLong();
        if (share.reservation.answered(request.number(), answer)) {
            share.waiting = false;
            share.denied = answer.connections() <= request.held() && answer.connections() < request.wanted();
        }
    }
}
