package io.github.connlimit;

import java.time.Duration;

/**
 * The figures of one node of a cluster at about one moment. A total counts since the node joined.
 *
 * @param connected whether there is a connection to the Redis or Valkey, and all that it was asked for lately was done
 * @param sinceLastAnswer how long ago it did for the last time; how long ago the node joined, if it never did. Without clients
 *     that need a reservation, it is asked three times in a lease, and no less often than each 10 seconds
 * @param reservations for how many clients this node has a reservation, or wants one
 * @param reserved how many connections these reservations allow
 * @param requests total of requests for a reservation, renewals included
 * @param granted total of requests that gave the node more than it had
 * @param denied total of requests that gave it nothing more, though it wanted more
 * @param failed total of requests that were not answered in time, or with an error
 * @param away for how many clients {@link ConnectionLimits#onClusterError()} holds, because nothing was answered for a lease
 * @since 0.1.0
 */
public record ClusterSnapshot(
        boolean connected,
        Duration sinceLastAnswer,
        int reservations,
        long reserved,
        long requests,
        long granted,
        long denied,
        long failed,
        int away) {

    /** The figures of a limiter that is no node of a cluster. */
    public static final ClusterSnapshot NONE = new ClusterSnapshot(false, Duration.ZERO, 0, 0, 0, 0, 0, 0, 0);
}
