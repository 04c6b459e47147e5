package io.github.connlimit.jetty;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/**
 * Answers the first request of an HTTP/2 connection (RFC 9113) with status 429 and GOAWAY. It does so without a Jetty
 * session, whose cost a refused client should not be able to cause. It reads frame headers only, until the first HEADERS
 * frame, which carries the stream's number.
 */
final class Http2Answer implements Answer {

    private static final byte[] TEXT = "client connection limit reached\n".getBytes(StandardCharsets.US_ASCII);

    private static final int PREFACE_LENGTH = 24;
    private static final int FRAME_HEADER_LENGTH = 9;

    /** What a client may send: no other length has been agreed on. */
    private static final int MAX_FRAME_LENGTH = 1 << 14;

    private static final int DATA = 0;
    private static final int HEADERS = 1;
    private static final int SETTINGS = 4;
    private static final int GOAWAY = 7;

    private static final int ACK = 1;
    private static final int END_STREAM = 1;
    private static final int END_HEADERS = 4;

    /** Indexes of names in the static table of HPACK (RFC 7541, appendix A). */
    private static final int STATUS = 8;

    private static final int CONTENT_LENGTH = 28;
    private static final int CONTENT_TYPE = 31;
    private static final int RETRY_AFTER = 53;

    /** How many bytes to skip before the next frame header. */
    private int toSkip = PREFACE_LENGTH;

    private final ByteBuffer header = ByteBuffer.allocate(FRAME_HEADER_LENGTH);

    @Override
    public ByteBuffer to(ByteBuffer received) throws IOException {
        while (received.hasRemaining()) {
            if (toSkip > 0) {
                int skipped = Math.min(toSkip, received.remaining());
                received.position(received.position() + skipped);
                toSkip -= skipped;
                continue;
            }
            header.put(received.get());
            if (!header.hasRemaining()) {
                header.flip();
                int lengthAndType = header.getInt();
                header.get();
                int stream = header.getInt() & Integer.MAX_VALUE;
                header.clear();
                toSkip = lengthAndType >>> 8;
                if (toSkip > MAX_FRAME_LENGTH) {
                    throw new IOException("an HTTP/2 frame of " + toSkip + " bytes");
                }
                if ((lengthAndType & 0xff) == HEADERS) {
                    return frames(stream);
                }
            }
        }
        return null;
    }

    private static ByteBuffer frames(int stream) {
        ByteArrayOutputStream fields = new ByteArrayOutputStream();
        field(fields, STATUS, "429");
        field(fields, RETRY_AFTER, "1");
        field(fields, CONTENT_TYPE, "text/plain;charset=utf-8");
        field(fields, CONTENT_LENGTH, Integer.toString(TEXT.length));
        // The last stream that is answered, and no error: the client may retry its later requests.
        byte[] goAway = ByteBuffer.allocate(8).putInt(stream).putInt(0).array();
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        frame(all, SETTINGS, 0, 0, new byte[0]);
        frame(all, SETTINGS, ACK, 0, new byte[0]);
        frame(all, HEADERS, END_HEADERS, stream, fields.toByteArray());
        frame(all, DATA, END_STREAM, stream, TEXT);
        frame(all, GOAWAY, 0, 0, goAway);
        return ByteBuffer.wrap(all.toByteArray());
    }

    private static void frame(ByteArrayOutputStream to, int type, int flags, int stream, byte[] payload) {
        byte[] header = ByteBuffer.allocate(FRAME_HEADER_LENGTH)
                .putInt(payload.length << 8 | type)
                .put((byte) flags)
                .putInt(stream)
                .array();
        to.writeBytes(header);
        to.writeBytes(payload);
    }

    /** A literal field without indexing: the name's index in the static table, with a prefix of 4 bits, and the value. */
    private static void field(ByteArrayOutputStream to, int name, String value) {
        if (name < 15) {
            to.write(name);
        } else {
            to.write(15);
            to.write(name - 15);
        }
        to.write(value.length());
        to.writeBytes(value.getBytes(StandardCharsets.US_ASCII));
    }
}
