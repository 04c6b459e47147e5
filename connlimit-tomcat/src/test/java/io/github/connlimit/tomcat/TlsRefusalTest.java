package io.github.connlimit.tomcat;

import static java.time.Duration.ofSeconds;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.Refusal;
import io.github.connlimit.RefusalBudget;
import java.io.IOException;
import java.net.SocketTimeoutException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.catalina.connector.Connector;
import org.apache.catalina.connector.Request;
import org.apache.catalina.connector.Response;
import org.apache.catalina.valves.ValveBase;
import org.apache.coyote.AbstractProtocol;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Refused connections that are let through the TLS handshake to be told why. */
@Timeout(120)
class TlsRefusalTest {

    private static final String REFUSED = "client connection limit reached\n";

    private final ConnectionLimiter limiter = new ConnectionLimiter(
            ConnectionLimits.builder().maxPerClient(1).refuse(Refusal.RESPOND).build());
    private final TestServer server = new TestServer();
    private final AtomicInteger requests = new AtomicInteger();
    private Connector connector;

    @BeforeEach
    void quiet() {
        Logs.quiet();
    }

    @AfterEach
    void endsAtZero() throws Exception {
        server.disconnect();
        // Tomcat's own count: the acceptor holds one ready for the next.
        await().atMost(ofSeconds(30))
                .untilAsserted(
                        () -> assertThat(((AbstractProtocol<?>) connector.getProtocolHandler()).getConnectionCount())
                                .isLessThanOrEqualTo(1));
        assertThat(limiter.snapshot().openConnections()).isZero();
        assertThat(limiter.snapshot().clients()).isZero();
        server.close();
    }

    private void start(Kind kind) throws Exception {
        connector = server.add(kind.protocol(limiter));
        Tls.enableWithHttp2(connector);
        server.tomcat.getEngine().getPipeline().addValve(new ValveBase(true) {
            @Override
            public void invoke(Request request, Response response)
                    throws IOException, jakarta.servlet.ServletException {
                requests.incrementAndGet();
                getNext().invoke(request, response);
            }
        });
        server.start();
        for (int client : new int[] {1, 2}) {
            Client first = Tls.client(server.connect(client, connector));
            assertThat(first.isServed()).isTrue();
        }
        requests.set(0);
    }

    private void set(String name, String value) {
        limiter.reconfigure(limits -> limits.toBuilder().set(name, value).build());
    }

    @ParameterizedTest
    @EnumSource
    void answersHttp1(Kind kind) throws Exception {
        start(kind);
        Client refused = Tls.client(server.connect(2, connector));
        assertThat(refused.get("/"))
                .startsWith("HTTP/1.1 429 ")
                .contains("\r\nRetry-After: 1\r\n", "\r\nConnection: close\r\n")
                .endsWith("\r\n\r\n" + REFUSED);
        assertThat(refused.end()).isEqualTo("fin");
        assertThat(Tls.client(server.connect(3, connector)).isServed()).isTrue();
        assertThat(requests).hasValue(1);
        assertThat(limiter.snapshot().responded()).isOne();
        assertThat(limiter.snapshot().openConnections()).isEqualTo(3);
        assertThat(limiter.snapshot().admitted()).isEqualTo(3);
    }

