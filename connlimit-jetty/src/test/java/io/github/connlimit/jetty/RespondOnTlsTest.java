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
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import org.eclipse.jetty.http2.frames.GoAwayFrame;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.server.SslConnectionFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** {@link Refusal#RESPOND} on TLS. */
class RespondOnTlsTest {

    private static final String GET = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

    private final CapturedLog log = new CapturedLog();

    @AfterEach
    void nothingLogged() {
        log.close();
        assertThat(log.messages()).isEmpty();
    }

    private static ConnectionLimits.Builder responding() {
        return ConnectionLimits.builder().maxPerClient(1).refuse(Refusal.RESPOND);
    }

    private static TestServer server(ConnectionLimits.Builder limits) throws Exception {
        return new TestServer(new ConnectionLimiter(limits.build()), TestServer.tls()).limited();
    }

    @Test
    void answersByHttp1() throws Exception {
        byte[] body = new byte[100_000];
        Arrays.fill(body, (byte) 'x');
        try (TestServer server = server(responding())) {
            try (Client admitted = server.connect(GREEDY).tls()) {
                assertThat(admitted.get("/")).startsWith("HTTP/1.1 200 ");
                for (int i = 0; i < 50; i++) {
                    awaitEndPoints(server, 1);
                    try (Client refused = server.connect(GREEDY).tls()) {
                        if (i % 2 == 0) {
                            refused.send(GET);
                        } else {
                            refused.send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n");
                            refused.send(body);
                        }
                        assertThat(refused.readAll())
                                .startsWith("HTTP/1.1 429 ")
                                .contains("\r\nConnection: close\r\n")
                                .contains("\r\nRetry-After: 1\r\n")
                                .endsWith("\r\n\r\nclient connection limit reached\n");
                    }
                }
                assertThat(server.limiter.snapshot().openConnections()).isEqualTo(1);
                assertThat(admitted.get("/")).startsWith("HTTP/1.1 200 ");
            }
            server.awaitZero();
            assertThat(server.limiter.snapshot().admitted()).isEqualTo(1);
            assertThat(server.limiter.snapshot().responded()).isEqualTo(50);
            assertThat(server.limiter.snapshot().reset()).isZero();
            assertThat(server.requests).hasValue(2);
        }
    }

    @Test
    void answersAHeadRequestWithoutABody() throws Exception {
        try (TestServer server = server(responding())) {
            try (Client admitted = server.connect(GREEDY).tls();
                    Client refused = server.connect(GREEDY).tls()) {
                refused.send("HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n");
                assertThat(refused.readAll())
                        .startsWith("HTTP/1.1 429 ")
                        .contains("\r\nContent-Length: 32\r\n")
                        .endsWith("\r\n\r\n");
                assertThat(admitted.get("/")).startsWith("HTTP/1.1 200 ");
            }
            server.awaitZero();
        }
    }

    @Test
    void aFullServerSaysSo() throws Exception {
        try (TestServer server = server(ConnectionLimits.builder().maxTotal(1).refuse(Refusal.RESPOND))) {
            try (Client admitted = server.connect(MODEST).tls();
                    Client refused = server.connect(GREEDY).tls()) {
                refused.send(GET);
                assertThat(refused.readAll())
                        .startsWith("HTTP/1.1 503 ")
                        .contains("\r\nRetry-After: 1\r\n")
                        .endsWith("\r\n\r\nserver connection limit reached\n");
                assertThat(admitted.get("/")).startsWith("HTTP/1.1 200 ");
            }
            server.awaitZero();
        }
    }

    /** Some clients send nothing before they have seen the server's SETTINGS. */
    @Test
    void greetsByHttp2BeforeTheClientHasSentAnything() throws Exception {
        try (TestServer server = server(responding())) {
            try (Client admitted = server.connect(GREEDY).tls();
                    Client refused = server.connect(GREEDY).tls("h2")) {
                // SETTINGS: nine bytes, of type 4, on stream 0.
                for (int expected : new int[] {0, 0, 0, 4, 0, 0, 0, 0, 0}) {
                    assertThat(refused.read()).isEqualTo(expected);
                }
                assertThat(admitted.get("/")).startsWith("HTTP/1.1 200 ");
            }
            server.awaitZero();
        }
    }

    @Test
    void answersByHttp2() throws Exception {
        try (TestServer server = server(responding())) {
            try (Http2Connection admitted = Http2Connection.open(GREEDY, server.port());
                    Http2Connection other = Http2Connection.open(MODEST, server.port())) {
                assertThat(admitted.get("/").status()).isEqualTo(200);
                for (int i = 0; i < 20; i++) {
                    awaitEndPoints(server, 2);
                    try (Http2Connection refused = Http2Connection.open(GREEDY, server.port())) {
                        Http2Connection.Response response = refused.get("/");
                        assertThat(response.status()).isEqualTo(429);
                        assertThat(response.fields().get("Retry-After")).isEqualTo("1");
                        assertThat(response.fields().get("Content-Type")).isEqualTo("text/plain;charset=utf-8");
                        assertThat(response.body().get(20, TimeUnit.SECONDS))
                                .isEqualTo("client connection limit reached\n");
                        GoAwayFrame goAway = refused.goAway();
                        assertThat(goAway.getLastStreamId()).isEqualTo(1);
                        assertThat(goAway.getError()).isZero();
                    }
                }
                assertThat(admitted.get("/").status()).isEqualTo(200);
                assertThat(other.get("/").status()).isEqualTo(200);
            }
            server.awaitZero();
            assertThat(server.requests).hasValue(3);
        }
    }

    @Test
    void resetsBeyondTheBudget() throws Exception {
        try (TestServer server = server(responding().respondRate(0).respondBurst(2))) {
            try (Client admitted = server.connect(GREEDY).tls()) {
                assertThat(admitted.get("/")).startsWith("HTTP/1.1 200 ");
                for (int i = 0; i < 2; i++) {
                    try (Client answered = server.connect(GREEDY).tls()) {
                        answered.send(GET);
                        assertThat(answered.readAll()).startsWith("HTTP/1.1 429 ");
                    }
                    awaitEndPoints(server, 1);
                }
                for (int i = 0; i < 3; i++) {
                    try (Client reset = server.connect(GREEDY)) {
                        assertThat(reset.ending()).isEqualTo("reset");
                    }
                }
                assertThat(server.limiter.snapshot().responded()).isEqualTo(2);
                assertThat(server.limiter.snapshot().reset()).isEqualTo(3);
                assertThat(admitted.get("/")).startsWith("HTTP/1.1 200 ");
            }
            server.awaitZero();
        }
    }

    @Test
    void resetsWhoeverTakesTooLong() throws Exception {
        ManualScheduler scheduler = new ManualScheduler();
        ConnectionLimits.Builder limits = responding()
                .handshakeTimeout(Duration.ofMillis(1500))
                .respondMaxOpen(2)
                .maxPendingPerClient(0);
        try (TestServer server =
                new TestServer(new ConnectionLimiter(limits.build()), TestServer.tls(scheduler)).limited()) {
            try (Client admitted = server.connect(GREEDY).tls()) {
                assertThat(admitted.get("/")).startsWith("HTTP/1.1 200 ");
                for (int i = 0; i < 2; i++) {
                    try (Client noHandshake = server.connect(GREEDY);
                            Client noRequest = server.connect(GREEDY).tls()) {
                        noHandshake.send(new byte[] {22, 3, 1, 2, 0, 1});
                        awaitEndPoints(server, 3);
                        scheduler.advance(Duration.ofMillis(1500 + RefusalBudget.MAX_LINGER_MILLIS - 1));
                        assertThat(scheduler.pending())
                                .as("the sweep and two deadlines")
                                .isEqualTo(3);
                        scheduler.advance(Duration.ofMillis(1));
                        assertThat(noHandshake.ending()).isEqualTo("reset");
                        assertEnded(noRequest);
                    }
                    awaitEndPoints(server, 1);
                }
                assertThat(server.limiter.snapshot().responded()).isEqualTo(4);
                assertThat(server.limiter.snapshot().reset()).isZero();
                assertThat(server.limiter.snapshot().timedOut()).isZero();
                assertThat(admitted.get("/")).startsWith("HTTP/1.1 200 ");
            }
            server.awaitZero();
        }
    }

    private static void assertEnded(Client client) {
        try {
            // On TLS, the server says goodbye.
            assertThat(client.readAll()).hasSizeLessThan(100);
        } catch (IOException reset) {
            assertThat(reset).hasMessageContaining("reset");
        }
    }

    @Test
    void survivesGarbage() throws Exception {
        try (TestServer server = server(responding())) {
            try (Client admitted = server.connect(GREEDY).tls()) {
                assertThat(admitted.get("/")).startsWith("HTTP/1.1 200 ");
                try (Client garbage = server.connect(GREEDY)) {
                    garbage.send("this is no TLS record at all, whatever it is\r\n\r\n");
                    awaitEndPoints(server, 1);
                }
                try (Client frames = server.connect(GREEDY)) {
                    frames.tls("h2");
                    frames.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\177\177\177\177\177\177\177\177\177");
                    assertEnded(frames);
                }
                awaitEndPoints(server, 1);
                assertThat(admitted.get("/")).startsWith("HTTP/1.1 200 ");
            }
            server.awaitZero();
        }
    }

    @Test
    void stopsWhileItAnswers() throws Exception {
        try (TestServer server = server(responding().respondMaxOpen(2))) {
            for (int i = 0; i < 2; i++) {
                try (Client admitted = server.connect(GREEDY).tls();
                        Client refused = server.connect(GREEDY).tls();
                        Client silent = server.connect(GREEDY)) {
                    server.awaitOpen(GREEDY, 1);
                    server.stopConnector();
                    server.assertZero();
                    assertEnded(admitted);
                    assertEnded(refused);
                    assertEnded(silent);
                }
                server.connector.start();
            }
            try (Client admitted = server.connect(GREEDY).tls();
                    Client refused = server.connect(GREEDY).tls()) {
                refused.send(GET);
                assertThat(refused.readAll()).startsWith("HTTP/1.1 429 ");
                assertThat(admitted.get("/")).startsWith("HTTP/1.1 200 ");
            }
            server.awaitZero();
        }
    }

    @Test
    void isInFrontThoughTlsIsAddedAfterTheListener() throws Exception {
        TestServer server = new TestServer(new ConnectionLimiter(responding().build()));
        try (server) {
            server.connector.addBean(new ConnectionLimitListener(server.limiter));
            server.connector.addFirstConnectionFactory(new SslConnectionFactory(TestTls.serverContext(), "http/1.1"));
            server.started();
            assertThat(server.connector.getProtocols()).containsExactly("ssl", "http/1.1", "ssl-connlimit");
            assertThat(server.server.getURI().getScheme()).isEqualTo("https");
            try (Client admitted = server.connect(GREEDY).tls();
                    Client refused = server.connect(GREEDY).tls()) {
                refused.send(GET);
                assertThat(refused.readAll()).startsWith("HTTP/1.1 429 ");
                assertThat(admitted.get("/")).startsWith("HTTP/1.1 200 ");
            }
            server.awaitZero();
        }
    }

    @Test
    void leavesTheConnectorAsItWas() throws Exception {
        TestServer server = new TestServer(
                new ConnectionLimiter(responding().build()),
                jetty -> new ServerConnector(
                        jetty,
                        1,
                        1,
                        new SslConnectionFactory(TestTls.serverContext(), "http/1.1"),
                        new HttpConnectionFactory()));
        ConnectionLimitListener listener = new ConnectionLimitListener(server.limiter);
        server.connector.addBean(listener);
        assertThat(server.connector.getDefaultProtocol()).isEqualTo("ssl-connlimit");
        server.connector.removeBean(listener);
        assertThat(server.connector.getDefaultProtocol()).isEqualToIgnoringCase("ssl");
        assertThat(server.connector.getProtocols()).containsExactly("ssl", "http/1.1");
    }

    private static void awaitEndPoints(TestServer server, int endPoints) {
        await("open for Jetty")
                .atMost(TestServer.DEADLINE)
                .untilAsserted(() ->
                        assertThat(server.connector.getConnectedEndPoints()).hasSize(endPoints));
    }
}
