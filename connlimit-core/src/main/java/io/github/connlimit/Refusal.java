package io.github.connlimit;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

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
     * HTTP status 429, then the end; on TLS after the handshake, in HTTP/1.1 or HTTP/2 as the client asked for. Only
     * where HTTP is spoken, and within bounds ({@link ConnectionLimits#respondMaxOpen()}, and on TLS
     * {@link ConnectionLimits#respondRate()}); {@link #RESET} elsewhere and beyond.
     */
    RESPOND,

    /**
     * Nothing, for {@link ConnectionLimits#tarpitTime()}, and then as {@link #RESET}: the connection stays open, unread and
     * unanswered, so that a client that comes again and again comes less often. Costs the server a descriptor for that
     * time, and no thread. Within bounds ({@link ConnectionLimits#tarpitMaxOpen()}, of which one client gets half, and
     * never when descriptors are short); {@link #RESET} beyond, and where a connection cannot be held.
     */
    TARPIT;

    private static final byte[] HTTP_RESPONSE = """
            HTTP/1.1 429 Too Many Requests\r
            Retry-After: 1\r
            Content-Type: text/plain;charset=utf-8\r
            Content-Length: 32\r
            Connection: close\r
            \r
            client connection limit reached
            """.getBytes(StandardCharsets.US_ASCII);

    /**
     * The HTTP/1.1 response that {@link #RESPOND} sends, for adapters: status 429 (RFC 6585 section 4) with the same
     * words as {@link ConnectionLimitExceededException}.
     *
     * @return a read-only buffer of the caller's own, from the first to the last byte of the response
     */
    public static ByteBuffer httpResponse() {
        return ByteBuffer.wrap(HTTP_RESPONSE).asReadOnlyBuffer();
    }
}
