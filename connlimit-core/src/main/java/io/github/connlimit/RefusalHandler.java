package io.github.connlimit;

import java.io.IOException;
import java.net.InetAddress;

/**
 * Says goodbye, in a way of its own, to a connection that exceeds the limit of its client; in place of {@link Refusal}.
 *
 * <p>Called on the server's accept thread, perhaps on several at once: it must be thread-safe and must not block. When
 * it has returned or thrown, the connection is closed, so there is nothing it has to close; it may well have set
 * {@code SO_LINGER} or written a few bytes that fit into an empty send buffer. What it throws is logged, not more.
 *
 * @param <C> what the server has of a connection: a {@link java.net.Socket} or a
 *     {@link java.nio.channels.NetworkChannel}
 */
@FunctionalInterface
public interface RefusalHandler<C> {

    /**
     * Called before the refused connection is closed.
     *
     * @param connection the refused connection, open
     * @param peer its remote address
     * @throws IOException for the caller to log
     */
    void refuse(C connection, InetAddress peer) throws IOException;
}
