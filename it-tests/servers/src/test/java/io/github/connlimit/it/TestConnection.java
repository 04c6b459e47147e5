package io.github.connlimit.it;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;

/** A client's end of a connection, opened from an address of its own. Not thread-safe. */
final class TestConnection implements AutoCloseable {

    /** How long a server may take for anything. */
    static final int DEADLINE_MILLIS = 20_000;

    private final SlowSocket socket;
    private SSLSocket tls;
    private InputStream in;
    private OutputStream out;

    /** Why there is no connection: a server that refuses at once may be faster than the return of connect. */
    private SocketException failure;

    /** How the server ended the connection. */
    enum Ending {
        END_OF_STREAM,
        RESET
    }

    /** The response to an HTTP/1 request; the names of the headers are in lower case. */
    record Response(int status, Map<String, String> headers, String body) {}

    /**
     * Connects by TCP, and no more.
     *
     * @param from the local address
     */
    TestConnection(String from, String host, int port) throws IOException {
        socket = new SlowSocket();
        try {
            socket.setSoTimeout(DEADLINE_MILLIS);
            socket.setTcpNoDelay(true);
            socket.bind(new InetSocketAddress(from, 0));
            socket.connect(new InetSocketAddress(host, port), DEADLINE_MILLIS);
            use(socket);
        } catch (SocketException refused) {
            if (!isReset(refused)) {
                socket.close();
                throw refused;
            }
            failure = refused;
        } catch (IOException error) {
            socket.close();
            throw error;
        }
    }

    /** The client's own port, or -1 if it has none. */
    int localPort() {
        return socket.getLocalPort();
    }

    /** What is written from now on is sent by {@link #trickles} only, below TLS. */
    TestConnection hold() {
        socket.hold();
        return this;
    }

    /** Sends one byte of what is held back, but the last; false if the server has closed the connection. */
    boolean trickles() {
        try {
            socket.trickle();
            return true;
        } catch (IOException closed) {
            return false;
        }
    }

    private void use(Socket stream) throws IOException {
        in = new BufferedInputStream(stream.getInputStream());
        out = stream.getOutputStream();
    }

    /**
     * Begins TLS.
     *
     * @param protocols what to offer by ALPN
     */
    TestConnection handshake(SSLContext context, String... protocols) throws IOException {
        checkConnected();
        tls = (SSLSocket) context.getSocketFactory().createSocket(socket, "localhost", socket.getPort(), true);
        SSLParameters parameters = tls.getSSLParameters();
        parameters.setApplicationProtocols(protocols);
        tls.setSSLParameters(parameters);
        tls.startHandshake();
        use(tls);
        return this;
    }

    /** What was agreed on by ALPN. */
    String applicationProtocol() {
        return tls.getApplicationProtocol();
    }

    private void checkConnected() throws SocketException {
        if (failure != null) {
            throw failure;
        }
    }

    TestConnection write(byte[] bytes) throws IOException {
        checkConnected();
        out.write(bytes);
        out.flush();
        return this;
    }

    TestConnection write(String text) throws IOException {
        return write(text.getBytes(StandardCharsets.ISO_8859_1));
    }

    byte[] read(int length) throws IOException {
        checkConnected();
        byte[] bytes = in.readNBytes(length);
        if (bytes.length < length) {
            throw new EOFException("the end of the stream after " + bytes.length + " of " + length + " bytes");
        }
        return bytes;
    }

    /** Sends an HTTP/1.1 request and reads the response. */
    Response get(String path) throws IOException {
        return request(path).response();
    }

    /** Sends an HTTP/1.1 request. */
    TestConnection request(String path, String... headers) throws IOException {
        StringBuilder request = new StringBuilder("GET " + path + " HTTP/1.1\r\nHost: localhost\r\n");
        for (String header : headers) {
            request.append(header).append("\r\n");
        }
        return write(request.append("\r\n").toString());
    }

    /** Reads an HTTP/1 response. */
    Response response() throws IOException {
        checkConnected();
        String[] statusLine = readLine().split(" ", 3);
        if (statusLine.length < 2 || !statusLine[0].startsWith("HTTP/1.")) {
            throw new IOException("not an HTTP/1 response: " + String.join(" ", statusLine));
        }
        int status = Integer.parseInt(statusLine[1]);
        Map<String, String> headers = new LinkedHashMap<>();
        for (String line = readLine(); !line.isEmpty(); line = readLine()) {
            int colon = line.indexOf(':');
            headers.put(
                    line.substring(0, colon).toLowerCase(Locale.ROOT),
                    line.substring(colon + 1).trim());
        }
        byte[] body = new byte[0];
        if (headers.containsKey("content-length")) {
            body = read(Integer.parseInt(headers.get("content-length")));
        } else if (headers.containsKey("transfer-encoding")) {
            throw new IOException("a chunked response, which no test expects");
        }
        return new Response(status, headers, new String(body, StandardCharsets.UTF_8));
    }

    private String readLine() throws IOException {
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        while (true) {
            int next = in.read();
            if (next < 0) {
                throw new EOFException("the end of the stream in a line, after \"" + line + "\"");
            }
            if (next == '\n') {
                return line.toString(StandardCharsets.ISO_8859_1).stripTrailing();
            }
            line.write(next);
        }
    }

    /** Reads and throws away whatever comes, until the server ends the connection. */
    Ending awaitEnd() throws IOException {
        return awaitEndOf(in);
    }

    /**
     * Like {@link #awaitEnd}, below TLS: for servers that are stopped while they write. Tomcat with NIO2 then sends torn
     * TLS records now and then, with connlimit and without, and closes the connection all the same.
     */
    Ending awaitEndOfSocket() throws IOException {
        return failure == null ? awaitEndOf(socket.getInputStream()) : Ending.RESET;
    }

    private Ending awaitEndOf(InputStream stream) throws IOException {
        try {
            checkConnected();
            stream.transferTo(OutputStream.nullOutputStream());
            return Ending.END_OF_STREAM;
        } catch (SocketTimeoutException patienceLost) {
            throw new AssertionError("the server did not end the connection", patienceLost);
        } catch (IOException error) {
            if (!isReset(error)) {
                throw error;
            }
            return Ending.RESET;
        }
    }

    private static boolean isReset(Throwable error) {
        for (Throwable cause = error; cause != null; cause = cause.getCause()) {
            String message = String.valueOf(cause.getMessage());
            if (message.contains("Connection reset") || message.contains("Broken pipe")) {
                return true;
            }
        }
        return false;
    }

    /** Sends FIN, and stays open for what the server still has to say. */
    void finish() throws IOException {
        checkConnected();
        socket.shutdownOutput();
    }

    /** Closes by RST. */
    void reset() throws IOException {
        if (failure == null) {
            socket.setSoLinger(true, 0);
        }
        socket.close();
    }

    /** Closes by FIN, without a word of TLS. */
    @Override
    public void close() throws IOException {
        socket.close();
    }

    /** Closes as a good client does: a TLS connection by {@code close_notify}. */
    void closeOrderly() throws IOException {
        if (tls != null) {
            tls.close();
        }
        socket.close();
    }
}
