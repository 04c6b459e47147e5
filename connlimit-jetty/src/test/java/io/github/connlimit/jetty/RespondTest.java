package io.github.connlimit.jetty;

import static io.github.connlimit.jetty.Client.GREEDY;
import static io.github.connlimit.jetty.Client.MODEST;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.Refusal;
import io.github.connlimit.RefusalBudget;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import org.eclipse.jetty.http2.server.HTTP2CServerConnectionFactory;
import org.eclipse.jetty.io.Connection;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.util.thread.QueuedThreadPool;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** {@link Refusal#RESPOND}. */
class RespondTest {

    /** How many refused connections of one client may be open at once, as the core has it. */
    private static final int PLACES_PER_CLIENT = 4;

    private static final String GET = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    private static final String H2_PREFACE_AND_SETTINGS = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";

    private final CapturedLog log = new CapturedLog();
    private final ManualScheduler scheduler = new ManualScheduler();

    @AfterEach
    void nothingLogged() {
        log.close();
        assertThat(log.messages()).isEmpty();
    }

    private static ConnectionLimiter responding(int maxPerClient) {
        return new ConnectionLimiter(ConnectionLimits.builder()
                .maxPerClient(maxPerClient)
                .refuse(Refusal.RESPOND)
                .build());
    }

    @Test
    void answersAGet() throws Exception {
        try (TestServer server = new TestServer(responding(1), scheduler).limited()) {
            try (Client admitted = server.admitted(GREEDY);
                    Client other = server.admitted(MODEST)) {
                for (int i = 0; i < 50; i++) {
                    // One place is enough for clients that come one after the other.
                    awaitEndPoints(server, 2);
                    assertThat(answer(server, GET)).isEqualTo("""
                            HTTP/1.1 429 Too Many Requests\r
                            Retry-After: 1\r
                            Content-Type: text/plain;charset=utf-8\r
                            Content-Length: 32\r
                            Connection: close\r
                            \r
                            client connection limit reached
                            """);
                }
                assertThat(admitted.get("/")).startsWith("HTTP/1.1 200 ");
                assertThat(other.get("/")).startsWith("HTTP/1.1 200 ");
            }
            assertThat(server.limiter.snapshot().refused()).isGreaterThanOrEqualTo(50);
            server.awaitZero();
        }
    }

    @Test
    void answersAClientThatHasSentALargeBody() throws Exception {
        String post = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 300000\r\n\r\n" + "x".repeat(300_000);
        try (TestServer server = new TestServer(responding(1), scheduler).limited()) {
            try (Client admitted = server.admitted(GREEDY)) {
                for (int i = 0; i < 200; i++) {
                    awaitEndPoints(server, 1);
                    assertThat(answer(server, post)).as("post " + i).startsWith("HTTP/1.1 429 ");
                }
                assertThat(admitted.get("/")).startsWith("HTTP/1.1 200 ");
            }
            server.awaitZero();
        }
    }

    @Test
    void isNoConnectionToConnectionListeners() throws Exception {
        List<Connection> opened = new CopyOnWriteArrayList<>();
        TestServer server = new TestServer(responding(1), scheduler);
        server.connector.addBean(new Connection.Listener() {
            @Override
            public void onOpened(Connection connection) {
                opened.add(connection);
            }
        });
        try (server) {
            server.limited();
            try (Client admitted = server.admitted(GREEDY)) {
                assertThat(answer(server, "")).startsWith("HTTP/1.1 429 ");
                assertThat(server.limiter.snapshot().openConnections()).isEqualTo(1);
                assertThat(admitted.get("/")).startsWith("HTTP/1.1 200 ");
            }
            assertThat(opened).hasSize(1);
        }
    }

    @Test
    void resetsAClientThatDoesNotClose() throws Exception {
        try (TestServer server = new TestServer(responding(1), scheduler).limited()) {
            try (Client admitted = server.admitted(GREEDY);
                    Client refused = server.connect(GREEDY)) {
                assertThat(refused.ending()).isEqualTo("byte " + (int) 'H');
                scheduler.advance(Duration.ofMillis(RefusalBudget.MAX_LINGER_MILLIS - 1));
                assertThat(scheduler.pending()).as("the sweep and its deadline").isEqualTo(2);
                scheduler.advance(Duration.ofMillis(1));
                awaitEndPoints(server, 1);
                awaitBroken(refused);
                assertThat(admitted.get("/")).startsWith("HTTP/1.1 200 ");
            }
        }
    }

    @Test
    void resetsAClientThatDoesNotRead() throws Exception {
        try (TestServer server = new TestServer(responding(1), scheduler).limited()) {
            try (Client admitted = server.admitted(GREEDY);
                    Client refused = server.connect(GREEDY)) {
                refused.send(GET);
                awaitEndPoints(server, 2);
                letItsTimePass();
                awaitEndPoints(server, 1);
                awaitBroken(refused);
                assertThat(admitted.get("/")).startsWith("HTTP/1.1 200 ");
            }
        }
    }

    @Test
    void resetsAClientThatSendsWithoutEnd() throws Exception {
        byte[] chunk = new byte[64 * 1024];
        try (TestServer server = new TestServer(responding(1), scheduler).limited()) {
            try (Client admitted = server.admitted(GREEDY);
                    Client refused = server.connect(GREEDY)) {
                long sent = 0;
                try {
                    while (sent < 1L << 30) {
                        refused.send(chunk);
                        sent += chunk.length;
                    }
                } catch (IOException reset) {
                    // As expected.
                }
                // What it may send, and what the socket buffers hold.
                assertThat(sent).isLessThan((1 << 20) + (16 << 20));
                assertThat(admitted.get("/")).startsWith("HTTP/1.1 200 ");
            }
        }
    }

    @Test
    void resetsBeyondTheNumberThatMayBeAnswered() throws Exception {
        try (TestServer server = new TestServer(responding(1), scheduler).limited()) {
            try (Client admitted = server.admitted(GREEDY)) {
                String answered = "byte " + (int) 'H';
                assertThat(endings(server, PLACES_PER_CLIENT + 1))
                        .containsExactly(answered, answered, answered, answered, "reset");
                assertAllPlacesAreBack(server);
                assertThat(admitted.get("/")).startsWith("HTTP/1.1 200 ");
            }
        }
    }

    @Test
    void stopsWhileItAnswers() throws Exception {
        try (TestServer server = new TestServer(responding(1), scheduler).limited()) {
            for (int i = 0; i < 3; i++) {
                List<Client> refused = new ArrayList<>();
                try (Client admitted = server.admitted(GREEDY)) {
                    for (int place = 0; place < PLACES_PER_CLIENT; place++) {
                        refused.add(server.connect(GREEDY));
                    }
                    server.stopConnector();
                    server.assertZero();
                    awaitBroken(admitted);
                    for (Client client : refused) {
                        client.close();
                    }
                }
                server.connector.start();
                try (Client admitted = server.admitted(GREEDY)) {
                    assertAllPlacesAreBack(server);
                    assertThat(admitted.get("/")).startsWith("HTTP/1.1 200 ");
                }
                server.awaitZero();
            }
        }
    }

    @Test
    void resetsWhenNoThreadIsFree() throws Exception {
        TestServer server = new TestServer(responding(1), scheduler);
        QueuedThreadPool threads = (QueuedThreadPool) server.server.getThreadPool();
        try (server) {
            server.limited();
            try (Client admitted = server.admitted(GREEDY)) {
                CountDownLatch release = new CountDownLatch(1);
                int busy = threads.getMaxThreads() * 2;
                for (int i = 0; i < busy; i++) {
                    threads.execute(() -> awaitQuietly(release));
                }
                try (Client refused = server.connect(GREEDY)) {
                    letItsTimePass();
                    assertThat(refused.ending()).isEqualTo("reset");
                } finally {
                    release.countDown();
                }
                awaitEndPoints(server, 1);
                assertAllPlacesAreBack(server);
                assertThat(admitted.get("/")).startsWith("HTTP/1.1 200 ");
            }
        }
    }

    @Test
    void answersThoughTheFactoriesWereReplaced() throws Exception {
        TestServer server = new TestServer(responding(1), scheduler);
        try (server) {
            server.connector.addBean(new ConnectionLimitListener(server.limiter));
            server.connector.setConnectionFactories(List.of(new HttpConnectionFactory()));
            server.started();
            try (Client admitted = server.admitted(GREEDY)) {
                assertThat(answer(server, "")).startsWith("HTTP/1.1 429 ");
                assertThat(admitted.get("/")).startsWith("HTTP/1.1 200 ");
            }
        }
    }

    @Test
    void putsItsFactoryInFrontOnce() throws Exception {
        TestServer server = new TestServer(responding(1), scheduler);
        try (server) {
            server.limited();
            for (int i = 0; i < 3; i++) {
                assertThat(server.connector.getProtocols()).containsExactly("http/1.1", "connlimit");
                assertThat(server.connector.getDefaultProtocol()).isEqualTo("connlimit");
                assertThat(server.connector.getConnectionFactory(HttpConnectionFactory.class))
                        .isNotNull();
                assertThat(server.connector.dump()).containsOnlyOnce("FrontConnectionFactory{");
                try (Client admitted = server.admitted(GREEDY)) {
                    assertThat(answer(server, "")).startsWith("HTTP/1.1 429 ");
                    assertThat(admitted.get("/")).startsWith("HTTP/1.1 200 ");
                }
                server.awaitZero();
                server.server.stop();
                server.server.start();
            }
        }
    }

    @Test
    void takesItsFactoryAwayWhenTheListenerIsRemoved() {
        TestServer server = new TestServer(responding(1), scheduler);
        Collection<Object> connectorBeans = server.connector.getBeans();
        Collection<Object> serverBeans = server.server.getBeans();
        ConnectionLimitListener listener = new ConnectionLimitListener(server.limiter);
        server.connector.addBean(listener);
        assertThat(server.connector.getDefaultProtocol()).isEqualTo("connlimit");
        server.connector.removeBean(listener);
        assertThat(server.connector.getDefaultProtocol()).isEqualToIgnoringCase("http/1.1");
        assertThat(server.connector.getProtocols()).containsExactly("http/1.1");
        assertThat(server.connector.getBeans()).isEqualTo(connectorBeans);
        assertThat(server.server.getBeans()).isEqualTo(serverBeans);
    }

    @Test
    void isResetIfAnotherProtocolIsMadeTheDefaultWhileRunning() throws Exception {
        try (TestServer server = new TestServer(responding(1), scheduler).limited()) {
            server.connector.setDefaultProtocol("http/1.1");
            try (Client admitted = server.admitted(GREEDY);
                    Client refused = server.connect(GREEDY)) {
                assertThat(refused.ending()).isEqualTo("reset");
                assertThat(admitted.get("/")).startsWith("HTTP/1.1 200 ");
            }
        }
    }

    @Test
    void secondListenerOnAConnectorResets() throws Exception {
        TestServer server = new TestServer(responding(2), scheduler);
        ConnectionLimiter stricter = responding(1);
        try (server) {
            server.connector.addBean(new ConnectionLimitListener(server.limiter));
            server.connector.addBean(new ConnectionLimitListener(stricter));
            server.started();
            try (Client admitted = server.admitted(GREEDY);
                    Client refused = server.connect(GREEDY)) {
                assertThat(refused.ending()).isEqualTo("reset");
                server.awaitOpen(GREEDY, 1);
                assertThat(admitted.get("/")).startsWith("HTTP/1.1 200 ");
            }
        }
        assertThat(stricter.snapshot().openConnections()).isZero();
    }

    @Test
    void servesAndAnswersHttp2WithPriorKnowledge() throws Exception {
        HttpConfiguration configuration = new HttpConfiguration();
        try (TestServer server = new TestServer(
                responding(1),
                jetty -> new ServerConnector(
                        jetty,
                        1,
                        1,
                        new HttpConnectionFactory(configuration),
                        new HTTP2CServerConnectionFactory(configuration)))) {
            server.limited();
            try (Client admitted = server.connect(GREEDY)) {
                admitted.send(H2_PREFACE_AND_SETTINGS);
                byte[] frameHead = admitted.socket().getInputStream().readNBytes(9);
                assertThat(frameHead[3]).as("type SETTINGS").isEqualTo((byte) 4);
                assertThat(answer(server, H2_PREFACE_AND_SETTINGS)).startsWith("HTTP/1.1 429 ");
            }
            server.awaitZero();
        }
    }

    @Test
    void isResetWhereOnlyHttp2IsSpoken() throws Exception {
        try (TestServer server = new TestServer(
                responding(1),
                jetty ->
                        new ServerConnector(jetty, 1, 1, new HTTP2CServerConnectionFactory(new HttpConfiguration())))) {
            server.limited();
            try (Client admitted = server.connect(GREEDY);
                    Client refused = server.connect(GREEDY)) {
                assertThat(refused.ending()).isEqualTo("reset");
                admitted.send(H2_PREFACE_AND_SETTINGS);
                assertThat(admitted.socket().getInputStream().readNBytes(9)[3]).isEqualTo((byte) 4);
            }
            server.awaitZero();
        }
    }

    /** What a refused client is answered that sends this. */
    private static String answer(TestServer server, String request) throws Exception {
        try (Client refused = server.connect(GREEDY)) {
            refused.send(request);
            return refused.readAll();
        }
    }

    /** Lets pass the time that the one refused connection has. */
    private void letItsTimePass() {
        // The sweep and its deadline.
        await().atMost(TestServer.DEADLINE).until(() -> scheduler.pending() == 2);
        scheduler.advance(Duration.ofMillis(RefusalBudget.MAX_LINGER_MILLIS));
    }

    /** Opens so many connections over the limit, and says how each of them ended. */
    private static List<String> endings(TestServer server, int connections) throws Exception {
        List<Client> clients = new ArrayList<>();
        try {
            for (int i = 0; i < connections; i++) {
                clients.add(server.connect(GREEDY));
            }
            List<String> endings = new ArrayList<>();
            for (Client client : clients) {
                endings.add(client.ending());
            }
            return endings;
        } finally {
            for (Client client : clients) {
                client.close();
            }
        }
    }

    private static void assertAllPlacesAreBack(TestServer server) {
        await("as many answered at once as there are places")
                .atMost(TestServer.DEADLINE)
                .untilAsserted(
                        () -> assertThat(endings(server, PLACES_PER_CLIENT)).containsOnly("byte " + (int) 'H'));
    }

    private static void awaitEndPoints(TestServer server, int endPoints) {
        await("open for Jetty")
                .atMost(TestServer.DEADLINE)
                .pollDelay(Duration.ZERO)
                .pollInterval(Duration.ofMillis(2))
                .untilAsserted(() ->
                        assertThat(server.connector.getConnectedEndPoints()).hasSize(endPoints));
    }

    /** Waits until the server's end is gone, so that what one sends is answered by a reset. */
    private static void awaitBroken(Client client) {
        await("connection gone").atMost(TestServer.DEADLINE).until(() -> {
            try {
                client.send("x");
                return false;
            } catch (IOException broken) {
                return true;
            }
        });
    }

    private static void awaitQuietly(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
