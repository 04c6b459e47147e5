package io.github.connlimit;

import java.time.Duration;

/**
 * Hears what a {@link ConnectionLimiter} did, for logs, metrics and tests. It is called outside any lock by the thread that
 * did it, which may be the server's only accept thread: an implementation must be thread-safe and quick. What it throws is
 * logged and changes nothing.
 *
 * <p>A count is what the client had at about the moment of the event. Other events may have come between.
 *
 * @since 0.1.0
 */
public interface LimiterListener {

    /**
     * A connection was admitted and counts from now on.
     *
     * @param client the client it counts for, this connection included
     */
    default void admitted(ClientUsage client) {}

    /**
     * A connection or a stream was refused, because its client was at a limit.
     *
     * @param client the client at its limit
     * @param reason which limit that was
     * @param dryRun whether it was reported only, and not done
     */
    default void refused(ClientUsage client, RefusalReason reason, boolean dryRun) {}

    /**
     * A connection was closed, because it was past its deadline.
     *
     * @param client the client it counts for, perhaps this connection included
     * @param phase what it had to do
     * @param timeout how long it had for that
     * @param dryRun whether it was reported only, and not done
     */
    default void timedOut(ClientUsage client, ConnectionPhase phase, Duration timeout, boolean dryRun) {}

    /**
     * An admitted connection was closed, or its permit given back, and counts no longer.
     *
     * @param client the client it counted for, without this connection
     */
    default void closed(ClientUsage client) {}
}
