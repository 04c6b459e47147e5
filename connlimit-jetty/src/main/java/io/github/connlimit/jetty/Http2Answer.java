package io.github.connlimit.jetty;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/**
 * Answers the first request of an HTTP/2 connection by status 429 and GOAWAY: too little
 * to set up a session for, which is work that a refused client should not be able to cause. Of what the client sends, it looks
 * at the frame heads only, until the first HEADERS, which tells the number of the stream (RFC 9113).
 */
final class Http2Answer implements Answer {

    private static final byte[] TEXT = "client connection limit reached\n".getBytes(StandardCharsets.US_ASCII);

    private static final int PREFACE_LENGTH = 24;
    private static final int FRAME_HEAD_LENGTH = 9;

    /** Of the client, since no other has been agreed on. */
    private static final int MOST_FRAME_LENGTH = 1 << 14;

    private static final int DATA = 0;
    private static final int HEADERS = 1;
    private static final int SETTINGS = 4;
    private static final int GOAWAY = 7;

    private static final int ACK = 1;
    private static final int END_STREAM = 1;
    private static final int END_HEADERS = 4;

    /** Indexes of the static table of HPACK (RFC 7541). */
    private static final int STATUS = 8;

    private static final int CONTENT_LENGTH = 28;
    private static final int CONTENT_TYPE = 31;
    private static final int RETRY_AFTER = 53;

    /** How many bytes to skip before the next frame head. */
    private int toSkip = PREFACE_LENGTH;

    private final ByteBuffer head = ByteBuffer.allocate(FRAME_HEAD_LENGTH);

    @Override
    public ByteBuffer to(ByteBuffer said) throws IOException {
        while (said.hasRemaining()) {
            if (toSkip > 0) {
                int skipped = Math.min(toSkip, said.remaining());
                said.position(said.position() + skipped);
                toSkip -= skipped;
                continue;
            }
            head.put(said.get());
            if (!head.hasRemaining()) {
                head.flip();
                int lengthAndType = head.getInt();
                head.get();
                int stream = head.getInt() & Integer.MAX_VALUE;
                head.clear();
                toSkip = lengthAndType >>> 8;
                if (toSkip > MOST_FRAME_LENGTH) {
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
        // The last stream that is dealt with, and no error: what the client has sent on others it may send again.
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
        byte[] head = ByteBuffer.allocate(FRAME_HEAD_LENGTH)
                .putInt(payload.length << 8 | type)
                .put((byte) flags)
                .putInt(stream)
                .array();
        to.writeBytes(head);
        to.writeBytes(payload);
    }

    /** A literal value without indexing, of a name in the static table: a number with a prefix of 4 bits, and a text. */
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
