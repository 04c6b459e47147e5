package io.github.connlimit.cluster;

/**
 * What a node holds for one client, by the requests that it sends and the answers that it gets. It never holds more than
 * the engine has for it, whatever becomes of requests and answers on their way: what it wants to give back it has ceased to
 * use before it says so, an answer counts only if it is that to the latest request, and its lease has begun when that was
 * sent. Not thread-safe. All times are in nanoseconds, of one clock of the node.
 */
final class HeldReservation {

    private final String node;
    private final String client;
    private final long leaseNanos;
    private int connections;
    private long endNanos;
    private long latestNumber;
    private long latestSentNanos;

    HeldReservation(String node, String client, long leaseNanos) {
        this.node = node;
        this.client = client;
        this.leaseNanos = leaseNanos;
    }

    /** {@return so many connections at once, 0 if the lease has ended} */
    int held(long nowNanos) {
        return connections > 0 && nowNanos - endNanos < 0 ? connections : 0;
    }

    /**
     * Makes the next request, which is about to be sent. What is held beyond what is wanted is not from now on.
     *
     * @param number larger than that of each earlier request of this node
     */
    ReservationRequest ask(long number, int wanted, int limit, long nowNanos) {
        connections = Math.min(held(nowNanos), wanted);
        latestNumber = number;
        latestSentNanos = nowNanos;
        return new ReservationRequest(node, client, number, wanted, connections, limit);
    }

    /** Takes the answer to a request; that to any other than the latest changes nothing. */
    void answered(long number, Reservation answer) {
        if (number == latestNumber && !answer.isLate()) {
            connections = answer.connections();
            endNanos = latestSentNanos + leaseNanos;
        }
    }
}
