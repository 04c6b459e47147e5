package io.github.connlimit.tomcat;

import static java.time.Duration.ofSeconds;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.github.connlimit.ClientUsage;
import jakarta.servlet.AsyncContext;
import jakarta.servlet.ServletException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.logging.Level;
import org.apache.catalina.connector.Connector;
import org.apache.catalina.connector.Request;
import org.apache.catalina.connector.Response;
import org.apache.catalina.valves.RemoteIpValve;
import org.apache.catalina.valves.ValveBase;
import org.apache.tomcat.util.net.SocketWrapperBase;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Of ten connections, seven may be long-lived streams. */
@Timeout(120)
class StreamTest {

    private static final int STREAMS = 7;
    private static final String EVENTS = "Accept: text/event-stream\r\n";

    private final TestServer server = new TestServer();
    private final ConnectionLimitValve valve = new ConnectionLimitValve();

    @BeforeEach
    void limits() {
        Logs.quiet();
        valve.setMaxPerClient("10");
        valve.setReservedConnections("3");
        server.addWebSocket();
    }

    @AfterEach
    void endsAtZero() throws Exception {
        server.close();
        await().atMost(ofSeconds(30)).untilAsserted(() -> {
            assertThat(valve.getOpenConnections()).isZero();
            assertThat(valve.getClients()).isZero();
        });
    }

    private Connector start(Connector connector) throws Exception {
        server.tomcat.getEngine().getPipeline().addValve(valve);
        server.start();
        return connector;
    }

    private int streams() {
        return valve.getLimiter().snapshot().topClients().stream()
                .mapToInt(ClientUsage::streams)
                .sum();
    }

    private void awaitStreams(int count) {
        await().atMost(ofSeconds(30)).untilAsserted(() -> assertThat(streams()).isEqualTo(count));
    }

    private static void assertRefused(Client client, String response) {
        assertThat(response).startsWith("HTTP/1.1 429").contains("\r\nRetry-After: 1\r\n", "\r\nConnection: close\r\n");
        assertThat(client.end()).isEqualTo("fin");
    }

    @ParameterizedTest
    @EnumSource
    void webSocketsCannotUseTheReserve(Kind kind) throws Exception {
        Connector connector = start(server.add(kind.protocol()));
        List<Client> open = new ArrayList<>();
        for (int i = 0; i < STREAMS; i++) {
            Client client = server.connect(2, connector);
            assertThat(client.webSocket()).startsWith("HTTP/1.1 101");
            open.add(client);
        }
        Client refused = server.connect(2, connector);
        assertRefused(refused, refused.webSocket());
        assertThat(valve.getRefusedStreams()).isOne();
        assertThat(server.connect(2, connector).isServed()).isTrue();
        assertThat(server.connect(3, connector).webSocket()).startsWith("HTTP/1.1 101");
        for (Client client : open) {
            assertThat(client.echoes()).isTrue();
        }

        open.get(0).close();
        awaitStreams(STREAMS);
        assertThat(server.connect(2, connector).webSocket()).startsWith("HTTP/1.1 101");
        server.disconnect();
        awaitStreams(0);
    }

    /** As Linux does by itself when ports are short, and a proxy with two addresses of the server. */
    @ParameterizedTest
    @EnumSource
    void aPortOfTheClientsMayHaveAConnectionToEachAddressOfTheServer(Kind kind) throws Exception {
        Connector connector = server.add(kind.protocol());
        connector.setProperty("address", "0.0.0.0");
        start(connector);
        for (int i = 0; i < STREAMS + 1; i++) {
            Client one = server.connect(2, 0, 1, connector);
            assertThat(one.isServed()).isTrue();
            Client other = server.connect(2, one.socket.getLocalPort(), 10, connector);
            Client stream = i % 2 == 0 ? one : other;
            String response = stream.webSocket();
            if (i < STREAMS) {
                assertThat(response).startsWith("HTTP/1.1 101");
                (i % 2 == 0 ? other : one).close();
                await().atMost(ofSeconds(30)).until(() -> valve.getOpenConnections() == streams());
            } else {
                assertRefused(stream, response);
            }
        }
        assertThat(streams()).isEqualTo(STREAMS);
        server.disconnect();
        awaitStreams(0);
    }

