package io.github.connlimit.jetty;

import io.github.connlimit.Refusal;
import java.io.IOException;
import java.nio.ByteBuffer;
import javax.net.ssl.SSLEngine;

/** What a refused client is told, and when. Used by one thread at a time. */
interface Answer {

    /**
     * Finds out whether it is time to answer.
     *
     * @param said what the client has said since the last call; nothing at first
     * @return all that is to be sent, or {@code null} if the client has to say more first
     * @throws IOException if the client makes no sense
     */
    ByteBuffer to(ByteBuffer said) throws IOException;

    /** In clear text: at once. */
    static Answer ofHttp1() {
        return said -> Refusal.httpResponse();
    }

    /** By the protocol that the handshake has agreed on, to the first request. */
    static Answer ofTls(SSLEngine engine) {
        Http2Answer http2 = new Http2Answer();
        return said -> {
            if (!said.hasRemaining()) {
                return null;
            }
            return "h2".equals(engine.getApplicationProtocol()) ? http2.to(said) : Refusal.httpResponse();
        };
    }
}
