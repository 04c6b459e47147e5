package io.github.connlimit;

import java.net.InetAddress;

/**
 * Hears what a {@link ConnectionLimiter} did, for logs, metrics and tests. Called outside any lock by the thread that
 * did it, which may be the server's only accept thread: an implementation must be thread-safe and quick. What it throws
 * is logged and changes nothing.
 *
 * <p>A count is what the client had at about the moment of the event; under concurrency other events may have come
 * between.
 */
public interface LimiterListener {

    /**
     * A connection was admitted and counts from now on.
     *
     * @param peer the address it came from
     * @param client the client it counts for, this connection included
     */
    default void admitted(InetAddress peer, ClientUsage client) {}

    /**
     * A connection was refused, since its client had as many as it may have.
     *
     * @param peer the address it came from
     * @param client the client at its limit
     */
    default void refused(InetAddress peer, ClientUsage client) {}

    /**
     * An admitted connection was closed, or what stands for it given back, and counts no longer.
     *
     * @param client the client it counted for, without this connection
     */
    default void closed(ClientUsage client) {}
}
