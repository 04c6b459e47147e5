package io.github.connlimit.it;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.Map;
import java.util.Set;

/** The client's end of an HTTP/2 connection (RFC 9113) that knows just enough to get short answers. Not thread-safe. */
final class Http2Connection {

    private static final int DATA = 0x0;
    private static final int HEADERS = 0x1;
    private static final int RST_STREAM = 0x3;
    private static final int SETTINGS = 0x4;
    private static final int PING = 0x6;
    private static final int GOAWAY = 0x7;

    private static final int ACK = 0x1;
    private static final int END_STREAM = 0x1;
    private static final int END_HEADERS = 0x4;
    private static final int PRIORITY = 0x20;

    /** The field {@code :status: 200}, by its index in the static table of HPACK (RFC 7541). */
    private static final int STATUS_200 = 0x88;

    /** What may come before the value of a field with the name {@code :status}, by its index there. */
    private static final Set<Integer> STATUS = Set.of(0x08, 0x18, 0x48);

    /** The value 429, in ASCII or in Huffman code; its length first. */
    private static final Set<String> TOO_MANY = Set.of("03343239", "83684fff");

    private final TestConnection connection;
    private final boolean tls;
    private final Map<Integer, StringBuilder> bodies = new HashMap<>();
    private final Set<Integer> refused = new HashSet<>();
    private final Set<Integer> ended = new HashSet<>();
    private int nextStream = 1;

    /** As the server has said when it went away; before that, less than 0. */
    private int lastStream = -1;

    /** Begins HTTP/2 without having asked whether the server knows it, or after ALPN has told. */
    Http2Connection(TestConnection connection, Transport transport) throws IOException {
        this.connection = connection;
        this.tls = transport == Transport.TLS;
        connection.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        writeFrame(SETTINGS, 0, 0, new byte[0]);
    }

    /** Goes on in HTTP/2 after an upgrade; the request that asked for it is that of stream 1. */
    static Http2Connection upgraded(TestConnection connection) throws IOException {
        Http2Connection upgraded = new Http2Connection(connection, Transport.PLAIN);
        upgraded.nextStream = 3;
        return upgraded;
    }

    /**
     * Sends a request.
     *
     * @return its stream
     */
    int request(String path) throws IOException {
        ByteArrayOutputStream fields = new ByteArrayOutputStream();
        // By index in the static table: ":method: GET", ":scheme: http" or "https", names of the other two.
        fields.write(0x82);
        fields.write(tls ? 0x87 : 0x86);
        fields.write(0x04);
        writeText(fields, path);
        fields.write(0x01);
        writeText(fields, "localhost");
        int stream = nextStream;
        nextStream += 2;
        writeFrame(HEADERS, END_HEADERS | END_STREAM, stream, fields.toByteArray());
        return stream;
    }

    private static void writeText(ByteArrayOutputStream fields, String text) {
        fields.write(text.length());
        fields.writeBytes(text.getBytes(StandardCharsets.US_ASCII));
    }

    /** Reads up to the end of a response, which has to be a success, and gives its body. */
    String response(int stream) throws IOException {
        String body = body(stream);
        if (refused.contains(stream)) {
            throw new IOException("status 429 on stream " + stream);
        }
        return body;
    }

    /** Reads up to the end of a response, which has to have status 429, and gives its body. */
    String refusal(int stream) throws IOException {
        String body = body(stream);
        if (!refused.contains(stream)) {
            throw new IOException("not status 429 on stream " + stream);
        }
        return body;
    }

    private String body(int stream) throws IOException {
        while (!ended.contains(stream)) {
            readFrame();
        }
        return bodies.get(stream).toString();
    }

    /**
     * Reads until the server says that it takes no more requests, which has to be without an error.
     *
     * @return the last stream that it has dealt with
     */
    int awaitGoAway() throws IOException {
        while (lastStream < 0) {
            readFrame();
        }
        return lastStream;
    }

    /** Sends a request and reads the response. */
    String get(String path) throws IOException {
        return response(request(path));
    }

    /** Tells the server that no more requests will come. */
    void goAway() throws IOException {
        writeFrame(GOAWAY, 0, 0, new byte[8]);
    }

    void writeFrame(int type, int flags, int stream, byte[] payload) throws IOException {
        ByteBuffer frame = ByteBuffer.allocate(9 + payload.length);
        frame.put((byte) (payload.length >>> 16)).putShort((short) payload.length);
        frame.put((byte) type).put((byte) flags).putInt(stream).put(payload);
        connection.write(frame.array());
    }

    private void readFrame() throws IOException {
        ByteBuffer header = ByteBuffer.wrap(connection.read(9));
        int length = Byte.toUnsignedInt(header.get()) << 16 | Short.toUnsignedInt(header.getShort());
        int type = header.get();
        int flags = header.get();
        int stream = header.getInt();
        byte[] payload = connection.read(length);
        switch (type) {
            case SETTINGS, PING -> {
                if ((flags & ACK) == 0) {
                    writeFrame(type, ACK, 0, type == PING ? payload : new byte[0]);
                }
            }
            case HEADERS -> readHeaders(stream, flags, payload);
            case DATA -> {
                if (!bodies.containsKey(stream)) {
                    throw new IOException("data without headers on stream " + stream);
                }
                bodies.get(stream).append(new String(payload, StandardCharsets.US_ASCII));
            }
            case RST_STREAM -> throw new IOException("stream " + stream + " was reset: " + code(payload, 0));
            case GOAWAY -> {
                if (code(payload, 4) != 0) {
                    throw new IOException("the server goes away: " + code(payload, 4));
                }
                lastStream = code(payload, 0);
            }
            default -> {
                // WINDOW_UPDATE, or what may be ignored.
            }
        }
        if ((type == HEADERS || type == DATA) && (flags & END_STREAM) != 0) {
            ended.add(stream);
        }
    }

    private void readHeaders(int stream, int flags, byte[] payload) throws IOException {
        int first = (flags & PRIORITY) != 0 ? 5 : 0;
        // Changes of the size of the dynamic table.
        while ((payload[first] & 0xe0) == 0x20) {
            first += (payload[first] & 0x1f) == 0x1f ? 3 : 1;
        }
        int status = Byte.toUnsignedInt(payload[first]);
        if (STATUS.contains(status) && TOO_MANY.contains(HexFormat.of().formatHex(payload, first + 1, first + 5))) {
            refused.add(stream);
        } else if (status != STATUS_200) {
            throw new IOException("neither status 200 nor 429 on stream " + stream + ": "
                    + HexFormat.of().formatHex(payload));
        }
        if ((flags & END_HEADERS) == 0) {
            throw new IOException("more than one frame of headers on stream " + stream);
        }
        bodies.put(stream, new StringBuilder());
    }

    private static int code(byte[] payload, int offset) {
        return ByteBuffer.wrap(payload).getInt(offset);
    }
}