    @ParameterizedTest
    @EnumSource
    void answersAHeadRequestWithoutABody(Kind kind) throws Exception {
        start(kind);
        Client refused = Tls.client(server.connect(2, connector));
        refused.send("HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assertThat(new String(refused.socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII))
                .startsWith("HTTP/1.1 429 ")
                .contains("\r\nContent-Length: 32\r\n")
                .endsWith("\r\n\r\n");
    }

    @ParameterizedTest
    @EnumSource
    void aFullServerSaysSo(Kind kind) throws Exception {
        start(kind);
        set("maxTotal", "1");
        assertThat(Tls.client(server.connect(3, connector)).get("/"))
                .startsWith("HTTP/1.1 503 ")
                .contains("\r\nRetry-After: 1\r\n")
                .endsWith("\r\n\r\nserver connection limit reached\n");
    }

    @ParameterizedTest
    @EnumSource
    void answersWhoSendsALotFirst(Kind kind) throws Exception {
        start(kind);
        String body = "x".repeat(300_000);
        for (int i = 0; i < 20; i++) {
            try (Client refused = Tls.client(server.connect(2, connector))) {
                refused.send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 300000\r\n\r\n" + body);
                assertThat(refused.response()).as("try %s", i).startsWith("HTTP/1.1 429 ");
            }
            // A client has so many places only, and the server has yet to see that this one has closed.
            await().atMost(ofSeconds(30))
                    .until(() -> ((AbstractProtocol<?>) connector.getProtocolHandler()).getConnectionCount() <= 3);
        }
        assertThat(requests).hasValue(0);
    }

    @ParameterizedTest
    @EnumSource
    void answersHttp2(Kind kind) throws Exception {
        start(kind);
        Http2 http2 = new Http2(Tls.client(server.connect(2, connector), "h2"))
                .begin()
                .get(1, "/", null);
        assertThat(http2.receive().type()).isEqualTo(Http2.SETTINGS);
        Http2.Frame settings = http2.receive();
        assertThat(settings.type()).isEqualTo(Http2.SETTINGS);
        assertThat(settings.flags()).isOne();
        assertRefused(http2, 1);
        http2.get(3, "/", null);
        assertRefused(http2, 3);
        Http2.Frame goAway = http2.receive();
        assertThat(goAway.type()).isEqualTo(Http2.GOAWAY);
        assertThat(goAway.payload()).containsExactly(0, 0, 0, 3, 0, 0, 0, 0);
        assertThat(requests).hasValue(0);
    }

    private static void assertRefused(Http2 http2, int stream) throws IOException {
        Http2.Frame headers = http2.receive();
        assertThat(headers.type()).isEqualTo(Http2.HEADERS);
        assertThat(headers.stream()).isEqualTo(stream);
        assertThat(headers.text()).contains("429");
        Http2.Frame data = http2.receive();
        assertThat(data.type()).isEqualTo(Http2.DATA);
        assertThat(data.stream()).isEqualTo(stream);
        assertThat(data.flags()).isOne();
        assertThat(data.text()).isEqualTo(REFUSED);
    }

    @ParameterizedTest
    @CsvSource({"NIO, HTTP_1_1", "NIO, HTTP_2", "NIO2, HTTP_1_1", "NIO2, HTTP_2"})
    void aClientOfTheJdkUnderstands(Kind kind, HttpClient.Version version) throws Exception {
        start(kind);
        for (int i = 0; i < 3; i++) {
            HttpClient client = HttpClient.newBuilder()
                    .sslContext(Tls.context())
                    .version(version)
                    .build();
            HttpResponse<String> response = client.send(
                    HttpRequest.newBuilder(URI.create("https://127.0.0.1:" + connector.getLocalPort() + "/"))
                            .timeout(ofSeconds(30))
                            .build(),
                    HttpResponse.BodyHandlers.ofString());
            assertThat(response.statusCode()).isEqualTo(429);
            assertThat(response.version()).isEqualTo(version);
            assertThat(response.headers().firstValue("Retry-After")).contains("1");
            assertThat(response.body()).isEqualTo(REFUSED);
            await().atMost(ofSeconds(30))
                    .until(() -> ((AbstractProtocol<?>) connector.getProtocolHandler()).getConnectionCount() <= 3);
        }
        assertThat(requests).hasValue(0);
    }

    @ParameterizedTest
    @EnumSource
    void isClosedInTimeWhateverTheClientDoes(Kind kind) throws Exception {
        start(kind);
        long begin = System.nanoTime();
        // Side by side, as each takes its time.
        Client halfAHandshake = server.connect(2, connector).send("\u0016\u0003\u0001\u0002\u0000\u0001");
        Client http1 = Tls.client(server.connect(2, connector), "http/1.1");
        Client http2 = Tls.client(server.connect(2, connector), "h2");
        for (Client refused : List.of(halfAHandshake, http1, http2)) {
            try {
                refused.socket.getInputStream().readAllBytes();
            } catch (SocketTimeoutException open) {
                throw open;
            } catch (IOException reset) {
                // As good.
            }
            assertThat(System.nanoTime() - begin)
                    .isGreaterThan(TimeUnit.MILLISECONDS.toNanos(RefusalBudget.MAX_LINGER_MILLIS))
                    .isLessThan(TimeUnit.SECONDS.toNanos(15));
        }
        assertThat(limiter.snapshot().timedOut()).isZero();
    }

    @ParameterizedTest
    @EnumSource
    void placesAreGivenBack(Kind kind) throws Exception {
        start(kind);
        set("respondMaxOpen", "1");
        set("respondRate", "1000");
        for (int i = 0; i < 3; i++) {
            Client refused = Tls.client(server.connect(2, connector));
            assertThat(server.connect(2, connector).end()).isEqualTo(kind == Kind.NIO ? "rst" : "fin");
            assertThat(refused.get("/")).startsWith("HTTP/1.1 429 ");
            refused.close();
            await().atMost(ofSeconds(30))
                    .until(() -> ((AbstractProtocol<?>) connector.getProtocolHandler()).getConnectionCount() <= 3);
            // Dropped in the middle of its handshake.
            server.connect(2, connector)
                    .send("\u0016\u0003\u0001\u0002\u0000\u0001")
                    .reset();
            await().atMost(ofSeconds(30))
                    .until(() -> ((AbstractProtocol<?>) connector.getProtocolHandler()).getConnectionCount() <= 3);
        }
        assertThat(limiter.snapshot().responded()).isEqualTo(6);
        assertThat(limiter.snapshot().reset()).isEqualTo(3);
    }

    @ParameterizedTest
    @EnumSource
    void isResetWhenTheBudgetIsSpent(Kind kind) throws Exception {
        start(kind);
        set("respondBurst", "2");
        set("respondRate", "0");
        for (int i = 0; i < 2; i++) {
            assertThat(Tls.client(server.connect(2, connector)).get("/")).startsWith("HTTP/1.1 429 ");
        }
        assertThat(server.connect(2, connector).end()).isEqualTo(kind == Kind.NIO ? "rst" : "fin");
        assertThat(limiter.snapshot().responded()).isEqualTo(2);
        assertThat(limiter.snapshot().reset()).isOne();
    }

    @ParameterizedTest
    @EnumSource
    void stopsWhileSomeAreBeingAnswered(Kind kind) throws Exception {
        start(kind);
        Client refused = Tls.client(server.connect(2, connector));
        connector.stop();
        assertThat(refused.end()).isIn("fin", "rst");
        await().atMost(ofSeconds(30))
                .untilAsserted(
                        () -> assertThat(limiter.snapshot().openConnections()).isZero());
        connector.start();
        Client first = Tls.client(server.connect(2, connector));
        assertThat(first.isServed()).isTrue();
        assertThat(Tls.client(server.connect(2, connector)).get("/")).startsWith("HTTP/1.1 429 ");
    }
}
