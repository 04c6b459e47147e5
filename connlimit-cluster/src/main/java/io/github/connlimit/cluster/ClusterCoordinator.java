package io.github.connlimit.cluster;

import io.github.connlimit.Cidr;
import io.github.connlimit.ClusterErrorPolicy;
import io.github.connlimit.ClusterLimits;
import io.github.connlimit.ClusterNode;
import io.github.connlimit.ClusterSnapshot;
import io.github.connlimit.ConnectionLimits;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.LongSupplier;
import java.util.stream.IntStream;

/**
 * Says what each client may have on this node, and asks the engine for more, or gives back, behind the back of those who
 * want to know. A client that the limiter does not ask about costs nothing, not even an entry.
 *
 * <p>{@link #allowed} may be called by any thread, and never waits: it takes no monitor. {@link #tick} is for one thread; the
 * answers of the engine may come from any. No monitor but that of one {@link Share} is held while the limiter is asked what is
 * open, and none while the store or the listener is called, but for {@link Listener#inDemand}.
 */
final class ClusterCoordinator {

    /** So many clients have a share at most. Beyond, the smallest do without. */
    static final int MOST_SHARES = 10_000;

    /** So many requests are under way at most; the others go when these are answered. A slow engine is asked slowly. */
    static final int MOST_UNDER_WAY = 256;

    /** How long an answer may take: this part of a lease. */
    private static final int ANSWERS_IN_A_LEASE = 5;

    /** But no longer than that: an engine that takes so long is not there. */
    private static final Duration MOST_PATIENCE = Duration.ofSeconds(5);

    /** An idle node asks the engine for something, to know whether it is there, this often in a lease. */
    private static final int PROBES_IN_A_LEASE = 3;

    /** And no less often than that. */
    private static final long MOST_PROBE_NANOS = Duration.ofSeconds(10).toNanos();

    /** What the coordinator tells. Called without a monitor, but for {@link #inDemand}. */
    interface Listener {

        /** There is something to ask for: {@link #tick} should be called soon. Called with locks held: must not wait. */
        void inDemand();

        /** Another node has another limit for a client. */
        void limitsDiffer(Cidr client, int limit, int otherLimit);

        /** The engine may have forgotten what it knew. */
        void forgotten();

        /** The engine has not done what it was asked for. The reason is empty if it has not answered. */
        void failed(String reason);

        /** More clients need a reservation than a node asks for. */
        void tooMany();
    }

    private final String name;
    private final ReservationStore store;
    private final ClusterNode node;
    private final Listener listener;
    private final LongSupplier nanoTime;
    private final long leaseNanos;
    private final long patienceNanos;
    private final Slice[] slices;
    private final Map<Cidr, Share> shares = new ConcurrentHashMap<>();

    /** Never less than there are shares. */
    private final AtomicInteger shareCount = new AtomicInteger();

    /** Clients with fewer connections get no share. */
    private volatile int leastOpen;

    /** Of the latest request. */
    private final AtomicLong number = new AtomicLong();

    private final LongAdder requests = new LongAdder();
    private final LongAdder granted = new LongAdder();
    private final LongAdder denied = new LongAdder();
    private final LongAdder failed = new LongAdder();
    private volatile long lastAnswerNanos;

    /** When the listener was told that the engine has forgotten. One loss shows in each slice. */
    private final AtomicLong forgottenNanos;

    private volatile boolean left;

    // Used by the thread that ticks only.

    private final AwakeTime time;

    /** What {@link #time} says now, for all. */
    private volatile long awakeNanos;

    /** Of the store, when all slices were to be looked at. */
    private int seenConnections;

    private long probedNanos;
    private int nextProbe;

    /** What has been sent, and may not have been answered. */
    private final List<Batch> underWay = new ArrayList<>();

