package io.github.connlimit.cluster;

/**
 * What a node holds for one client, by the requests that it sends and the answers that it gets. It never holds more than
 * the engine has for it, whatever becomes of requests and answers on their way: what it wants to give back it has ceased to
 * use before it says so, an answer counts only if it is that to the latest request, and its lease has begun when that was
 * sent. All times are in nanoseconds, of one clock of the node. {@link #held} may be called by any thread; all else by one
 * at a time.
 */
final class HeldReservation {

    private static final Held NOTHING = new Held(0, 0);

    private final String node;
    private final String client;
    private final int slice;
    private final long leaseNanos;
    private long latestNumber;
    private long latestSentNanos;
    private volatile Held held = NOTHING;

    private record Held(int connections, long endNanos) {}

    HeldReservation(String node, String client, long leaseNanos) {
        this.node = node;
        this.client = client;
        this.slice = ReservationStore.slice(client);
        this.leaseNanos = leaseNanos;
    }

    /** {@return so many connections at once, 0 if the lease has ended} */
    int held(long nowNanos) {
        Held now = held;
        return now.connections > 0 && nowNanos - now.endNanos < 0 ? now.connections : 0;
    }

    /** {@return the slice of the client} */
    int slice() {
        return slice;
    }

    /**
     * Makes the next request, which is about to be sent. What is held beyond what is wanted is not from now on, and
     * nothing is held if that would be of no use.
     *
     * @param number larger than that of each earlier request of this node
     * @param needed what is missed if it is not granted
     * @param least fewer are of no use
     * @param had what the node holds, or held before the engine gave it to another: it has it back at once, if there is so
     *     much left
     */
    ReservationRequest ask(long number, int wanted, int needed, int least, int had, int limit, long nowNanos) {
        int connections = Math.min(held(nowNanos), wanted);
        held = new Held(connections < least ? 0 : connections, held.endNanos);
        latestNumber = number;
        latestSentNanos = nowNanos;
        return new ReservationRequest(
                slice, node, client, number, wanted, Math.min(needed, wanted), least, Math.min(had, wanted), limit);
    }

    /**
     * Takes the answer to a request; that to any other than the latest changes nothing.
     *
     * @return whether it was that
     */
    boolean answered(long number, Reservation answer) {
        if (number != latestNumber || answer.isLate()) {
            return false;
        }
        held = new Held(answer.connections(), latestSentNanos + leaseNanos);
        return true;
    }
}
