package io.github.connlimit.jetty;

import static io.github.connlimit.jetty.Client.GREEDY;
import static io.github.connlimit.jetty.Client.MODEST;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.github.connlimit.ClientUsage;
import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.ConnectionPhase;
import io.github.connlimit.LimiterListener;
import java.io.IOException;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.eclipse.jetty.server.DetectorConnectionFactory;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.ProxyConnectionFactory;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.server.SslConnectionFactory;
import org.eclipse.jetty.util.thread.QueuedThreadPool;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** {@code handshakeTimeout} and {@code maxPendingPerClient}. */
class DeadlineTest {

    private static final Duration TIMEOUT = Duration.ofMillis(300);

    /** For those who are to meet the deadline, even on a busy machine. */
    private static final Duration PATIENCE = Duration.ofMillis(2500);

    /** So long that a connection that was to be closed would have been. */
    private static final long IDLE_MILLIS = 2500;

    /** The head of a TLS record with a ClientHello, and the beginning of that. */
    private static final byte[] CLIENT_HELLO = {22, 3, 1, 2, 0, 1, 0, 1, (byte) 0xfc, 3, 3};

    private static final String GET = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

    private final CapturedLog log = new CapturedLog();
    private final List<ConnectionPhase> timedOut = new CopyOnWriteArrayList<>();

    @AfterEach
    void nothingLogged() {
        log.close();
        assertThat(log.messages()).isEmpty();
    }

    private ConnectionLimiter limiter() {
        return limiter(ConnectionLimits.builder().handshakeTimeout(TIMEOUT));
    }

    private ConnectionLimiter limiter(ConnectionLimits.Builder limits) {
        return new ConnectionLimiter(limits.build(), new LimiterListener() {
            @Override
            public void timedOut(ClientUsage client, ConnectionPhase phase, Duration timeout, boolean dryRun) {
                assertThat(timeout).isIn(TIMEOUT, PATIENCE);
                timedOut.add(phase);
            }
        });
    }

    private static void setTimeout(TestServer server, Duration timeout) {
        server.limiter.reconfigure(
                limits -> limits.toBuilder().handshakeTimeout(timeout).build());
    }

    /** The event follows the close. */
    private void awaitTimedOut(ConnectionPhase... phases) {
        await().atMost(TestServer.DEADLINE)
                .untilAsserted(() -> assertThat(timedOut).containsExactly(phases));
    }

    private static void awaitTimedOut(TestServer server, int connections) {
        await().atMost(TestServer.DEADLINE)
                .until(() -> server.limiter.snapshot().timedOut() == connections);
    }

    /** Says nothing more, until the server ends the connection, or fails after a while. */
    private static void assertEnded(Client client) throws IOException {
        try {
            // On TLS there is something to read, by what the handshake ends with.
            client.socket().getInputStream().readAllBytes();
        } catch (SocketTimeoutException stillOpen) {
            throw stillOpen;
        } catch (IOException reset) {
            assertThat(reset).hasMessageContaining("reset");
        }
    }

    /** Sends a byte now and then, the last one again and again, until the server ends the connection. */
    private static void trickle(Client client, byte[] bytes) {
        int[] sent = {0};
        await("end of the trickling client")
                .pollInterval(Duration.ofMillis(50))
                .atMost(TestServer.DEADLINE)
                .until(() -> {
                    try {
                        client.send(new byte[] {bytes[Math.min(sent[0]++, bytes.length - 1)]});
                        return false;
                    } catch (IOException ended) {
                        return true;
                    }
                });
    }

    // What is closed

    @Test
    void silentClientInClearText() throws Exception {
        try (TestServer server = new TestServer(limiter()).limited()) {
            try (Client silent = server.connect(GREEDY)) {
                assertEnded(silent);
                server.awaitZero();
            }
            awaitTimedOut(server, 1);
        }
        awaitTimedOut(ConnectionPhase.FIRST_BYTE);
    }

    @Test
    void silentClientOnTls() throws Exception {
        try (TestServer server = new TestServer(limiter(), TestServer.tls()).limited()) {
            try (Client silent = server.connect(GREEDY)) {
                assertEnded(silent);
                server.awaitZero();
            }
        }
        awaitTimedOut(ConnectionPhase.HANDSHAKE);
    }

    @Test
    void tricklingClientHello() throws Exception {
        try (TestServer server = new TestServer(limiter(), TestServer.tls()).limited()) {
            try (Client trickling = server.connect(GREEDY)) {
                trickle(trickling, CLIENT_HELLO);
                server.awaitZero();
            }
        }
        awaitTimedOut(ConnectionPhase.HANDSHAKE);
    }

