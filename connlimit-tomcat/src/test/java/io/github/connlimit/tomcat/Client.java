package io.github.connlimit.tomcat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Locale;

/** One connection of a client, as raw as it gets. */
final class Client implements AutoCloseable {

    final Socket socket;

    /** What speaks TLS over this one; held here, as a socket that nobody holds is closed by the garbage collector. */
    private Client tls;

    Client(InetAddress from, InetSocketAddress to) throws IOException {
        this(new Socket());
        socket.bind(new InetSocketAddress(from, 0));
        try {
            socket.connect(to, TestServer.TIMEOUT_SECONDS * 1000);
        } catch (SocketException reset) {
            // The server may be quicker to reset it than the client is to see that it was connected. The socket is
            // closed then, and whatever is done with it fails.
            if (!String.valueOf(reset.getMessage()).contains("reset")) {
                throw reset;
            }
        }
    }

    Client(Socket socket) throws IOException {
        this.socket = socket;
        socket.setSoTimeout(TestServer.TIMEOUT_SECONDS * 1000);
    }

    /** One that speaks TLS over this one. */
    Client tls(Socket layered) throws IOException {
        tls = new Client(layered);
        return tls;
    }

    Client send(String text) throws IOException {
        socket.getOutputStream().write(text.getBytes(StandardCharsets.ISO_8859_1));
        return this;
    }

    /** Sends a GET, with more header lines if need be, each ending in CR LF. */
    Client request(String path, String headers) throws IOException {
        return send("GET " + path + " HTTP/1.1\r\nHost: localhost\r\n" + headers + "\r\n");
    }

    Client request(String path) throws IOException {
        return request(path, "");
    }

    /** Asks for a WebSocket, and reads the header of the response. */
    String webSocket() throws IOException {
        return request(
                        "/ws",
                        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                                + "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n")
                .response();
    }

    /** Says "hi" over a WebSocket and tells whether it comes back. */
    boolean echoes() throws IOException {
        // A masked text frame, with a mask of zeros; the answer comes without one.
        socket.getOutputStream().write(new byte[] {(byte) 0x81, (byte) 0x82, 0, 0, 0, 0, 'h', 'i'});
        return Arrays.equals(socket.getInputStream().readNBytes(4), new byte[] {(byte) 0x81, 2, 'h', 'i'});
    }

    /** Sends a GET and reads the whole response. */
    String get(String path) throws IOException {
        return request(path).response();
    }

    /** Reads one response: the header, and what Content-Length says there is behind it. */
    String response() throws IOException {
        InputStream in = socket.getInputStream();
        ByteArrayOutputStream read = new ByteArrayOutputStream();
        while (!read.toString(StandardCharsets.ISO_8859_1).endsWith("\r\n\r\n")) {
            int next = in.read();
            if (next < 0) {
                throw new IOException("end of stream after: " + read);
            }
            read.write(next);
        }
        String header = read.toString(StandardCharsets.ISO_8859_1);
        String lower = header.toLowerCase(Locale.ROOT);
        int at = lower.indexOf("content-length: ");
        if (at >= 0) {
            int length = Integer.parseInt(lower.substring(at + 16, lower.indexOf('\r', at)));
            header += new String(in.readNBytes(length), StandardCharsets.ISO_8859_1);
        }
        return header;
    }

    /** Waits for the end: {@code "fin"}, {@code "rst"}, or what was read instead. */
    String end() {
        try {
            int read = socket.getInputStream().read();
            return read < 0 ? "fin" : "byte " + read;
        } catch (SocketTimeoutException open) {
            return "open";
        } catch (IOException reset) {
            return "rst";
        }
    }

    /** Whether a request on this connection is served. */
    boolean isServed() {
        try {
            return get("/").startsWith("HTTP/1.1 200");
        } catch (IOException refused) {
            return false;
        }
    }

    void reset() throws IOException {
        socket.setSoLinger(true, 0);
        socket.close();
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }
}
