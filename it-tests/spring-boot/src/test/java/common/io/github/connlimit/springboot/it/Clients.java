package io.github.connlimit.springboot.it;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.SecureRandom;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.List;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLException;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509ExtendedTrustManager;

/** Clients at 127.0.0.x, and what becomes of their connections. */
final class Clients implements AutoCloseable {

    private static final int TIMEOUT_MILLIS = 20_000;

    private final List<Socket> open = new ArrayList<>();
    private final int port;
    private final boolean tls;

    Clients(int port, boolean tls) {
        this.port = port;
        this.tls = tls;
    }

    /** Opens a connection and sends a request on it; returns the status, or 0 if it was reset or closed. */
    int connect(int client, String... headers) {
        try {
            Socket socket = new Socket();
            open.add(socket);
            socket.bind(new InetSocketAddress(InetAddress.getByAddress(new byte[] {127, 0, 0, (byte) client}), 0));
            socket.setSoTimeout(TIMEOUT_MILLIS);
            socket.connect(new InetSocketAddress("127.0.0.1", port), TIMEOUT_MILLIS);
            Socket used = socket;
            if (tls) {
                used = trustingAll().getSocketFactory().createSocket(socket, "127.0.0.1", port, true);
                open.add(used); // Java 17 closes an SSLSocket that nobody holds at the next garbage collection
            }
            StringBuilder request = new StringBuilder("GET / HTTP/1.1\r\nHost: localhost\r\n");
            for (String header : headers) {
                request.append(header).append("\r\n");
            }
            used.getOutputStream().write(request.append("\r\n").toString().getBytes(StandardCharsets.US_ASCII));
            used.getOutputStream().flush();
            byte[] line = used.getInputStream().readNBytes(12);
            return line.length < 12 ? 0 : Integer.parseInt(new String(line, 9, 3, StandardCharsets.US_ASCII));
        } catch (SocketTimeoutException silent) {
            throw new UncheckedIOException("neither served nor refused", silent);
        } catch (SocketException | SSLException refused) {
            return 0;
        } catch (IOException | GeneralSecurityException error) {
            throw new IllegalStateException(error);
        }
    }

    /** Opens so many connections and returns how many were served. */
    int served(int client, int connections) {
        int served = 0;
        for (int i = 0; i < connections; i++) {
            int status = connect(client);
            if (status == 200) {
                served++;
            } else if (status != 0) {
                throw new IllegalStateException("status " + status);
            }
        }
        return served;
    }

    /** Opens so many connections and returns how many got an answer of any status. */
    int answered(int client, int connections) {
        int answered = 0;
        for (int i = 0; i < connections; i++) {
            if (connect(client) != 0) {
                answered++;
            }
        }
        return answered;
    }

    @Override
    public void close() throws IOException {
        for (Socket socket : open) {
            socket.close();
        }
        open.clear();
    }

    static HttpClient http(HttpClient.Version version) throws GeneralSecurityException {
        return HttpClient.newBuilder()
                .version(version)
                .sslContext(trustingAll())
                .build();
    }

    static HttpResponse<String> exchange(int port, String method, String path, String body) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path))
                .header("Content-Type", "application/json")
                .method(method, HttpRequest.BodyPublishers.ofString(body))
                .build();
        return http(HttpClient.Version.HTTP_1_1).send(request, HttpResponse.BodyHandlers.ofString());
    }

    static String get(int port, String path) throws Exception {
        HttpResponse<String> response = exchange(port, "GET", path, "");
        return response.statusCode() + " " + response.body();
    }

    private static SSLContext trustingAll() throws GeneralSecurityException {
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, new TrustManager[] {new TrustsAll()}, new SecureRandom());
        return context;
    }

    private static final class TrustsAll extends X509ExtendedTrustManager {

        @Override
        public void checkClientTrusted(X509Certificate[] chain, String type) {}

        @Override
        public void checkClientTrusted(X509Certificate[] chain, String type, Socket socket) {}

        @Override
        public void checkClientTrusted(X509Certificate[] chain, String type, SSLEngine engine) {}

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String type) {}

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String type, Socket socket) {}

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String type, SSLEngine engine) {}

        @Override
        public X509Certificate[] getAcceptedIssuers() {
            return new X509Certificate[0];
        }
    }
}
