package io.github.connlimit;

/**
 * How a connection that exceeds the limit of its client is ended.
 *
 * @since 0.1.0
 */
public enum Refusal {

    /**
     * TCP RST: the client sees "connection reset", and nothing of the connection stays behind in the kernel. Java's
     * {@code AsynchronousSocketChannel} has no {@code SO_LINGER}: there it is as {@link #CLOSE}.
     */
    RESET,

    /**
     * TCP FIN: the client sees the end of the stream, or a reset if it has sent something already. The server's kernel
     * keeps each refused connection in TIME_WAIT for a while.
     */
    CLOSE,

    /**
     * HTTP status 429, or 503 if the server is full, then the end; on TLS after the handshake, in HTTP/1.1 or HTTP/2 as the
     * client asked for. See {@link Rejection}. Only where HTTP is spoken, and within bounds ({@link ConnectionLimits#respondMaxOpen()}, and on TLS
     * {@link ConnectionLimits#respondRate()}); {@link #RESET} elsewhere and beyond.
     */
    RESPOND,

    /**
     * Nothing, for {@link ConnectionLimits#tarpitTime()}, and then as {@link #RESET}: the connection stays open, unread and
     * unanswered, so that a client that comes again and again comes less often. Costs the server a descriptor for that
     * time, and no thread. Within bounds ({@link ConnectionLimits#tarpitMaxOpen()}, of which one client gets half, and
     * never when descriptors are short); {@link #RESET} beyond, and where a connection cannot be held.
     */
    TARPIT
}
