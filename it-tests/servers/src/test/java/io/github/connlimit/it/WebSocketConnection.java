package io.github.connlimit.it;

import java.io.IOException;
import java.nio.charset.StandardCharsets;

/** The client's end of a WebSocket (RFC 6455) that knows short messages only. Not thread-safe. */
final class WebSocketConnection {

    private static final int TEXT = 0x1;
    private static final int CLOSE = 0x8;
    private static final int FIN = 0x80;
    private static final int MASKED = 0x80;

    /** What a client sends is masked, with nothing in this case. */
    private static final byte[] MASK = new byte[4];

    private final TestConnection connection;

    /** The upgrade was refused with status 429. */
    static final class RefusedException extends IOException {

        private static final long serialVersionUID = 1;

        private RefusedException() {
            super("no upgrade, but status 429");
        }
    }

    /** Upgrades a connection. */
    WebSocketConnection(TestConnection connection) throws IOException {
        this.connection = connection;
        connection.request(
                "/ws",
                "Connection: Upgrade",
                "Upgrade: websocket",
                "Sec-WebSocket-Version: 13",
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==");
        TestConnection.Response response = connection.response();
        if (response.status() == 429) {
            throw new RefusedException();
        }
        if (response.status() != 101) {
            throw new IOException("no upgrade, but status " + response.status());
        }
        // From the example in RFC 6455, section 1.3.
        if (!"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".equals(response.headers().get("sec-websocket-accept"))) {
            throw new IOException("a wrong Sec-WebSocket-Accept: " + response.headers());
        }
    }

    /** Sends a message and reads one. */
    String echo(String message) throws IOException {
        write(TEXT, message.getBytes(StandardCharsets.UTF_8));
        return new String(read(TEXT), StandardCharsets.UTF_8);
    }

    /** Sends a close frame with status 1000 and reads that of the server. */
    void close() throws IOException {
        write(CLOSE, new byte[] {0x03, (byte) 0xe8});
        read(CLOSE);
    }

    private void write(int opcode, byte[] payload) throws IOException {
        connection.write(new byte[] {(byte) (FIN | opcode), (byte) (MASKED | payload.length)});
        connection.write(MASK);
        connection.write(payload);
    }

    private byte[] read(int opcode) throws IOException {
        byte[] header = connection.read(2);
        if (Byte.toUnsignedInt(header[0]) != (FIN | opcode)) {
            throw new IOException("an unexpected frame: " + header[0]);
        }
        return connection.read(header[1]);
    }
}
