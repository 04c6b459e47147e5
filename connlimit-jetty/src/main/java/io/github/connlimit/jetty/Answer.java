package io.github.connlimit.jetty;

import io.github.connlimit.Refusal;
import java.io.IOException;
import java.nio.ByteBuffer;
import javax.net.ssl.SSLEngine;

/** What a refused client is told, and when. Not thread-safe; used by one thread at a time. */
interface Answer {

    /**
     * Decides whether it is time to answer.
     *
     * @param received what the client has sent since the last call; empty at first
     * @return all that is to be sent, or {@code null} if the client has to send more first
     * @throws IOException if the client violates the protocol
     */
    ByteBuffer to(ByteBuffer received) throws IOException;

    /** In clear text: HTTP/1.1, at once. */
    static Answer ofHttp1() {
        return received -> Refusal.httpResponse();
    }

    /** Over TLS: answers the first request, in the protocol that the handshake has agreed on. */
    static Answer ofTls(SSLEngine engine) {
        Http2Answer http2 = new Http2Answer();
        return received -> {
            if (!received.hasRemaining()) {
                return null;
            }
            return "h2".equals(engine.getApplicationProtocol()) ? http2.to(received) : Refusal.httpResponse();
        };
    }
}
