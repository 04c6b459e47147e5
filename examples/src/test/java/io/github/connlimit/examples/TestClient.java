package io.github.connlimit.examples;

import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.cert.X509Certificate;
import java.util.Locale;
import java.util.Optional;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509TrustManager;

/** One keep-alive connection from a loopback address of choice, plain or TLS. */
final class TestClient implements AutoCloseable {

    private static final int TIMEOUT_MILLIS = 20_000;

    private final Socket socket;
    private final InputStream in;

    private TestClient(Socket socket) throws IOException {
        this.socket = socket;
        this.in = new BufferedInputStream(socket.getInputStream());
    }

    /** A connection on which one request was answered with 200, or nothing if the server ended it. */
    static Optional<TestClient> admitted(String from, int port, boolean tls) throws Exception {
        return admitted(from, port, tls, "");
    }

    /** The same behind a PROXY protocol header. */
    static Optional<TestClient> admitted(String from, int port, boolean tls, String header) throws Exception {
        Socket socket = new Socket();
        try {
            socket.bind(new InetSocketAddress(from, 0));
            socket.setSoTimeout(TIMEOUT_MILLIS);
            socket.connect(new InetSocketAddress("127.0.0.1", port), TIMEOUT_MILLIS);
            socket.getOutputStream().write(header.getBytes(StandardCharsets.US_ASCII));
            TestClient client = new TestClient(tls ? secured(socket, port) : socket);
            if (client.get("/").equals("200 OK\n")) {
                return Optional.of(client);
            }
            throw new AssertionError("neither served nor ended");
        } catch (SocketException | EOFException | SSLException ended) {
            socket.close();
            return Optional.empty();
        }
    }

    /** A connection on which nothing was asked yet. */
    static TestClient connected(String from, int port, boolean tls) throws Exception {
        Socket socket = new Socket();
        socket.bind(new InetSocketAddress(from, 0));
        socket.setSoTimeout(TIMEOUT_MILLIS);
        socket.connect(new InetSocketAddress("127.0.0.1", port), TIMEOUT_MILLIS);
        return new TestClient(tls ? secured(socket, port) : socket);
    }

    private static Socket secured(Socket socket, int port) throws Exception {
        SSLSocket tls = (SSLSocket) trustingAll()
                .getSocketFactory()
                .createSocket(socket, InetAddress.getLoopbackAddress().getHostAddress(), port, true);
        tls.startHandshake();
        return tls;
    }

    /** A TLS context that takes every certificate, as long as it is for the host that is asked. */
    static SSLContext trustingAll() throws GeneralSecurityException {
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, new TrustManager[] {new TrustingAll()}, null);
        return context;
    }

    /** Asks for a page; returns its status and its body. */
    String get(String target) throws IOException {
        return request("GET", target, "");
    }

    String put(String target) throws IOException {
        return request("PUT", target, "");
    }

    /** Asks for a WebSocket; returns the status. */
    String upgrade() throws IOException {
        String answer = request(
                "GET",
                "/ws",
                "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                        + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n");
        return answer.substring(0, 3);
    }

    /** Sends a request with more header lines, none or each with its end; returns the status and the body. */
    String request(String method, String target, String headers) throws IOException {
        send(method + " " + target + " HTTP/1.1\r\nHost: localhost\r\n" + headers + "\r\n");
        String status = readLine().split(" ")[1];
        int length = 0;
        for (String line = readLine(); !line.isEmpty(); line = readLine()) {
            if (line.toLowerCase(Locale.ROOT).startsWith("content-length:")) {
                length = Integer.parseInt(line.substring(line.indexOf(':') + 1).trim());
            }
        }
        return status + " " + new String(in.readNBytes(length), StandardCharsets.UTF_8);
    }

    /** Sends a request and does not wait for the answer. */
    void send(String request) throws IOException {
        socket.getOutputStream().write(request.getBytes(StandardCharsets.US_ASCII));
    }

    /** What comes on a new connection before the server ends it, or "reset" if it does so by a TCP reset. */
    static String answerTo(String from, int port) throws IOException {
        try (Socket socket = new Socket()) {
            socket.bind(new InetSocketAddress(from, 0));
            socket.setSoTimeout(TIMEOUT_MILLIS);
            socket.connect(new InetSocketAddress("127.0.0.1", port), TIMEOUT_MILLIS);
            socket.getOutputStream()
                    .write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
            return new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        } catch (SocketException reset) {
            return "reset";
        }
    }

    /** Ends the connection with a TCP reset. */
    void reset() throws IOException {
        socket.setSoLinger(true, 0);
        socket.close();
    }

    private String readLine() throws IOException {
        StringBuilder line = new StringBuilder();
        for (int next = in.read(); next != '\n'; next = in.read()) {
            if (next < 0) {
                throw new EOFException();
            }
            line.append((char) next);
        }
        return line.toString().trim();
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }

    private static final class TrustingAll implements X509TrustManager {

        @Override
        public void checkClientTrusted(X509Certificate[] chain, String authType) {}

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String authType) {}

        @Override
        public X509Certificate[] getAcceptedIssuers() {
            return new X509Certificate[0];
        }
    }
}
