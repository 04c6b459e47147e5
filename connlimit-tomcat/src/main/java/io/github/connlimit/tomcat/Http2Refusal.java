package io.github.connlimit.tomcat;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/**
 * As much of HTTP/2 (RFC 9113) as it takes to answer each request with status 429. It reads no header block, and the one
 * it writes needs no dynamic table, so there is no state to keep. This class is not thread-safe.
 */
final class Http2Refusal {

    /** How many requests are answered; to send more before reading an answer is no client's need. */
    static final int MAX_REQUESTS = 100;

    private static final int PREFACE_BYTES = 24;
    private static final int FRAME_HEADER_BYTES = 9;
    private static final int DATA = 0;
    private static final int HEADERS = 1;
    private static final int SETTINGS = 4;
    private static final int GOAWAY = 7;
    private static final int ACK = 1;
    private static final int END_STREAM = 1;
    private static final int END_HEADERS = 4;

    /** Indexes of names in the static table of HPACK (RFC 7541 appendix A). */
    private static final int STATUS = 8;

    private static final int CONTENT_LENGTH = 28;
    private static final int CONTENT_TYPE = 31;
    private static final int RETRY_AFTER = 53;

    private final ByteBuffer header = ByteBuffer.allocate(FRAME_HEADER_BYTES);

    /** How many bytes still to skip before the next frame header. */
    private int skip = PREFACE_BYTES;

    private int lastStream;
    private int requests;

    /** What the server says first. */
    static ByteBuffer greeting() {
        return frame(SETTINGS, 0, 0, new byte[0]);
    }

    /** What the server says last. */
    ByteBuffer goAway() {
        return frame(GOAWAY, 0, 0, ByteBuffer.allocate(8).putInt(lastStream).array());
    }

    /**
     * Takes what has been read.
     *
     * @return what to answer, perhaps nothing; {@code null} if there were too many requests
     */
    ByteBuffer received(ByteBuffer bytes) {
        ByteBuffer answer = ByteBuffer.allocate(0);
        while (bytes.hasRemaining()) {
            int skipped = Math.min(skip, bytes.remaining());
            bytes.position(bytes.position() + skipped);
            skip -= skipped;
            while (skip == 0 && header.hasRemaining() && bytes.hasRemaining()) {
                header.put(bytes.get());
            }
            if (!header.hasRemaining()) {
                answer = join(answer, frameBegun());
                if (requests > MAX_REQUESTS) {
                    return null;
                }
            }
        }
        return answer;
    }

    private ByteBuffer frameBegun() {
        header.flip();
        int lengthAndType = header.getInt();
        int flags = header.get();
        int stream = header.getInt() & Integer.MAX_VALUE;
        header.clear();
        skip = lengthAndType >>> Byte.SIZE;
        int type = lengthAndType & 0xff;
        if (type == SETTINGS && (flags & ACK) == 0) {
            return frame(SETTINGS, ACK, 0, new byte[0]);
        }
        // On a stream that was answered already, these are trailers.
        if (type == HEADERS && stream > lastStream) {
            lastStream = stream;
            requests++;
            return response(stream);
        }
        return ByteBuffer.allocate(0);
    }

    private static ByteBuffer response(int stream) {
        byte[] body = ConnectionLimitValve.REFUSED.getBytes(StandardCharsets.US_ASCII);
        ByteBuffer block = ByteBuffer.allocate(256);
        // "No dynamic table", which is right whatever the client has set.
        block.put((byte) 0x20);
        field(block, STATUS, "429");
        field(block, RETRY_AFTER, "1");
        field(block, CONTENT_TYPE, "text/plain;charset=utf-8");
        field(block, CONTENT_LENGTH, Integer.toString(body.length));
        byte[] fields = new byte[block.position()];
        block.flip().get(fields);
        return join(frame(HEADERS, END_HEADERS, stream, fields), frame(DATA, END_STREAM, stream, body));
    }

    /** A literal field without indexing; neither number needs more than one byte after its prefix. */
    private static void field(ByteBuffer block, int name, String value) {
        int prefix = 15;
        if (name < prefix) {
            block.put((byte) name);
        } else {
            block.put((byte) prefix).put((byte) (name - prefix));
        }
        block.put((byte) value.length()).put(value.getBytes(StandardCharsets.US_ASCII));
    }

    private static ByteBuffer frame(int type, int flags, int stream, byte[] payload) {
        return ByteBuffer.allocate(FRAME_HEADER_BYTES + payload.length)
                .putInt(payload.length << Byte.SIZE | type)
                .put((byte) flags)
                .putInt(stream)
                .put(payload)
                .flip();
    }

    private static ByteBuffer join(ByteBuffer first, ByteBuffer second) {
        return first.hasRemaining()
                ? ByteBuffer.allocate(first.remaining() + second.remaining())
                        .put(first)
                        .put(second)
                        .flip()
                : second;
    }
}
