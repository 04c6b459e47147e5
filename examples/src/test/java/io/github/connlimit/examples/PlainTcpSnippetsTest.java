package io.github.connlimit.examples;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.connlimit.ConnectionLimitExceededException;
import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.ConnectionPermit;
import io.github.connlimit.LimitedServerSocket;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class PlainTcpSnippetsTest {

    private final ConnectionLimiter limiter =
            new ConnectionLimiter(ConnectionLimits.builder().maxPerClient(3).build());
    private final ExecutorService threads = Executors.newCachedThreadPool();

    @AfterEach
    void stop() {
        threads.shutdownNow();
    }

    @Test
    void limitsAServerSocket() throws Exception {
        int port = 0;
        // tag::tcp[]
        ServerSocket server = new LimitedServerSocket(port, 50, null, limiter);
        // end::tcp[]
        threads.execute(() -> acceptAll(server, this::serve));
        try (server) {
            LimitAssertions.assertLimit(3, limiter, server.getLocalPort());
        }
    }

    @Test
    void closesWhatSaysNothing() throws Exception {
        // Long enough for who speaks, even on a busy machine.
        limiter.reconfigure(limits ->
                limits.toBuilder().handshakeTimeout(Duration.ofMillis(1500)).build());
        int port = 0;
        // tag::tcp-deadline[]
        LimitedServerSocket server = new LimitedServerSocket(port, 50, null, limiter);
        server.expectEstablished();
        // end::tcp-deadline[]
        threads.execute(() -> acceptAll(server, this::serveOneByte));
        try (server;
                Socket silent = new Socket("127.0.0.1", server.getLocalPort());
                Socket speaking = new Socket("127.0.0.1", server.getLocalPort())) {
            silent.setSoTimeout(20_000);
            speaking.setSoTimeout(20_000);
            speaking.getOutputStream().write('?');
            assertThat(speaking.getInputStream().read()).isEqualTo('!');
            assertThat(silent.getInputStream().read()).isEqualTo(-1);
            // The permit comes back after the socket is closed, under the thread that was reading from it.
            Awaitility.await()
                    .dontCatchUncaughtExceptions()
                    .atMost(Duration.ofSeconds(20))
                    .until(() -> limiter.snapshot().openConnections() == 1);
        }
        LimitAssertions.awaitNone(limiter);
    }

    private void serveOneByte(Socket socket) throws IOException {
        try (socket) {
            // tag::tcp-established[]
            InputStream in = new BufferedInputStream(socket.getInputStream());
            in.mark(1);
            in.read(); // or tls.startHandshake(), and then the first byte
            in.reset();
            LimitedServerSocket.permit(socket).ifPresent(ConnectionPermit::established);
            // end::tcp-established[]
            assertThat(in.read()).isEqualTo('?');
            socket.getOutputStream().write('!');
            // Kept until its client goes: a socket that nobody refers to may be collected, and is given back then.
            assertThat(in.read()).isEqualTo(-1);
        }
    }

    @Test
    void limitsATlsServer() throws Exception {
        SSLContext context = SelfSignedCertificate.create().serverContext();
        LimitedServerSocket server = new LimitedServerSocket(0, 50, null, limiter);
        threads.execute(() -> acceptAll(server, socket -> {
            // tag::tcp-tls[]
            SSLSocket tls = (SSLSocket) context.getSocketFactory()
                    .createSocket(socket, socket.getInetAddress().getHostAddress(), socket.getPort(), true);
            tls.setUseClientMode(false);
            // end::tcp-tls[]
            serve(tls);
        }));
        List<TestClient> clients = new ArrayList<>();
        try (server) {
            LimitAssertions.open(3, clients, server.getLocalPort(), true);
            assertThat(TestClient.admitted("127.0.0.2", server.getLocalPort(), true))
                    .isEmpty();
        } finally {
            for (TestClient client : clients) {
                client.close();
            }
        }
        LimitAssertions.awaitNone(limiter);
    }

    @Test
    void countsForAServerThatAcceptsByItself() throws Exception {
        ServerSocket server = new ServerSocket(0, 50, InetAddress.getByName("127.0.0.1"));
        threads.execute(() -> acceptAll(server, this::handle));
        try (server) {
            LimitAssertions.assertLimit(3, limiter, server.getLocalPort());
        }
    }

    // tag::tcp-acquire[]
    void handle(Socket socket) throws IOException {
        ConnectionPermit permit;
        try {
            permit = limiter.acquire(socket.getInetAddress());
        } catch (ConnectionLimitExceededException refused) {
            socket.setSoLinger(true, 0);
            socket.close(); // a TCP reset
            return;
        }
        try (permit;
                socket) { // the socket is closed first
            serve(socket);
        }
    }
    // end::tcp-acquire[]

    private void serve(Socket socket) throws IOException {
        try (socket) {
            new HttpConnection(socket, new Resources("example", Optional.empty())).serve();
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
        }
    }

    private void acceptAll(ServerSocket server, SocketHandler handler) {
        while (!server.isClosed()) {
            try {
                Socket socket = server.accept();
                threads.execute(() -> {
                    try {
                        handler.handle(socket);
                    } catch (IOException error) {
                        throw new UncheckedIOException(error);
                    }
                });
            } catch (IOException closed) {
                return;
            }
        }
    }

    private interface SocketHandler {

        void handle(Socket socket) throws IOException;
    }
}
