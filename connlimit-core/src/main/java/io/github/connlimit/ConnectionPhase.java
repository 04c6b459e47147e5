package io.github.connlimit;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/**
 * What an admitted connection has to do in time. Each phase has a deadline.
 *
 * @since 0.1.0
 */
public enum ConnectionPhase {

    /** To complete its TLS handshake, a PROXY protocol header before it included; begins when it is accepted. */
    HANDSHAKE,

    /** To send the first byte of a request; begins after the handshake or, without one, when it is accepted. */
    FIRST_BYTE,

    /** To send the rest of a request's header; begins with the first byte of it. Only this phase comes again and again. */
    HEADER;

    private static final byte[] TIMEOUT_RESPONSE = """
            HTTP/1.1 408 Request Timeout\r
            Content-Length: 0\r
            Connection: close\r
            \r
            """.getBytes(StandardCharsets.US_ASCII);

    /**
     * The HTTP/1.1 response that ends a connection in {@link #HEADER}, for adapters: status 408 (RFC 9110 section 15.5.9).
     *
     * @return a read-only buffer of the caller's own, from the first to the last byte of the response
     */
    public static ByteBuffer timeoutResponse() {
        return ByteBuffer.wrap(TIMEOUT_RESPONSE).asReadOnlyBuffer();
    }
}
