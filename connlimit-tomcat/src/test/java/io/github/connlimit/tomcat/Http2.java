package io.github.connlimit.tomcat;

import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;

/** A client's side of HTTP/2, by hand, on a connection that speaks TLS already. */
final class Http2 {

    static final int DATA = 0;
    static final int HEADERS = 1;
    static final int SETTINGS = 4;
    static final int GOAWAY = 7;

    /** A frame that was received. */
    record Frame(int type, int flags, int stream, byte[] payload) {

        String text() {
            return new String(payload, StandardCharsets.ISO_8859_1);
        }
    }

    private final DataInputStream in;
    private final DataOutputStream out;

    Http2(Client client) throws IOException {
        in = new DataInputStream(client.socket.getInputStream());
        out = new DataOutputStream(client.socket.getOutputStream());
    }

    /** Sends the preface and empty settings. */
    Http2 begin() throws IOException {
        out.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
        send(SETTINGS, 0, 0, new byte[0]);
        return this;
    }

    /** Sends a GET of a path, perhaps with an Accept header. */
    Http2 get(int stream, String path, String accept) throws IOException {
        ByteArrayOutputStream block = new ByteArrayOutputStream();
        // By RFC 7541: ":method: GET" and ":scheme: https" of the static table, the rest in full.
        block.write(0x82);
        block.write(0x87);
        literal(block, 4, path);
        literal(block, 1, "localhost");
        if (accept != null) {
            block.write(15);
            literal(block, 19 - 15, accept);
        }
        send(HEADERS, 5, stream, block.toByteArray());
        return this;
    }

    private static void literal(ByteArrayOutputStream block, int name, String value) {
        block.write(name);
        block.write(value.length());
        block.writeBytes(value.getBytes(StandardCharsets.US_ASCII));
    }

    private void send(int type, int flags, int stream, byte[] payload) throws IOException {
        ByteArrayOutputStream frame = new ByteArrayOutputStream();
        DataOutputStream data = new DataOutputStream(frame);
        data.writeInt(payload.length << 8 | type);
        data.write(flags);
        data.writeInt(stream);
        data.write(payload);
        out.write(frame.toByteArray());
        out.flush();
    }

    Frame receive() throws IOException {
        int lengthAndType = in.readInt();
        int flags = in.readUnsignedByte();
        int stream = in.readInt();
        byte[] payload = new byte[lengthAndType >>> 8];
        in.readFully(payload);
        return new Frame(lengthAndType & 0xff, flags, stream, payload);
    }

    /** The next frame of this type; those before it are dropped. */
    Frame receive(int type) throws IOException {
        Frame frame;
        do {
            frame = receive();
        } while (frame.type != type);
        return frame;
    }
}
