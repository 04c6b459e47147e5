package io.github.connlimit;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/**
 * Whose limit a rejected connection or request meets, and what HTTP says to that; for adapters. It never tells a limit, a
 * count or an address.
 *
 * @since 0.1.0
 */
public enum Rejection {

    /** The client has as much as it may have: status 429 (RFC 6585 section 4). */
    CLIENT_LIMIT(429, "Too Many Requests", "client connection limit reached\n"),

    /**
     * The server has as many connections as it may have ({@link ConnectionLimits#maxTotal()}), or could not decide: status
     * 503. It is no fault of the client's.
     */
    SERVER_LIMIT(503, "Service Unavailable", "server connection limit reached\n");

    private final int status;
    private final String text;
    private final byte[] http1;
    private final int headLength;

    Rejection(int status, String reason, String text) {
        this.status = status;
        this.text = text;
        String head = "HTTP/1.1 " + status + ' ' + reason + "\r\nRetry-After: " + RETRY_AFTER_SECONDS
                + "\r\nContent-Type: " + CONTENT_TYPE + "\r\nContent-Length: " + text.length()
                + "\r\nConnection: close\r\n\r\n";
        this.http1 = (head + text).getBytes(StandardCharsets.US_ASCII);
        this.headLength = head.length();
    }

    /** The value of {@code Retry-After}. */
    public static final String RETRY_AFTER_SECONDS = "1";

    /** The value of {@code Content-Type}. */
    public static final String CONTENT_TYPE = "text/plain;charset=utf-8";

    static Rejection of(RefusalReason reason) {
        return reason == RefusalReason.TOTAL ? SERVER_LIMIT : CLIENT_LIMIT;
    }

    /** {@return the HTTP status} */
    public int status() {
        return status;
    }

    /** {@return the body of the answer: one line of ASCII} */
    public String text() {
        return text;
    }

    /**
     * The whole HTTP/1.1 answer, after which the connection is closed.
     *
     * @param body whether it has its body, which the answer to a HEAD request has not
     * @return a read-only buffer of the caller's own, from the first to the last byte of the answer
     */
    public ByteBuffer httpResponse(boolean body) {
        return ByteBuffer.wrap(http1, 0, body ? http1.length : headLength).asReadOnlyBuffer();
    }
}
