package io.github.connlimit.examples;

import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;

/** One keep-alive connection of a client that plays in the demo. Not thread-safe. */
final class DemoConnection implements AutoCloseable {

    private static final int TIMEOUT_MILLIS = 5_000;
    private static final byte[] REQUEST = "GET / HTTP/1.1\r\nHost: demo\r\n\r\n".getBytes(StandardCharsets.US_ASCII);
    private static final String LENGTH = "content-length:";

    private final Socket socket;
    private final InputStream in;

    private DemoConnection(Socket socket) throws IOException {
        this.socket = socket;
        this.in = new BufferedInputStream(socket.getInputStream());
    }

    static DemoConnection open(InetAddress from, InetSocketAddress server) throws IOException {
        Socket socket = new Socket();
        try {
            socket.bind(new InetSocketAddress(from, 0));
            socket.setSoTimeout(TIMEOUT_MILLIS);
            socket.connect(server, TIMEOUT_MILLIS);
            return new DemoConnection(socket);
        } catch (IOException error) {
            socket.close();
            throw error;
        }
    }

    /**
     * Asks for {@code /} and reads the whole response.
     *
     * @return the status
     * @throws IOException if the server has ended the connection, or does not answer in time
     */
    int request() throws IOException {
        socket.getOutputStream().write(REQUEST);
        String[] statusLine = readLine().split(" ");
        int length = 0;
        for (String line = readLine(); !line.isEmpty(); line = readLine()) {
            if (line.regionMatches(true, 0, LENGTH, 0, LENGTH.length())) {
                length = Integer.parseInt(line.substring(LENGTH.length()).trim());
            }
        }
        in.skipNBytes(length);
        return Integer.parseInt(statusLine[1]);
    }

    private String readLine() throws IOException {
        StringBuilder line = new StringBuilder();
        for (int next = in.read(); next != '\n'; next = in.read()) {
            if (next < 0) {
                throw new EOFException("the server closed the connection");
            }
            line.append((char) next);
        }
        return line.toString().trim();
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }
}