    @Test
    void silentAfterTheHandshake() throws Exception {
        try (TestServer server = new TestServer(patient(), TestServer.tls()).limited()) {
            for (String protocol : List.of("http/1.1", "h2")) {
                timedOut.clear();
                try (Client client = server.connect(GREEDY)) {
                    client.tls(protocol);
                    assertEnded(client);
                    server.awaitZero();
                }
                awaitTimedOut(ConnectionPhase.FIRST_BYTE);
            }
        }
    }

    @Test
    void halfAHandshakeThatIsDropped() throws Exception {
        ConnectionLimits.Builder never = ConnectionLimits.builder().handshakeTimeout(Duration.ZERO);
        try (TestServer server = new TestServer(limiter(never), TestServer.tls()).limited()) {
            Client dropped = server.connect(GREEDY);
            dropped.send(CLIENT_HELLO);
            server.awaitOpen(GREEDY, 1);
            dropped.close();
            server.awaitZero();
        }
    }

    @Test
    void tricklingProxyHeader() throws Exception {
        for (TestServer.NewConnector connector : List.of(
                TestServer.plain(new ProxyConnectionFactory()),
                TestServer.tls(new ProxyConnectionFactory()),
                TestServer.plain(new ProxyConnectionFactory("http/1.1")))) {
            timedOut.clear();
            try (TestServer server = new TestServer(limiter(), connector).limited()) {
                try (Client trickling = server.connect(GREEDY)) {
                    trickle(trickling, "PROXY TCP4 1111111".getBytes(StandardCharsets.US_ASCII));
                    server.awaitZero();
                }
            }
            awaitTimedOut(ConnectionPhase.HANDSHAKE);
        }
    }

    @Test
    void silentAfterAProxyHeader() throws Exception {
        for (String next : new String[] {null, "http/1.1"}) {
            timedOut.clear();
            try (TestServer server =
                    new TestServer(patient(), TestServer.plain(new ProxyConnectionFactory(next))).limited()) {
                try (Client silent = server.connect(GREEDY)) {
                    silent.send("PROXY TCP4 10.1.2.3 127.0.0.1 1 2\r\n");
                    assertEnded(silent);
                    server.awaitZero();
                }
            }
            awaitTimedOut(ConnectionPhase.FIRST_BYTE);
        }
    }

    @Test
    void tricklingClientHelloThatIsDetected() throws Exception {
        try (TestServer server = new TestServer(patient(), DeadlineTest::detecting).limited()) {
            try (Client trickling = server.connect(GREEDY);
                    Client silent = server.connect(MODEST);
                    Client established = server.admitted("127.0.0.4")) {
                trickle(trickling, CLIENT_HELLO);
                assertEnded(silent);
                server.awaitOpen(GREEDY, 0);
                idle();
                assertThat(established.get("/")).startsWith("HTTP/1.1 200 ");
            }
        }
        awaitTimedOut(ConnectionPhase.HANDSHAKE, ConnectionPhase.HANDSHAKE);
    }

    /** TLS and clear text on one port. */
    private static ServerConnector detecting(org.eclipse.jetty.server.Server server) throws Exception {
        SslConnectionFactory ssl = new SslConnectionFactory(TestTls.serverContext(), "http/1.1");
        return new ServerConnector(server, 1, 1, new DetectorConnectionFactory(ssl), new HttpConnectionFactory());
    }

    @Test
    void closesManyAtOnce() throws Exception {
        try (TestServer server =
                        new TestServer(limiter(ConnectionLimits.builder().maxPerClient(0))).limited();
                Client served = server.admitted(MODEST)) {
            setTimeout(server, TIMEOUT);
            List<Client> silent = new ArrayList<>();
            for (int i = 0; i < 500; i++) {
                silent.add(server.connect(GREEDY));
            }
            server.awaitOpen(GREEDY, 0);
            awaitTimedOut(server, 500);
            await().atMost(TestServer.DEADLINE)
                    .untilAsserted(() ->
                            assertThat(server.connector.getConnectedEndPoints()).hasSize(1));
            assertThat(served.get("/")).startsWith("HTTP/1.1 200 ");
            for (Client client : silent) {
                client.close();
            }
        }
    }

