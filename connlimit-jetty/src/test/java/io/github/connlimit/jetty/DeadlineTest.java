package io.github.connlimit.jetty;

import static io.github.connlimit.jetty.Client.GREEDY;
import static io.github.connlimit.jetty.Client.MODEST;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.github.connlimit.Cidr;
import io.github.connlimit.ClientUsage;
import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.ConnectionPhase;
import io.github.connlimit.LimiterListener;
import io.github.connlimit.testing.ManualTicker;
import java.io.IOException;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
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

    /** By the clock of the test. The server looks for what is due as often as this. */
    private static final Duration TIMEOUT = Duration.ofMillis(20);

    /** The head of a TLS record with a ClientHello, and the beginning of that. */
    private static final byte[] CLIENT_HELLO = {22, 3, 1, 2, 0, 1, 0, 1, (byte) 0xfc, 3, 3};

    private static final String GET = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

    private final CapturedLog log = new CapturedLog();
    private final ManualTicker ticker = new ManualTicker();
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
        return new ConnectionLimiter(limits.build(), ticker, new LimiterListener() {
            @Override
            public void timedOut(ClientUsage client, ConnectionPhase phase, Duration timeout, boolean dryRun) {
                assertThat(timeout).isEqualTo(TIMEOUT);
                if (!client.client().equals(Cidr.parse(TestServer.WITNESS))) {
                    timedOut.add(phase);
                }
            }
        });
    }

    /** Lets time pass until the deadlines of these phases have passed and no other. */
    private void awaitTimedOut(ConnectionPhase... phases) {
        await().atMost(TestServer.DEADLINE).until(() -> {
            ticker.advance(TIMEOUT);
            return timedOut.size() >= phases.length;
        });
        assertThat(timedOut).containsExactly(phases);
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
    private void trickle(Client client, byte[] bytes) {
        int[] sent = {0};
        await("end of the trickling client").atMost(TestServer.DEADLINE).until(() -> {
            try {
                client.send(new byte[] {bytes[Math.min(sent[0]++, bytes.length - 1)]});
                ticker.advance(TIMEOUT.dividedBy(10));
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
                awaitTimedOut(ConnectionPhase.FIRST_BYTE);
                assertEnded(silent);
                server.awaitZero();
            }
            assertThat(server.limiter.snapshot().timedOut()).isEqualTo(1);
        }
    }

    @Test
    void silentClientOnTls() throws Exception {
        try (TestServer server = new TestServer(limiter(), TestServer.tls()).limited()) {
            try (Client silent = server.connect(GREEDY)) {
                awaitTimedOut(ConnectionPhase.HANDSHAKE);
                assertEnded(silent);
                server.awaitZero();
            }
        }
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
        try (TestServer server = new TestServer(limiter(), TestServer.tls()).limited()) {
            for (String protocol : List.of("http/1.1", "h2")) {
                timedOut.clear();
                try (Client client = server.connect(GREEDY)) {
                    client.tls(protocol);
                    // The server has yet to read the end of the handshake.
                    awaitPending(server, 0);
                    awaitTimedOut(ConnectionPhase.FIRST_BYTE);
                    assertEnded(client);
                    server.awaitZero();
                }
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
                    new TestServer(limiter(), TestServer.plain(new ProxyConnectionFactory(next))).limited()) {
                try (Client silent = server.connect(GREEDY)) {
                    silent.send("PROXY TCP4 10.1.2.3 127.0.0.1 1 2\r\n");
                    // The server has yet to read the header.
                    awaitPending(server, 0);
                    awaitTimedOut(ConnectionPhase.FIRST_BYTE);
                    assertEnded(silent);
                    server.awaitZero();
                }
            }
        }
    }

    @Test
    void tricklingClientHelloThatIsDetected() throws Exception {
        try (TestServer server = new TestServer(limiter(), DeadlineTest::detecting).limited()) {
            try (Client trickling = server.connect(GREEDY);
                    Client silent = server.connect(MODEST);
                    Client established = server.admitted("127.0.0.4")) {
                server.awaitOpen(MODEST, 1);
                trickle(trickling, CLIENT_HELLO);
                awaitTimedOut(ConnectionPhase.HANDSHAKE, ConnectionPhase.HANDSHAKE);
                assertEnded(silent);
                server.awaitOpen(GREEDY, 0);
                server.letTimePass(ticker, TIMEOUT);
                assertThat(established.get("/")).startsWith("HTTP/1.1 200 ");
            }
        }
        assertThat(timedOut).hasSize(2);
    }

    /** TLS and clear text on one port. */
    private static ServerConnector detecting(org.eclipse.jetty.server.Server server) throws Exception {
        SslConnectionFactory ssl = new SslConnectionFactory(TestTls.serverContext(), "http/1.1");
        return new ServerConnector(server, 1, 1, new DetectorConnectionFactory(ssl), new HttpConnectionFactory());
    }

    @Test
    void closesManyAtOnce() throws Exception {
        try (TestServer server = new TestServer(limiter(ConnectionLimits.builder()
                                .handshakeTimeout(TIMEOUT)
                                .maxPerClient(0)))
                        .limited();
                Client served = server.admitted(MODEST)) {
            List<Client> silent = new ArrayList<>();
            for (int i = 0; i < 500; i++) {
                silent.add(server.connect(GREEDY));
            }
            server.awaitOpen(GREEDY, 500);
            ConnectionPhase[] all = new ConnectionPhase[500];
            Arrays.fill(all, ConnectionPhase.FIRST_BYTE);
            awaitTimedOut(all);
            server.awaitOpen(GREEDY, 0);
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
                awaitTimedOut(ConnectionPhase.FIRST_BYTE);
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

    private static void awaitRead(TestServer server) {
        await().atMost(TestServer.DEADLINE)
                .until(() -> server.connector.getConnectedEndPoints().stream()
                        .anyMatch(endPoint -> endPoint.getConnection().getBytesIn() > 0));
    }

    @Test
    void firstByteIsEnough() throws Exception {
        try (TestServer server = new TestServer(limiter()).limited()) {
            try (Client slow = server.connect(GREEDY)) {
                slow.send("G");
                awaitRead(server);
                server.letTimePass(ticker, TIMEOUT);
                slow.send(GET.substring(1));
                assertThat(slow.readResponse()).startsWith("HTTP/1.1 200 ");
            }
            server.awaitZero();
        }
        assertThat(timedOut).isEmpty();
    }

    @Test
    void keepAliveRequestsInProcessAndUpgradedConnectionsInClearText() throws Exception {
        try (TestServer server = new TestServer(limiter()).limited()) {
            assertUntouched(server, server.connect(GREEDY), server.connect(GREEDY), server.connect(GREEDY));
        }
    }

    @Test
    void behindAProxyHeader() throws Exception {
        for (String next : new String[] {null, "http/1.1"}) {
            try (TestServer server =
                    new TestServer(limiter(), TestServer.plain(new ProxyConnectionFactory(next))).limited()) {
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
        server.letTimePass(ticker, TIMEOUT);
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
        try (TestServer server = new TestServer(limiter(), TestServer.tls()).limited()) {
            Client[] clients = new Client[3];
            for (int i = 0; i < clients.length; i++) {
                clients[i] = server.connect(GREEDY).tls();
            }
            assertUntouched(server, clients);
        }
    }

    @Test
    void http2() throws Exception {
        try (TestServer server = new TestServer(limiter(), TestServer.tls()).limited()) {
            try (Http2Connection connection = Http2Connection.open(GREEDY, server.port())) {
                server.letTimePass(ticker, TIMEOUT);
                assertThat(connection.get("/").status()).isEqualTo(200);
                server.letTimePass(ticker, TIMEOUT);
                assertThat(connection.get("/").status()).isEqualTo(200);
                assertThat(timedOut).isEmpty();
            }
            server.awaitZero();
        }
    }

    @Test
    void noTimeoutNoDeadline() throws Exception {
        ConnectionLimits.Builder noHandshakeTimeout =
                ConnectionLimits.builder().handshakeTimeout(Duration.ZERO).headerTimeout(TIMEOUT);
        try (TestServer server = new TestServer(limiter(noHandshakeTimeout)).handled()) {
            try (Client silent = server.connect(GREEDY)) {
                server.letTimePass(ticker, TIMEOUT);
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
                awaitTimedOut(ConnectionPhase.FIRST_BYTE, ConnectionPhase.FIRST_BYTE);
                assertThat(silent.get("/")).startsWith("HTTP/1.1 200 ");
                assertThat(another.get("/")).startsWith("HTTP/1.1 200 ");
                assertThat(server.limiter.snapshot().dryRunRefused()).isEqualTo(1);
                assertThat(server.limiter.snapshot().timedOut()).isZero();
                assertThat(server.limiter.snapshot().dryRunTimedOut()).isEqualTo(2);
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
