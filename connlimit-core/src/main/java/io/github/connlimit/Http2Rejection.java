package io.github.connlimit;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Objects;

/**
 * As much of HTTP/2 (RFC 9113) as it takes to answer the requests of a rejected connection, for adapters. What it writes
 * needs no dynamic table, so there is no state of HPACK (RFC 7541) to keep. This class is not thread-safe.
 *
 * @since 0.1.0
 */
public final class Http2Rejection {

    /** How many requests are answered; no client needs to send more before it has read an answer. */
    private static final int MAX_REQUESTS = 100;

    private static final int PREFACE_BYTES = 24;
    private static final int FRAME_HEADER_BYTES = 9;

    /** What a client may send: no other length has been agreed on. */
    private static final int MAX_FRAME_BYTES = 1 << 14;

    /** How much of a header block is looked at: the method comes before all but a few short fields. */
    private static final int MAX_BLOCK_BYTES = 256;

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

    private final Rejection rejection;
    private final ByteBuffer header = ByteBuffer.allocate(FRAME_HEADER_BYTES);

    /** How many bytes still to skip before the next frame header. */
    private int skip = PREFACE_BYTES;

    /** What is looked at of the header block of a request, or {@code null} if none is being read. */
    private ByteBuffer block;

    private int blockFlags;
    private int lastStream;
    private int requests;

    /**
     * Begins with nothing received.
     *
     * @param rejection what to answer
     */
    public Http2Rejection(Rejection rejection) {
        this.rejection = Objects.requireNonNull(rejection, "rejection");
    }

    /**
     * What the server says first, as soon as the protocol has been agreed on: some clients wait for it.
     *
     * @return a buffer of the caller's own
     */
    public static ByteBuffer greeting() {
        return frame(SETTINGS, 0, 0, new byte[0]);
    }

    /**
     * What the server says last: which requests were answered. It is no error, so the client may try the others again.
     *
     * @return a buffer of the caller's own
     */
    public ByteBuffer goAway() {
        return frame(GOAWAY, 0, 0, ByteBuffer.allocate(8).putInt(lastStream).array());
    }

    /** {@return whether a request has been answered} */
    public boolean isAnswered() {
        return requests > 0;
    }

    /**
     * Takes what the client has sent.
     *
     * @param received what has been read; consumed
     * @return what to send, perhaps nothing
     * @throws IOException if the client violates the protocol, or sends too many requests
     */
    public ByteBuffer received(ByteBuffer received) throws IOException {
        ByteBuffer answer = ByteBuffer.allocate(0);
        while (received.hasRemaining()) {
            if (block != null) {
                copy(received, block);
                if (!block.hasRemaining()) {
                    answer = join(answer, response(new HeaderBlock(block.flip(), blockFlags).isKnownToHaveBody()));
                    block = null;
                }
            } else if (skip > 0) {
                int skipped = Math.min(skip, received.remaining());
                received.position(received.position() + skipped);
                skip -= skipped;
            } else {
                header.put(received.get());
                if (!header.hasRemaining()) {
                    answer = join(answer, frameBegun());
                }
            }
        }
        return answer;
    }

    private static void copy(ByteBuffer from, ByteBuffer to) {
        int count = Math.min(from.remaining(), to.remaining());
        to.put(from.slice(from.position(), count));
        from.position(from.position() + count);
    }

    private ByteBuffer frameBegun() throws IOException {
        header.flip();
        int lengthAndType = header.getInt();
        int flags = header.get();
        int stream = header.getInt() & Integer.MAX_VALUE;
        header.clear();
        int length = lengthAndType >>> Byte.SIZE;
        int type = lengthAndType & 0xff;
        if (length > MAX_FRAME_BYTES) {
            throw new IOException("an HTTP/2 frame of " + length + " bytes");
        }
        skip = length;
        // On a stream that was answered already, these are trailers.
        if (type == HEADERS && stream > lastStream) {
            lastStream = stream;
            requests++;
            if (requests > MAX_REQUESTS) {
                throw new IOException("too many requests on a rejected connection");
            }
            int looked = Math.min(length, MAX_BLOCK_BYTES);
            if (looked == 0) {
                return response(false);
            }
            skip = length - looked;
            block = ByteBuffer.allocate(looked);
            blockFlags = flags;
        }
        return type == SETTINGS && (flags & ACK) == 0 ? frame(SETTINGS, ACK, 0, new byte[0]) : ByteBuffer.allocate(0);
    }