    @Test
    void closesWhatJettyHasNotOpenedYet() throws Exception {
        TestServer server = new TestServer(limiter());
        QueuedThreadPool threads = (QueuedThreadPool) server.server.getThreadPool();
        try (server) {
            server.limited();
            CountDownLatch release = new CountDownLatch(1);
            for (int i = 0; i < threads.getMaxThreads() * 2; i++) {
                threads.execute(() -> {
                    try {
                        release.await();
                    } catch (InterruptedException interrupted) {
                        Thread.currentThread().interrupt();
                    }
                });
            }
            try (Client silent = server.connect(GREEDY)) {
                await().atMost(TestServer.DEADLINE)
                        .until(() -> server.limiter.snapshot().timedOut() == 1);
                release.countDown();
                assertEnded(silent);
                server.awaitZero();
                await().atMost(TestServer.DEADLINE)
                        .untilAsserted(() -> assertThat(server.connector.getConnectedEndPoints())
                                .isEmpty());
            }
        }
    }

    // What is not

    private ConnectionLimiter patient() {
        return limiter(ConnectionLimits.builder().handshakeTimeout(PATIENCE));
    }

    private static void idle() throws InterruptedException {
        // A time, not a condition: nothing is to happen.
        TimeUnit.MILLISECONDS.sleep(IDLE_MILLIS);
    }

    @Test
    void firstByteIsEnough() throws Exception {
        try (TestServer server = new TestServer(patient()).limited()) {
            try (Client slow = server.connect(GREEDY)) {
                slow.send("G");
                idle();
                slow.send(GET.substring(1));
                assertThat(slow.readResponse()).startsWith("HTTP/1.1 200 ");
            }
            server.awaitZero();
        }
        assertThat(timedOut).isEmpty();
    }

    @Test
    void keepAliveRequestsInProcessAndUpgradedConnectionsInClearText() throws Exception {
        try (TestServer server = new TestServer(patient()).limited()) {
            assertUntouched(server, server.connect(GREEDY), server.connect(GREEDY), server.connect(GREEDY));
        }
    }

    @Test
    void behindAProxyHeader() throws Exception {
        for (String next : new String[] {null, "http/1.1"}) {
            try (TestServer server =
                    new TestServer(patient(), TestServer.plain(new ProxyConnectionFactory(next))).limited()) {
                Client[] clients = new Client[3];
                for (int i = 0; i < clients.length; i++) {
                    clients[i] = server.connect(GREEDY);
                    // In one packet with what follows.
                    clients[i].first("PROXY TCP4 10.1.2.3 127.0.0.1 1 2\r\n");
                }
                assertUntouched(server, clients);
            }
        }
    }

