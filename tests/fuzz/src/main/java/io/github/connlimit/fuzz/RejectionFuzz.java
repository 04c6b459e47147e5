package io.github.connlimit.fuzz;

import io.github.connlimit.Http1Rejection;
import io.github.connlimit.Http2Rejection;
import io.github.connlimit.Rejection;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * Has rejected connections send any bytes: the answer is the same however they are cut into pieces, it is bounded, and what
 * speaks HTTP/2 gets whole frames of the kinds that belong there.
 */
public final class RejectionFuzz {

    private static final int FRAME_HEADER_BYTES = 9;
    private static final int DATA = 0;
    private static final int HEADERS = 1;
    private static final int SETTINGS = 4;

    /** More requests than that end the connection. */
    private static final int MOST_REQUESTS = 100;

    /** What an end of the connection in place of an answer is told apart by. */
    private static final byte[] ENDED = {-1};

    private interface Answering {

        ByteBuffer received(ByteBuffer bytes) throws IOException;
    }

    private RejectionFuzz() {}

    /** Called by Jazzer again and again. */
    public static void fuzzerTestOneInput(byte[] input) {
        if (input.length < 2) {
            return;
        }
        int piece = 1 + Byte.toUnsignedInt(input[0]);
        Rejection rejection = input[1] % 2 == 0 ? Rejection.CLIENT_LIMIT : Rejection.SERVER_LIMIT;
        byte[] sent = Arrays.copyOfRange(input, 2, input.length);

        byte[] http1 = answer(new Http1Rejection(rejection)::received, sent, sent.length);
        require(Arrays.equals(http1, answer(new Http1Rejection(rejection)::received, sent, piece)), "HTTP/1 in pieces");
        require(
                http1.length == 0
                        || http1.length == rejection.httpResponse(true).remaining()
                        || http1.length == rejection.httpResponse(false).remaining(),
                "not one answer");

        byte[] http2 = answer(new Http2Rejection(rejection)::received, sent, sent.length);
        require(Arrays.equals(http2, answer(new Http2Rejection(rejection)::received, sent, piece)), "HTTP/2 in pieces");
        if (http2 != ENDED) {
            requireFrames(ByteBuffer.wrap(http2));
        }
    }

    private static byte[] answer(Answering answering, byte[] sent, int piece) {
        ByteArrayOutputStream answer = new ByteArrayOutputStream();
        try {
            for (int from = 0; from < sent.length; from += piece) {
                ByteBuffer next = ByteBuffer.wrap(sent, from, Math.min(piece, sent.length - from));
                ByteBuffer said = answering.received(next);
                require(!next.hasRemaining(), "not all was taken");
                while (said.hasRemaining()) {
                    answer.write(said.get());
                }
            }
        } catch (IOException violation) {
            return ENDED;
        }
        return answer.toByteArray();
    }

    private static void requireFrames(ByteBuffer answer) {
        int requests = 0;
        while (answer.hasRemaining()) {
            require(answer.remaining() >= FRAME_HEADER_BYTES, "half a frame header");
            int lengthAndType = answer.getInt();
            int length = lengthAndType >>> Byte.SIZE;
            int type = lengthAndType & 0xff;
            answer.position(answer.position() + FRAME_HEADER_BYTES - Integer.BYTES);
            require(answer.remaining() >= length, "half a frame");
            answer.position(answer.position() + length);
            require(type == DATA || type == HEADERS || type == SETTINGS && length == 0, "a frame of type " + type);
            requests += type == HEADERS ? 1 : 0;
        }
        require(requests <= MOST_REQUESTS, requests + " answers");
    }

    private static void require(boolean holds, String text) {
        if (!holds) {
            throw new AssertionError(text);
        }
    }
}
