package io.github.connlimit.cluster;

import io.github.connlimit.Cidr;
import io.github.connlimit.ClusterLimits;
import io.github.connlimit.ConnectionLimits;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;

/**
 * What a node has for a client that is near, or beyond, what is free, and what it has asked for. {@link #held}, {@link #isAway}
 * and {@link #demand} may be called by any thread, and never wait; all else is for the holder of its monitor. All times are in
 * nanoseconds.
 */
final class Share {

    /** Leases are renewed when this part of them is over. */
    private static final int RENEWALS_IN_A_LEASE = 3;

    /** What got nothing more is asked for again after this part of a lease, however much it is in demand. */
    private static final int ATTEMPTS_IN_A_LEASE = 10;

    /**
     * So often. By then, each node that holds what its client does not use has given it back; from now on each renewal asks
     * anyway.
     */
    private static final int ATTEMPTS = ATTEMPTS_IN_A_LEASE / RENEWALS_IN_A_LEASE + 1;

    /** What failed is asked for again after this part of a lease, and twice that for each time that it fails again. */
    private static final int RETRIES_IN_A_LEASE = 20;

    /** But no later than after this part. */
    private static final int ANSWERS_IN_A_LEASE = 5;

    /** Renewals are up to this part of a lease earlier, so that those of many clients come one by one. */
    private static final int SPREADS_IN_A_LEASE = 15;

    private static final int SPREADS = 64;

    /** A reservation with no more than this of its lease has not been renewed when it should: its node may have died. */
    private static final int OVERDUE_TENTHS = 6;

    /** An end by the clock of the engine has come then by that of the node. */
    private static final long SURELY_NANOS = TimeUnit.MILLISECONDS.toNanos(20);

    private final Cidr client;
    private final Slice slice;
    private final HeldReservation reservation;
    private final long leaseNanos;
    private final long patienceNanos;

    /** Whether it has used half of what it may have. */
    private volatile boolean inDemand;

    /** Whether it has not been answered for a lease. */
    private volatile boolean away;

    // Guarded by this, as all that follows.

    private boolean small;
    private boolean asked;
    private boolean waiting;
    private long askedNanos;
    private long number;
    private int losses;
    private boolean askedInGrace;
    private boolean askedInDemand;

    /** In awake time, when the first request was sent of those that have not been answered. */
    private long sinceNanos;

    /** Whether the latest request that is not under way was answered. */
    private boolean answered;

    /** How often it failed, one time after the other. */
    private int failures;

    /** How often it got nothing more, one time after the other. */
    private int denials;

    /** What other nodes lack, by the latest answer. */
    private int lacking;

    /** How soon after the latest request another node's reservation ends, if it is not renewed; 0 if there is none. */
    private long freeNanos;

    /** Whether the engine tells others that this node lacks something. */
    private boolean lacks;

    /** Whether it has more than it needs while others lack something. */
    private boolean surplus;

    /** Whether the engine has granted something that could not be used. */
    private boolean excess;

    Share(String node, Cidr client, Slice[] slices, long leaseNanos, long patienceNanos) {
        this.client = client;
        this.reservation = new HeldReservation(node, client.toString(), leaseNanos);
        this.slice = slices[reservation.slice()];
        this.leaseNanos = leaseNanos;
        this.patienceNanos = patienceNanos;
        this.away = slice.isAway();
    }

    Cidr client() {
        return client;
    }

    Slice slice() {
        return slice;
    }

    /** {@return so many connections at once, 0 if there is no lease} */
    int held(long nowNanos) {
        return reservation.held(nowNanos);
    }

    /** {@return whether the engine has not answered for a lease} */
    boolean isAway() {
        return away;
    }

    /** {@return whether nobody had noted yet that it has used half of what it may have} */
    boolean demand() {
        if (inDemand) {
            return false;
        }
        inDemand = true;
        return true;
    }

    /** {@return whether the latest request that has ended has failed} */
    boolean isFailing() {
        return failures > 0;
    }

    /** Decides whether it is away, by the time that the node has run. */
    void look(long awakeNanos) {
        away = !answered && (slice.isAway() || asked && awakeNanos - sinceNanos >= leaseNanos);
    }

    boolean isToAsk(long nowNanos) {
        long passed = nowNanos - askedNanos;
        if (!asked) {
            return true;
        }
        if (waiting && passed < patienceNanos) {
            return false;
        }
        if (failures > 0) {
            return passed >= Math.min(leaseNanos / RETRIES_IN_A_LEASE << failures - 1, leaseNanos / ANSWERS_IN_A_LEASE);
        }
        // The sooner an engine that has forgotten knows of it, the less others can take of it.
        if (excess || losses != slice.losses() || passed >= renewal(nowNanos)) {
            return true;
        }
        boolean anew = passed >= leaseNanos / ATTEMPTS_IN_A_LEASE;
        return surplus || inDemand && (denials == 0 || denials <= ATTEMPTS && anew);
    }

    /**
     * A third of a lease, and up to a whole one where there is nothing to renew and nothing was got for long, unless a
     * reservation of another node ends before that.
     */
    private long renewal(long nowNanos) {
        long renewal = leaseNanos / RENEWALS_IN_A_LEASE;
        if (denials > ATTEMPTS && reservation.held(nowNanos) == 0) {
            renewal *= Math.min(denials - ATTEMPTS, RENEWALS_IN_A_LEASE);
            if (freeNanos > 0 && freeNanos < leaseNanos / 10 * OVERDUE_TENTHS) {
                return Math.min(renewal, freeNanos);
            }
        }
        long mixed = (number ^ client.hashCode()) * 0x9E3779B97F4A7C15L;
        return renewal - leaseNanos / SPREADS_IN_A_LEASE * (mixed >>> 58) / SPREADS;
    }