    private void assertUntouched(TestServer server, Client... clients) throws Exception {
        Client keepAlive = clients[0];
        Client running = clients[1];
        Client upgraded = clients[2];
        assertThat(keepAlive.get("/")).startsWith("HTTP/1.1 200 ");
        running.send("GET /hold HTTP/1.1\r\nHost: localhost\r\n\r\n");
        upgraded.send("GET /upgrade HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
        assertThat(upgraded.readHead()).startsWith("HTTP/1.1 101 ");
        await().atMost(TestServer.DEADLINE).until(() -> server.holding.get() == 1);
        idle();
        assertThat(keepAlive.get("/")).startsWith("HTTP/1.1 200 ");
        upgraded.send("x");
        assertThat(upgraded.read()).isEqualTo('x');
        server.release.countDown();
        assertThat(running.readResponse()).startsWith("HTTP/1.1 200 ");
        assertThat(timedOut).isEmpty();
        assertThat(server.limiter.snapshot().topClients().get(0).pendingConnections())
                .isZero();
        for (Client client : clients) {
            client.close();
        }
        server.awaitZero();
    }

    @Test
    void keepAliveRequestsInProcessAndUpgradedConnectionsOnTls() throws Exception {
        try (TestServer server = new TestServer(patient(), TestServer.tls()).limited()) {
            Client[] clients = new Client[3];
            for (int i = 0; i < clients.length; i++) {
                clients[i] = server.connect(GREEDY).tls();
            }
            assertUntouched(server, clients);
        }
    }

    @Test
    void http2() throws Exception {
        try (TestServer server = new TestServer(patient(), TestServer.tls()).limited()) {
            // The client needs longer for its first time.
            setTimeout(server, TestServer.DEADLINE);
            Http2Connection.open(GREEDY, server.port()).close();
            setTimeout(server, PATIENCE);
            try (Http2Connection connection = Http2Connection.open(GREEDY, server.port())) {
                idle();
                assertThat(connection.get("/").status()).isEqualTo(200);
                idle();
                assertThat(connection.get("/").status()).isEqualTo(200);
                assertThat(timedOut).isEmpty();
            }
            server.awaitZero();
        }
    }

    @Test
    void noTimeoutNoDeadline() throws Exception {
        try (TestServer server =
                new TestServer(limiter(ConnectionLimits.builder().handshakeTimeout(Duration.ZERO))).limited()) {
            try (Client silent = server.connect(GREEDY)) {
                idle();
                assertThat(silent.get("/")).startsWith("HTTP/1.1 200 ");
            }
            server.awaitZero();
        }
    }

    @Test
    void dryRunClosesNothing() throws Exception {
        ConnectionLimits.Builder dry = ConnectionLimits.builder()
                .maxPerClient(1)
                .maxPendingPerClient(1)
                .handshakeTimeout(TIMEOUT)
                .dryRun(true);
        try (TestServer server = new TestServer(limiter(dry)).limited()) {
            try (Client silent = server.connect(GREEDY);
                    Client another = server.connect(GREEDY)) {
                await().atMost(TestServer.DEADLINE)
                        .until(() -> server.limiter.snapshot().dryRunTimedOut() == 2);
                assertThat(silent.get("/")).startsWith("HTTP/1.1 200 ");
                assertThat(another.get("/")).startsWith("HTTP/1.1 200 ");
                assertThat(server.limiter.snapshot().dryRunRefused()).isEqualTo(1);
                assertThat(server.limiter.snapshot().timedOut()).isZero();
            }
            server.awaitZero();
        }
    }

    // Pending connections

    @Test
    void notPendingAfterARequestThoughNobodyLooksForTheFirstByte() throws Exception {
        ConnectionLimits.Builder later = ConnectionLimits.builder().handshakeTimeout(Duration.ofMinutes(10));
        try (TestServer server = new TestServer(limiter(later)).handled()) {
            try (Client client = server.connect(GREEDY)) {
                awaitPending(server, 1);
                assertThat(client.get("/")).startsWith("HTTP/1.1 200 ");
                awaitPending(server, 0);
            }
            server.awaitZero();
        }
    }

    @Test
    void pendingUntilTheFirstByteInClearText() throws Exception {
        ConnectionLimits.Builder two = ConnectionLimits.builder().maxPendingPerClient(2);
        try (TestServer server = new TestServer(limiter(two)).limited()) {
            try (Client first = server.connect(GREEDY);
                    Client second = server.connect(GREEDY)) {
                server.awaitOpen(GREEDY, 2);
                try (Client refused = server.connect(GREEDY);
                        Client other = server.admitted(MODEST)) {
                    assertThat(refused.ending()).isEqualTo("reset");
                    assertThat(other.get("/")).startsWith("HTTP/1.1 200 ");
                }
                first.send("G");
                awaitPending(server, 1);
                try (Client third = server.admitted(GREEDY)) {
                    first.send(GET.substring(1));
                    assertThat(first.readResponse()).startsWith("HTTP/1.1 200 ");
                    assertThat(second.get("/")).startsWith("HTTP/1.1 200 ");
                    assertThat(third.get("/")).startsWith("HTTP/1.1 200 ");
                }
                assertThat(server.limiter.snapshot().refusedPending()).isEqualTo(1);
            }
            server.awaitZero();
        }
    }

    @Test
    void pendingUntilTheEndOfTheHandshakeOnTls() throws Exception {
        ConnectionLimits.Builder one = ConnectionLimits.builder().maxPendingPerClient(1);
        try (TestServer server = new TestServer(limiter(one), TestServer.tls()).limited()) {
            try (Client first = server.connect(GREEDY)) {
                server.awaitOpen(GREEDY, 1);
                try (Client refused = server.connect(GREEDY)) {
                    assertThat(refused.ending()).isEqualTo("reset");
                }
                first.tls();
                awaitPending(server, 0);
                try (Client second = server.connect(GREEDY).tls()) {
                    assertThat(second.get("/")).startsWith("HTTP/1.1 200 ");
                }
            }
            server.awaitZero();
        }
    }

    private static void awaitPending(TestServer server, int connections) {
        await().atMost(TestServer.DEADLINE)
                .untilAsserted(() -> assertThat(server.limiter.snapshot().topClients())
                        .singleElement()
                        .extracting(ClientUsage::pendingConnections)
                        .isEqualTo(connections));
    }
}