    @ParameterizedTest
    @CsvSource({"NIO, false", "NIO, true", "NIO2, false", "NIO2, true"})
    void eventStreamsCannotUseTheReserve(Kind kind, boolean tls) throws Exception {
        Connector connector = server.add(kind.protocol());
        if (tls) {
            Tls.enable(connector);
        }
        start(connector);
        for (int i = 0; i < STREAMS; i++) {
            Client client = connect(connector, tls);
            assertThat(client.request("/events", EVENTS).response()).startsWith("HTTP/1.1 200");
        }
        awaitStreams(STREAMS);
        Client refused = connect(connector, tls);
        assertRefused(refused, refused.request("/events", EVENTS).response());
        assertThat(connect(connector, tls).isServed()).isTrue();

        server.async.remove().complete();
        awaitStreams(STREAMS - 1);
        assertThat(connect(connector, tls).request("/events", EVENTS).response())
                .startsWith("HTTP/1.1 200");
        await().atMost(ofSeconds(30)).until(() -> server.async.size() == STREAMS);
        server.async.forEach(AsyncContext::complete);
        awaitStreams(0);
    }

    /** NIO2 cannot tell then where it came from. */
    @Test
    void aStreamWhoseConnectionHasJustBeenClosedIsNoError() throws Exception {
        try (Logs logs = Logs.listen()) {
            LimitedNio2Endpoint endpoint = new LimitedNio2Endpoint();
            Connector connector = server.add(new ConnectionLimitHttp11Nio2Protocol(endpoint));
            CountDownLatch asked = new CountDownLatch(2);
            Queue<String> told = new ConcurrentLinkedQueue<>();
            server.tomcat.getEngine().getPipeline().addValve(new ValveBase(true) {
                @Override
                public void invoke(Request request, Response response) throws IOException, ServletException {
                    endpoint.getConnections().forEach(SocketWrapperBase::close);
                    told.add(request.getPeerAddr() + ":" + request.getRemotePort());
                    getNext().invoke(request, response);
                    asked.countDown();
                }
            });
            start(connector);
            server.connect(2, connector).request("/events", EVENTS);
            // The Valve closes every connection that there is, so the next one must not be there yet.
            await().atMost(ofSeconds(30)).until(() -> asked.getCount() == 1);
            server.connect(2, connector).request("/ws", "Upgrade: websocket\r\nConnection: Upgrade\r\n");
            assertThat(asked.await(30, TimeUnit.SECONDS)).isTrue();
            assertThat(told).containsExactly("null:-1", "null:-1");
            awaitStreams(0);
            assertThat(logs.messages(Level.WARNING, "onError decides")).isEmpty();
        }
    }

    private Client connect(Connector connector, boolean tls) throws Exception {
        Client client = server.connect(2, connector);
        return tls ? Tls.client(client) : client;
    }

    @ParameterizedTest
    @EnumSource
    void severalOnOneHttp2ConnectionCountOnce(Kind kind) throws Exception {
        Connector connector = server.add(kind.protocol());
        Tls.enableWithHttp2(connector);
        start(connector);
        List<Http2> connections = new ArrayList<>();
        for (int i = 0; i < STREAMS; i++) {
            Http2 http2 = new Http2(Tls.client(server.connect(2, connector), "h2")).begin();
            http2.get(1, "/events", "text/html, Text/Event-Stream;q=0.5").get(3, "/events", "text/event-stream");
            connections.add(http2);
        }
        awaitStreams(STREAMS);
        await().atMost(ofSeconds(30)).until(() -> server.async.size() == 2 * STREAMS);
        Http2 over = new Http2(Tls.client(server.connect(2, connector), "h2")).begin();
        over.get(1, "/events", "text/event-stream");
        assertThat(over.receive(Http2.DATA).text()).isEqualTo("client connection limit reached\n");
        over.get(3, "/", null);
        assertThat(over.receive(Http2.DATA).text()).isEqualTo("OK");

        // Another on a connection that counts already.
        connections.get(0).get(5, "/events", "text/event-stream");
        await().atMost(ofSeconds(30)).until(() -> server.async.size() == 2 * STREAMS + 1);
        assertThat(streams()).isEqualTo(STREAMS);
        server.async.forEach(AsyncContext::complete);
        awaitStreams(0);
    }

    @ParameterizedTest
    @EnumSource
    void anUpgradeHandlerCountsUntilItsConnectionIsClosed(Kind kind) throws Exception {
        Connector connector = start(server.add(kind.protocol()));
        Client client = server.connect(2, connector);
        assertThat(client.request("/upgrade", "Connection: Upgrade\r\nUpgrade: test\r\n")
                        .response())
                .startsWith("HTTP/1.1 101");
        awaitStreams(1);
        client.close();
        awaitStreams(0);
    }