    /** {@return whether there is nothing to ask for, to give back, or to be told of} */
    private boolean isIdle(int wanted, int held) {
        return wanted == 0 && held == 0 && !excess && !lacks;
    }

    /**
     * Makes the next request, which is about to be sent.
     *
     * @param limits that hold
     * @param open how many connections the client has, by a look of now; more than one look may be needed
     * @param leaving whether the node leaves: nothing is asked for but what is used
     * @param numbers gives larger ones each time
     * @return {@code null} if there is nothing to ask for
     */
    ReservationRequest ask(
            ConnectionLimits limits,
            ToIntOpen open,
            boolean leaving,
            LongSupplier numbers,
            long nowNanos,
            long awakeNanos) {
        int limit = limits.limitFor(client);
        int free = limits.freeOf(limit);
        boolean inGrace = slice.isInGrace(nowNanos);
        askedInDemand = inDemand;
        inDemand = false;
        int used = open.of(client);
        int held = reservation.held(nowNanos);
        int needed = limit == 0 || leaving ? 0 : useful(needed(used, free, limit), free);
        int wanted = limit == 0 ? 0 : useful(wanted(used, held, free, limit), free);
        int had = held;
        if (leaving) {
            wanted = useful(Math.min(wanted, Math.min(used, held)), free);
        } else if (inGrace) {
            // What is open beyond what is free was held, even if another has taken all of it since.
            had = used > free ? Math.max(used, held) : held;
            wanted = Math.min(wanted, had);
        }
        small = limit == 0 || 4 * (long) used < free;
        note(nowNanos, awakeNanos);
        if (isIdle(wanted, held)) {
            waiting = false;
            failures = 0;
            lacking = 0;
            return null;
        }
        answered = false;
        excess = false;
        surplus = false;
        askedInGrace = inGrace;
        waiting = true;
        number = numbers.getAsLong();
        ReservationRequest request = reservation.ask(number, wanted, needed, free + 1, had, limit, nowNanos);
        if (wanted < held) {
            // What was admitted by what was held until now is not given back.
            int settled = useful(Math.min(open.of(client), held), free);
            if (settled > wanted) {
                number = numbers.getAsLong();
                request = reservation.ask(number, settled, needed, free + 1, settled, limit, nowNanos);
            }
        }
        return request;
    }

    /** Notes that there is a look at what is needed, whether there is anything to ask for or not. */
    private void note(long nowNanos, long awakeNanos) {
        sinceNanos = waiting || failures > 0 ? sinceNanos : awakeNanos;
        asked = true;
        askedNanos = nowNanos;
        losses = slice.losses();
    }

    /** {@return whether the client has so few connections that it needs no share, by the latest look} */
    boolean isSmall() {
        return small;
    }

    /** How many connections a client has open now. */
    interface ToIntOpen {

        int of(Cidr client);
    }

    /** {@return none if they could be had without a reservation} */
    private static int useful(int connections, int free) {
        return connections <= free ? 0 : connections;
    }

    /** What is open, and a margin that lets the client go on until there is an answer. */
    private static int needed(int open, int free, int limit) {
        return 4 * (long) open < free ? 0 : (int) Math.min(limit, (long) open + open / 8 + free / 4);
    }

    /**
     * While others lack nothing: twice what is open, and some more; less only if it is much less than what is held. Otherwise
     * what is needed.
     */
    private int wanted(int open, int held, int free, int limit) {
        if (4 * (long) open < free) {
            return 0;
        }
        if (lacking > 0) {
            return needed(open, free, limit);
        }
        boolean grows = ClusterLimits.usesHalf(open, Math.max(free, held));
        boolean shrinks = 4 * (long) open < held;
        return grows || shrinks || held == 0
                ? (int) Math.min(limit, 2 * (long) open + free / 2)
                : Math.min(limit, held);
    }

    /** Notes that a request was not answered. */
    void failed(ReservationRequest request) {
        if (request.number() == number) {
            waiting = false;
            failures = Math.min(failures + 1, 8);
        }
    }

    /** What an answer has come to. */
    enum Outcome {
        /** It was that to a request which was not the latest. */
        OVERTAKEN,
        MORE,
        NOTHING_MORE,
        AS_WANTED
    }

    /** Takes an answer. */
    Outcome answered(ReservationRequest request, Reservation answer, long nowNanos, long awakeNanos) {
        boolean knowing = !slice.isInGrace(nowNanos) || askedInGrace;
        Reservation usable = knowing ? answer : answer.atMost(request.held());
        if (!reservation.answered(request.number(), usable)) {
            // The engine answers. That to the latest may still be on its way.
            sinceNanos = awakeNanos;
            return Outcome.OVERTAKEN;
        }
        waiting = false;
        answered = true;
        away = false;
        failures = 0;
        excess = usable != answer;
        lacking = answer.lacking();
        freeNanos = answer.freeMillis() == 0
                ? 0
                : nowNanos - askedNanos + TimeUnit.MILLISECONDS.toNanos(answer.freeMillis()) + SURELY_NANOS;
        lacks = request.needed() > answer.connections();
        surplus = lacking > 0 && usable.connections() > request.needed();
        boolean nothingMore = answer.connections() <= request.held();
        boolean denied = nothingMore && answer.connections() < request.wanted();
        denials = denied || nothingMore && lacking > 0 ? askedInDemand ? denials + 1 : 0 : 0;
        if (denied) {
            return Outcome.NOTHING_MORE;
        }
        return usable.connections() > request.held() ? Outcome.MORE : Outcome.AS_WANTED;
    }
}
