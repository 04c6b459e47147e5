package io.github.connlimit.jetty;

import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.util.Arrays;
import javax.net.ssl.SSLSocket;

/** A TCP connection of a client with an address of its own. */
final class Client implements AutoCloseable {

    static final String GREEDY = "127.0.0.2";
    static final String MODEST = "127.0.0.3";

    private static final int TIMEOUT_MILLIS = 20_000;

    private final Socket socket = new Socket();
    private boolean resetAtOnce;

    /** Above TLS, or the socket. */
    private Socket top = socket;

    /** To be sent before what is sent next. */
    private String first = "";

    private Client(String from, int port) throws IOException {
        socket.setSoTimeout(TIMEOUT_MILLIS);
        socket.bind(new InetSocketAddress(from, 0));
        try {
            socket.connect(new InetSocketAddress("127.0.0.1", port), TIMEOUT_MILLIS);
        } catch (SocketException reset) {
            // The server may have accepted and reset the connection before connect has returned.
            if (!isReset(reset)) {
                throw reset;
            }
            resetAtOnce = true;
        }
    }

    static Client connect(String from, int port) throws IOException {
        return new Client(from, port);
    }

    Socket socket() {
        return socket;
    }

    void send(String text) throws IOException {
        send(text.getBytes(StandardCharsets.US_ASCII));
    }

    void send(byte[] bytes) throws IOException {
        byte[] before = first.getBytes(StandardCharsets.US_ASCII);
        first = "";
        byte[] all = Arrays.copyOf(before, before.length + bytes.length);
        System.arraycopy(bytes, 0, all, before.length, bytes.length);
        top.getOutputStream().write(all);
    }

    /** Keeps this back, to go together with what is sent next. */
    void first(String text) {
        first = text;
    }

    /** From now on by TLS, after a handshake. */
    Client tls() throws GeneralSecurityException, IOException {
        return tls("http/1.1");
    }

    /** As {@link #tls()}, with this protocol by ALPN. */
    Client tls(String protocol) throws GeneralSecurityException, IOException {
        SSLSocket tls = TestTls.client(socket, protocol);
        tls.startHandshake();
        top = tls;
        return this;
    }

    /** Sends a GET and reads the answer's head and body (by Content-Length). */
    String get(String path) throws IOException {
        send("GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
        return readResponse();
    }

    /** One response with a Content-Length. */
    String readResponse() throws IOException {
        String head = readHead();
        StringBuilder response = new StringBuilder(head);
        InputStream in = top.getInputStream();
        int from = head.toLowerCase().indexOf("content-length:") + "content-length:".length();
        int length = Integer.parseInt(
                head.substring(from, head.indexOf("\r\n", from)).trim());
        for (int i = 0; i < length; i++) {
            response.append(next(in));
        }
        return response.toString();
    }

    /** The head of a response. */
    String readHead() throws IOException {
        StringBuilder head = new StringBuilder();
        while (head.indexOf("\r\n\r\n") < 0) {
            head.append(next(top.getInputStream()));
        }
        return head.toString();
    }

    private static char next(InputStream in) throws IOException {
        int read = in.read();
        if (read < 0) {
            throw new IOException("end of stream");
        }
        return (char) read;
    }

    /** All that comes until the end of the stream. */
    String readAll() throws IOException {
        return new String(top.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
    }

    /** How the server ended the connection, after having sent nothing: "reset" or "end". */
    String ending() throws IOException {
        if (resetAtOnce) {
            return "reset";
        }
        try {
            int read = socket.getInputStream().read();
            return read < 0 ? "end" : "byte " + read;
        } catch (SocketException reset) {
            return isReset(reset) ? "reset" : reset.toString();
        }
    }

    private static boolean isReset(SocketException error) {
        return error.getMessage().contains("reset");
    }

    /** What the server sends, one byte, or -1. */
    int read() throws IOException {
        return top.getInputStream().read();
    }

    /** Closes by TCP RST. */
    void reset() throws IOException {
        socket.setSoLinger(true, 0);
        socket.close();
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }
}
