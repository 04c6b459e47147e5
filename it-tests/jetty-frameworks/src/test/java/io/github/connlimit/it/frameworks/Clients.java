package io.github.connlimit.it.frameworks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.github.connlimit.ConnectionLimiter;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** Clients at 127.0.0.x of a server that lets each have three connections. */
final class Clients {

    private Clients() {}

    static void assertLimited(ConnectionLimiter limiter, int port, String path, String expected) throws IOException {
        List<Socket> open = new ArrayList<>();
        try {
            for (int i = 0; i < 8; i++) {
                assertThat(request(open, 2, port, path)).isEqualTo(i < 3 ? expected : "refused");
            }
            assertThat(request(open, 3, port, path)).isEqualTo(expected);
        } finally {
            for (Socket socket : open) {
                socket.close();
            }
        }
        awaitNothing(limiter);
    }

    static void awaitNothing(ConnectionLimiter limiter) {
        await().untilAsserted(() -> {
            assertThat(limiter.snapshot().openConnections()).isZero();
            assertThat(limiter.snapshot().clients()).isZero();
        });
        assertThat(limiter.snapshot().forgotten()).isZero();
    }

    /** The status and the last line of the answer, on a connection that stays open. */
    static String request(List<Socket> open, int client, int port, String path, String... headers) throws IOException {
        try {
            Socket socket = new Socket("127.0.0.1", port, InetAddress.getByName("127.0.0." + client), 0);
            open.add(socket);
            socket.setSoTimeout(20_000);
            StringBuilder request = new StringBuilder("GET " + path + " HTTP/1.1\r\nHost: localhost\r\n");
            for (String header : headers) {
                request.append(header).append("\r\n");
            }
            socket.getOutputStream().write(request.append("\r\n").toString().getBytes(StandardCharsets.US_ASCII));
            byte[] line = socket.getInputStream().readNBytes(12);
            return line.length < 12 ? "refused" : new String(line, 9, 3, StandardCharsets.US_ASCII);
        } catch (SocketException reset) {
            return "refused";
        }
    }
}