    /** Over the shares. */
    private Iterator<Share> turn = Collections.emptyIterator();

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
        this.patienceNanos = patience(lease).toNanos();
        this.slices = IntStream.range(0, ReservationStore.SLICES)
                .mapToObj(i -> new Slice(i, leaseNanos))
                .toArray(Slice[]::new);
        long now = nanoTime.getAsLong();
        this.lastAnswerNanos = now;
        this.probedNanos = now;
        this.forgottenNanos = new AtomicLong(now - leaseNanos);
        this.time = new AwakeTime(now, leaseNanos / ANSWERS_IN_A_LEASE);
    }

    /** {@return how long an answer may take, if leases are so long} */
    static Duration patience(Duration lease) {
        Duration patience = lease.dividedBy(ANSWERS_IN_A_LEASE);
        return patience.compareTo(MOST_PATIENCE) < 0 ? patience : MOST_PATIENCE;
    }

    /** {@return whether the engine has not done the latest that it was asked for, for any client or slice} */
    boolean isFailing() {
        for (Slice slice : slices) {
            if (slice.isFailing()) {
                return true;
            }
        }
        for (Share share : shares.values()) {
            synchronized (share) {
                if (share.isFailing()) {
                    return true;
                }
            }
        }
        return false;
    }

    /** {@return whether there is any client that a reservation is held for, or wanted} */
    boolean isNeeded() {
        return !shares.isEmpty();
    }

    ClusterSnapshot snapshot() {
        long now = nanoTime.getAsLong();
        int count = 0;
        int away = 0;
        long reserved = 0;
        for (Share share : shares.values()) {
            int held = share.held(now);
            count++;
            reserved += held;
            away += held == 0 && share.isAway() ? 1 : 0;
        }
        return new ClusterSnapshot(
                store.isConnected() && !isFailing(),
                Duration.ofNanos(Math.max(0, now - lastAnswerNanos)),
                count,
                reserved,
                requests.sum(),
                granted.sum(),
                denied.sum(),
                failed.sum(),
                away);
    }

    /**
     * Tells how many connections a client may have on this node now.
     *
     * @param open how many it has, half of what is free or more
     * @param limit what it may have on all nodes together, 1 or more
     * @return 1 to {@code limit}
     */
    int allowed(Cidr client, int open, int limit) {
        ConnectionLimits limits = node.limits();
        int free = limits.freeOf(limit);
        if (free == limit) {
            return free;
        }
        int withoutCluster = limits.onClusterError() == ClusterErrorPolicy.LOCAL ? limit : free;
        Share share = shares.get(client);
        if (share == null) {
            share = newShare(client, open);
        }
        if (share == null) {
            return withoutCluster;
        }
        int held = share.held(nanoTime.getAsLong());
        int allowed = held == 0 && share.isAway() ? withoutCluster : Math.max(free, held);
        if (ClusterLimits.usesHalf(open, allowed) && allowed < limit && share.demand()) {
            listener.inDemand();
        }
        return Math.min(limit, allowed);
    }

    /** {@return {@code null} if there are too many already} */
    private Share newShare(Cidr client, int open) {
        if (open < leastOpen || shareCount.get() >= MOST_SHARES) {
            return null;
        }
        if (shareCount.incrementAndGet() > MOST_SHARES) {
            shareCount.decrementAndGet();
            return null;
        }
        Share made = new Share(name, client, slices, leaseNanos, patienceNanos);
        Share before = shares.putIfAbsent(client, made);
        if (before != null) {
            shareCount.decrementAndGet();
        }
        return before == null ? made : before;
    }

    private void remove(Share share) {
        if (shares.remove(share.client(), share)) {
            shareCount.decrementAndGet();
        }
    }

    /** Asks for what is in demand, renews what ends soon, gives back what is not needed. To be called all the time. */
    void tick() {
        long now = nanoTime.getAsLong();
        awakeNanos = time.look(now);
        noteConnection();
        makeRoom();
        underWay.removeIf(batch -> batch.isOver(now));
        Batch batch = new Batch(
                now,
                MOST_UNDER_WAY - underWay.stream().mapToInt(Batch::unanswered).sum());
        probe(batch);
        for (int i = shares.size(); i > 0; i--) {
            if (batch.isFull()) {
                listener.inDemand();
                break;
            }
            // Goes on where it stopped the last time, so that each has its turn.
            turn = turn.hasNext() ? turn : shares.values().iterator();
            if (turn.hasNext()) {
                batch.add(turn.next(), false);
            }
        }
        batch.send();
        underWay.add(batch);
    }

    /** Gives back all that is not in use, and asks for nothing more. */
    void leave() {
        left = true;
        Batch batch = new Batch(nanoTime.getAsLong(), Integer.MAX_VALUE);
        shares.values().forEach(share -> batch.add(share, true));
        batch.send();
    }

    /** What is asked for together. */
    private final class Batch {

        private final long now;
        private final long awake = awakeNanos;
        private final List<ReservationRequest> asked = new ArrayList<>();

        /** For each request; {@code null} for one that is for the sake of its slice. */
        private final List<Share> asking = new ArrayList<>();

        private final int room;
        private final AtomicInteger answers = new AtomicInteger();

        private Batch(long now, int room) {
            this.now = now;
            this.room = room;
        }

        private boolean isFull() {
            return asked.size() >= room;
        }

        private int unanswered() {
            return asked.size() - answers.get();
        }

        /** What has not been answered in time has been lost. */
        private boolean isOver(long later) {
            return unanswered() == 0 || later - now >= patienceNanos;
        }

        private void add(Share share, boolean leaving) {
            ReservationRequest request;
            boolean isSmall;
            synchronized (share) {
                if (left != leaving) {
                    return;
                }
                share.look(awake);
                if (!leaving && !share.isToAsk(now)) {
                    return;
                }
                request = share.ask(node.limits(), node::open, leaving, number::incrementAndGet, now, awake);
                isSmall = share.isSmall() && !share.slice().isInGrace(now);
            }
            if (request != null) {
                requests.increment();
                asked.add(request);
                asking.add(share);
            } else if (isSmall) {
                remove(share);
            }
        }

        /** As for a client that only this node has: whether that can be had is what clients will meet. */
        private void add(Slice slice) {
            if (!left) {
                slice.probed(now);
                asked.add(new ReservationRequest(
                        slice.number(), name, "node-" + name, number.incrementAndGet(), 1, 0, 1, 0, 1));
                asking.add(null);
            }
        }

        private void send() {
            if (asked.isEmpty()) {
                return;
            }
            List<CompletionStage<Reservation>> sent = store.reserve(asked);
            for (int i = 0; i < asked.size(); i++) {
                ReservationRequest request = asked.get(i);
                Share share = asking.get(i);
                sent.get(i).whenComplete((answer, error) -> {
                    answers.incrementAndGet();
                    if (answer == null) {
                        failed(share, request, awake, error);
                    } else {
                        answered(share, request, answer);
                    }
                });
            }
        }
    }

    private void noteConnection() {
        int connections = store.connections();
        if (!store.isConnected()) {
            for (Slice slice : slices) {
                slice.failed(awakeNanos);
            }
        }
        if (connections != seenConnections) {
            // It may be another engine, or one that has lost what it knew.
            seenConnections = connections;
            for (Slice slice : slices) {
                slice.probeAtOnce();
            }
        }
    }

    private void probeAll() {
        for (Slice slice : slices) {
            slice.probe();
        }
    }

    private void probe(Batch batch) {
        long interval = Math.min(leaseNanos / PROBES_IN_A_LEASE, MOST_PROBE_NANOS);
        if (batch.now - probedNanos >= interval) {
            probedNanos = batch.now;
            slices[nextProbe++ % slices.length].probe();
        }
        for (Slice slice : slices) {
            if (slice.look(batch.now, batch.awake, patienceNanos)) {
                batch.add(slice);
            }
        }
    }

    private void failed(Share share, ReservationRequest request, long awake, Throwable error) {
        if (share != null) {
            failed.increment();
            synchronized (share) {
                share.failed(request);
            }
        }
        if (slices[request.slice()].failed(awake)) {
            // If it is not this slice alone, its clients are not the only ones that have to know.
            probeAll();
        }
        listener.failed(store.reason(error));
    }

    private void answered(Share share, ReservationRequest request, Reservation answer) {
        long now = nanoTime.getAsLong();
        lastAnswerNanos = now;
        boolean forgotten = slices[request.slice()].answered(answer.epoch(), now);
        Share.Outcome outcome = share == null ? null : settle(share, request, answer, now);
        if (forgotten) {
            probeAll();
            long told = forgottenNanos.get();
            if (now - told >= leaseNanos && forgottenNanos.compareAndSet(told, now)) {
                listener.forgotten();
            }
        }
        if (outcome != null
                && outcome != Share.Outcome.OVERTAKEN
                && answer.otherLimit() > 0
                && answer.otherLimit() != request.limit()) {
            listener.limitsDiffer(share.client(), request.limit(), answer.otherLimit());
        }
    }

    private Share.Outcome settle(Share share, ReservationRequest request, Reservation answer, long now) {
        Share.Outcome outcome;
        synchronized (share) {
            outcome = share.answered(request, answer, now, awakeNanos);
        }
        switch (outcome) {
            case MORE -> granted.increment();
            case NOTHING_MORE -> denied.increment();
            default -> {}
        }
        return outcome;
    }

    /** Takes a quarter of the shares from those with the fewest connections, if there are too many. */
    private void makeRoom() {
        if (shareCount.get() < MOST_SHARES) {
            leastOpen = shareCount.get() < MOST_SHARES / 2 ? 0 : leastOpen;
            return;
        }
        List<Sized> all = new ArrayList<>(MOST_SHARES);
        shares.values().forEach(share -> all.add(new Sized(share, node.open(share.client()))));
        all.sort(Comparator.comparingInt(Sized::open));
        List<Sized> smallest = all.subList(0, all.size() / 4);
        smallest.forEach(one -> remove(one.share));
        leastOpen = smallest.get(smallest.size() - 1).open + 1;
        listener.tooMany();
    }

    private record Sized(Share share, int open) {}
}
