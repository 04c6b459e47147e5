package io.github.connlimit;

import java.io.IOException;
import java.net.InetAddress;

/**
 * Ends a connection that exceeds the limit of its client, in place of {@link Refusal}.
 *
 * <p>It is called on the server's accept thread, perhaps on several at once: it must be thread-safe and must not block.
 * The connection is closed when it has returned or thrown. It may set {@code SO_LINGER} before, or write a few bytes that
 * fit into an empty send buffer. What it throws is logged and changes nothing.
 *
 * @param <C> what the server has of a connection: a {@link java.net.Socket} or a
 *     {@link java.nio.channels.NetworkChannel}
 * @since 0.1.0
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
