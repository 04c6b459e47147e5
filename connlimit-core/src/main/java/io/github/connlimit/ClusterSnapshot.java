package io.github.connlimit;

import java.time.Duration;

/**
 * The figures of one node of a cluster at about one moment. A total counts since the node joined.
 *
 * @param connected whether the Redis or Valkey answers
 * @param sinceLastAnswer how long ago it did for the last time; how long ago the node joined, if it never did. Without clients
 *     that need a reservation, it is not asked
 * @param reservations for how many clients this node has a reservation, or wants one
 * @param reserved how many connections these reservations allow
 * @param requests total of requests for a reservation, renewals included
 * @param granted total of requests that gave the node more than it had
 * @param denied total of requests that gave it nothing more, though it wanted more
 * @since 0.1.0
 */
public record ClusterSnapshot(
        boolean connected,
        Duration sinceLastAnswer,
        int reservations,
        long reserved,
        long requests,
        long granted,
        long denied) {

    /** The figures of a limiter that is no node of a cluster. */
    public static final ClusterSnapshot NONE = new ClusterSnapshot(false, Duration.ZERO, 0, 0, 0, 0, 0);
}
