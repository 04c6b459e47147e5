package io.github.connlimit.jetty;

import io.github.connlimit.Http1Rejection;
import io.github.connlimit.Http2Rejection;
import io.github.connlimit.Rejection;
import java.io.IOException;
import java.nio.ByteBuffer;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLEngineResult.HandshakeStatus;

/** Answers the first request over TLS, in the protocol that the handshake has agreed on. Not thread-safe. */
final class TlsAnswer implements Answer {

    private final SSLEngine engine;
    private final Http1Rejection http1;
    private final Http2Rejection http2;

    /** Whether HTTP/2 is spoken, and the client has been told first what it may wait for. */
    private boolean greeted;

    TlsAnswer(SSLEngine engine, Rejection rejection) {
        this.engine = engine;
        this.http1 = new Http1Rejection(rejection);
        this.http2 = new Http2Rejection(rejection);
    }

    @Override
    public ByteBuffer to(ByteBuffer received) throws IOException {
        if (!isHttp2(received)) {
            return http1.received(received);
        }
        ByteBuffer greeting = greeted ? ByteBuffer.allocate(0) : Http2Rejection.greeting();
        greeted = true;
        ByteBuffer answer = http2.received(received);
        ByteBuffer last = http2.isAnswered() ? http2.goAway() : ByteBuffer.allocate(0);
        return ByteBuffer.allocate(greeting.remaining() + answer.remaining() + last.remaining())
                .put(greeting)
                .put(answer)
                .put(last)
                .flip();
    }

    private boolean isHttp2(ByteBuffer received) {
        boolean agreed = received.hasRemaining() || engine.getHandshakeStatus() == HandshakeStatus.NOT_HANDSHAKING;
        return agreed && "h2".equals(engine.getApplicationProtocol());
    }

    @Override
    public boolean isComplete() {
        return http1.isAnswered() || http2.isAnswered();
    }
}