    @ParameterizedTest
    @EnumSource
    void whatDoesNotUpgradeIsAStreamForTheRequestOnly(Kind kind) throws Exception {
        Connector connector = start(server.add(kind.protocol()));
        Client client = server.connect(2, connector);
        String upgrade = "Connection: Upgrade\r\nUpgrade: test\r\n";
        for (int i = 0; i < STREAMS; i++) {
            assertThat(client.request("/", upgrade).response()).startsWith("HTTP/1.1 200");
        }
        awaitStreams(0);
        Client asynchronous = server.connect(2, connector).request("/async", EVENTS);
        AsyncContext context = server.async.poll(30, TimeUnit.SECONDS);
        awaitStreams(1);
        context.dispatch();
        assertThat(asynchronous.response()).startsWith("HTTP/1.1 200");
        awaitStreams(0);
    }

    @ParameterizedTest
    @EnumSource
    void clearTextHttp2IsNoStream(Kind kind) throws Exception {
        Connector connector = start(server.add(kind.protocol()));
        Client client = server.connect(2, connector)
                .request("/hold", "Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: \r\n");
        await().atMost(ofSeconds(30)).until(() -> server.holding.get() == 1);
        assertThat(streams()).isZero();
        server.hold.countDown();
        assertThat(client.response()).startsWith("HTTP/1.1 200");
    }

    @ParameterizedTest
    @EnumSource
    void streamsCountForTheClientBehindAProxy(Kind kind) throws Exception {
        valve.setRules("127.0.0.9=unlimited");
        RemoteIpValve remoteIp = new RemoteIpValve();
        remoteIp.setInternalProxies("127\\.0\\.0\\.9");
        server.tomcat.getEngine().getPipeline().addValve(remoteIp);
        Connector connector = start(server.add(kind.protocol()));
        String webSocket = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                + "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nX-Forwarded-For: 203.0.113.";
        Client first = null;
        for (int i = 0; i < STREAMS; i++) {
            Client client = server.connect(9, connector);
            assertThat(client.request("/ws", webSocket + "1\r\n").response()).startsWith("HTTP/1.1 101");
            first = first == null ? client : first;
        }
        // Each goes on as long as its connection, though its request is over.
        assertThat(streams()).isEqualTo(STREAMS);
        assertThat(server.connect(9, connector)
                        .request("/ws", webSocket + "1\r\n")
                        .response())
                .startsWith("HTTP/1.1 429");
        assertThat(server.connect(9, connector)
                        .request("/ws", webSocket + "2\r\n")
                        .response())
                .startsWith("HTTP/1.1 101");
        assertThat(server.connect(9, connector)
                        .request("/", "X-Forwarded-For: 203.0.113.1\r\n")
                        .response())
                .startsWith("HTTP/1.1 200");
        first.close();
        awaitStreams(STREAMS);
        assertThat(server.connect(9, connector)
                        .request("/ws", webSocket + "1\r\n")
                        .response())
                .startsWith("HTTP/1.1 101");
    }

    @ParameterizedTest
    @EnumSource
    void eventStreamsCountOnAStockConnectorToo(Kind kind) throws Exception {
        Connector connector = start(server.add(kind.stock()));
        for (int i = 0; i < STREAMS; i++) {
            assertThat(server.connect(2, connector).request("/events", EVENTS).response())
                    .startsWith("HTTP/1.1 200");
        }
        Client refused = server.connect(2, connector);
        assertRefused(refused, refused.request("/events", EVENTS).response());
        assertThat(server.connect(2, connector).isServed()).isTrue();
        server.async.forEach(AsyncContext::complete);
        awaitStreams(0);
    }

    @ParameterizedTest
    @EnumSource
    void inADryRunNoStreamIsRefused(Kind kind) throws Exception {
        valve.setDryRun("true");
        Connector connector = start(server.add(kind.protocol()));
        for (int i = 0; i < STREAMS + 2; i++) {
            assertThat(server.connect(2, connector).webSocket()).startsWith("HTTP/1.1 101");
        }
        assertThat(streams()).isEqualTo(STREAMS + 2);
        assertThat(valve.getDryRunRefused()).isEqualTo(2);
        assertThat(valve.getRefusedStreams()).isZero();
    }
}
