package io.github.connlimit;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Objects;

/**
 * Answers the first HTTP/1.1 request of a rejected connection, for adapters that read before they answer: a HEAD request gets
 * no body. This class is not thread-safe.
 *
 * @since 0.1.0
 */
public final class Http1Rejection {

    private static final byte[] HEAD = "HEAD ".getBytes(StandardCharsets.US_ASCII);

    private final Rejection rejection;

    /** How much of {@link #HEAD} the request begins with. */
    private int matched;

    private boolean answered;

    /**
     * Begins with nothing received.
     *
     * @param rejection what to answer
     */
    public Http1Rejection(Rejection rejection) {
        this.rejection = Objects.requireNonNull(rejection, "rejection");
    }

    /**
     * Takes what the client has sent.
     *
     * @param received what has been read; consumed
     * @return what to send, perhaps nothing
     */
    public ByteBuffer received(ByteBuffer received) {
        while (!answered && received.hasRemaining()) {
            boolean head = received.get() == HEAD[matched];
            if (head && ++matched < HEAD.length) {
                continue;
            }
            answered = true;
            received.position(received.limit());
            return rejection.httpResponse(!head);
        }
        received.position(received.limit());
        return ByteBuffer.allocate(0);
    }

    /** {@return whether the answer has been given} */
    public boolean isAnswered() {
        return answered;
    }
}