    /** To the request on the last stream. */
    private ByteBuffer response(boolean body) {
        byte[] text = rejection.text().getBytes(StandardCharsets.US_ASCII);
        ByteBuffer fields = ByteBuffer.allocate(256);
        // "No dynamic table", which is right whatever the client has set.
        fields.put((byte) 0x20);
        field(fields, STATUS, Integer.toString(rejection.status()));
        field(fields, RETRY_AFTER, Rejection.RETRY_AFTER_SECONDS);
        field(fields, CONTENT_TYPE, Rejection.CONTENT_TYPE);
        if (body) {
            field(fields, CONTENT_LENGTH, Integer.toString(text.length));
        }
        byte[] bytes = Arrays.copyOf(fields.array(), fields.position());
        return body
                ? join(frame(HEADERS, END_HEADERS, lastStream, bytes), frame(DATA, END_STREAM, lastStream, text))
                : frame(HEADERS, END_HEADERS | END_STREAM, lastStream, bytes);
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

    /** The beginning of a request's header block. */
    private static final class HeaderBlock {

        private static final int PADDED = 0x8;
        private static final int PRIORITY = 0x20;
        private static final int PRIORITY_BYTES = 5;

        /** The two entries of the static table with the name {@code :method}: GET and POST. */
        private static final int METHOD_GET = 2;

        private static final int METHOD_POST = 3;
        private static final int STATIC_ENTRIES = 61;

        private static final byte[] HEAD = "HEAD".getBytes(StandardCharsets.US_ASCII);

        /** As the Huffman code of HPACK writes it. */
        private static final byte[] HEAD_CODED = {(byte) 0xc7, (byte) 0x82, 0x1b, (byte) 0xff};

        private final ByteBuffer bytes;

        HeaderBlock(ByteBuffer bytes, int flags) {
            this.bytes = bytes;
            int before = ((flags & PADDED) == 0 ? 0 : 1) + ((flags & PRIORITY) == 0 ? 0 : PRIORITY_BYTES);
            bytes.position(Math.min(before, bytes.limit()));
        }

        /** {@return whether the answer may have a body: the method was found, and is not HEAD} */
        boolean isKnownToHaveBody() {
            try {
                while (bytes.hasRemaining()) {
                    Boolean known = nextField();
                    if (known != null) {
                        return known;
                    }
                }
            } catch (RuntimeException cutOffOrMalformed) {
                // Without a body, the answer is right in any case.
            }
            return false;
        }

        /** Reads one field; {@code null} if it says nothing of the method. */
        private Boolean nextField() {
            int first = bytes.get(bytes.position()) & 0xff;
            if ((first & 0x80) != 0) {
                int index = number(7);
                // What is in the dynamic table may be the method of an earlier request.
                return index > STATIC_ENTRIES ? Boolean.FALSE : isMethod(index) ? Boolean.TRUE : null;
            }
            if ((first & 0xe0) == 0x20) {
                number(5);
                return null;
            }
            int name = number((first & 0x40) != 0 ? 6 : 4);
            if (name == 0) {
                string();
            }
            byte[] value = string();
            return isMethod(name) ? !Arrays.equals(value, HEAD) && !Arrays.equals(value, HEAD_CODED) : null;
        }

        private static boolean isMethod(int index) {
            return index == METHOD_GET || index == METHOD_POST;
        }

        private byte[] string() {
            byte[] string = new byte[Math.min(number(7), MAX_BLOCK_BYTES)];
            bytes.get(string);
            return string;
        }

        /** An integer whose first byte has this many bits for it. */
        private int number(int bits) {
            int most = (1 << bits) - 1;
            int number = bytes.get() & most;
            if (number == most) {
                int shift = 0;
                int next;
                do {
                    next = bytes.get() & 0xff;
                    number = Math.addExact(number, Math.multiplyExact(next & 0x7f, 1 << shift));
                    shift += 7;
                } while ((next & 0x80) != 0 && shift < 21);
            }
            return number;
        }
    }
}
