package io.github.connlimit.jetty;

import io.github.connlimit.Rejection;
import java.io.IOException;
import java.nio.ByteBuffer;

/** What a refused client is told, and when. Not thread-safe; used by one thread at a time. */
interface Answer {

    /**
     * Takes what the client has sent since the last call.
     *
     * @param received empty at first, and whenever there may be something to be said unasked; consumed
     * @return what is to be sent now, perhaps nothing
     * @throws IOException if the client violates the protocol
     */
    ByteBuffer to(ByteBuffer received) throws IOException;

    /** {@return whether all has been said} */
    boolean isComplete();

    /** In clear text: HTTP/1.1, at once. */
    static Answer ofHttp1(Rejection rejection) {
        return new Answer() {

            private boolean complete;

            @Override
            public ByteBuffer to(ByteBuffer received) {
                complete = true;
                return rejection.httpResponse(true);
            }

            @Override
            public boolean isComplete() {
                return complete;
            }
        };
    }
}
