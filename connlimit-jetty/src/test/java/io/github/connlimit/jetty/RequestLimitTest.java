package io.github.connlimit.jetty;

import static io.github.connlimit.jetty.Client.GREEDY;
import static io.github.connlimit.jetty.Client.MODEST;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.github.connlimit.ClientUsage;
import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.server.ForwardedRequestCustomizer;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.ProxyConnectionFactory;
import org.eclipse.jetty.server.handler.ContextHandler;
import org.eclipse.jetty.server.handler.ContextHandlerCollection;
import org.eclipse.jetty.util.Callback;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** {@link ConnectionLimitHandler}. */
class RequestLimitTest {

    /** Exempt by a rule. */
    private static final String PROXY = "127.0.0.9";

    private static final String REMOTE = "10.1.2.3";
    private static final String OTHER = "10.1.2.4";

    private static final String UPGRADE =
            "GET /upgrade HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n";
    private static final HttpFields EVENTS = HttpFields.build().add("Accept", "text/event-stream");

    private final CapturedLog log = new CapturedLog();

    @AfterEach
    void endLog() {
        log.close();
    }

    private static String get(String path, String header) {
        return "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n" + header + "\r\n\r\n";
    }

    private static String events(String path) {
        return get(path, "Accept: Text/Event-Stream, */*;q=0.1");
    }

    private static String forwarded(String path, String client) {
        return get(path, "X-Forwarded-For: " + client);
    }

    private static void assertRefused(Client client, String request) throws Exception {
        client.send(request);
        assertThat(client.readAll())
                .startsWith("HTTP/1.1 429 ")
                .contains("\r\nRetry-After: 1\r\n")
                .contains("\r\nConnection: close\r\n")
                .endsWith("\r\n\r\nclient connection limit reached\n");
    }

    /** A proxy's connection is kept: its next request may be of another client. */
    private static void assertRefusedAndKept(Client client, String request) throws Exception {
        client.send(request);
        assertThat(client.readResponse())
                .startsWith("HTTP/1.1 429 ")
                .contains("\r\nRetry-After: 1\r\n")
                .doesNotContain("\r\nConnection: close\r\n")
                .endsWith("\r\n\r\nclient connection limit reached\n");
    }

    private static void awaitStreams(TestServer server, int streams) {
        await("streams")
                .atMost(TestServer.DEADLINE)
                .untilAsserted(() -> assertThat(server.limiter.snapshot().topClients().stream()
                                .mapToInt(ClientUsage::streams)
                                .sum())
                        .isEqualTo(streams));
    }

    // Streams

    /** Two streams of eight connections. */
    private static ConnectionLimits.Builder reserving() {
        return ConnectionLimits.builder().maxPerClient(8).reservedConnections(2).limit("127.0.0.3", 100);
    }

    private static TestServer reservingServer(boolean tls) throws Exception {
        ConnectionLimiter limiter = new ConnectionLimiter(reserving().build());
        return (tls ? new TestServer(limiter, TestServer.tls()) : new TestServer(limiter)).handled();
    }

    private static Client connect(TestServer server, boolean tls) throws Exception {
        Client client = server.connect(GREEDY);
        return tls ? client.tls() : client;
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void streamsLeaveTheReserve(boolean tls) throws Exception {
        try (TestServer server = reservingServer(tls)) {
            List<Client> streams = new ArrayList<>();
            for (int i = 0; i < 6; i++) {
                Client client = connect(server, tls);
                if (i % 2 == 0) {
                    client.send(UPGRADE);
                    assertThat(client.readHead()).startsWith("HTTP/1.1 101 ");
                } else {
                    client.send(events("/async"));
                }
                streams.add(client);
            }
            await().atMost(TestServer.DEADLINE).until(() -> server.async.size() == 3);
            awaitStreams(server, 6);
            int requests = server.requests.get();
            try (Client refused = connect(server, tls)) {
                assertRefused(refused, UPGRADE);
            }
            try (Client refused = connect(server, tls)) {
                assertRefused(refused, events("/"));
            }
            assertThat(server.requests).hasValue(requests);
            assertThat(server.limiter.snapshot().refusedStreams()).isEqualTo(2);
            try (Client ordinary = connect(server, tls);
                    Client other = tls ? server.connect(MODEST).tls() : server.connect(MODEST)) {
                assertThat(ordinary.get("/")).startsWith("HTTP/1.1 200 ");
                other.send(UPGRADE);
                assertThat(other.readHead()).startsWith("HTTP/1.1 101 ");
            }
            // An event stream ends with its response, an upgraded connection when it is closed.
            server.async.forEach(Callback::succeeded);
            awaitStreams(server, 3);
            streams.get(0).close();
            awaitStreams(server, 2);
            // Not with its response.
            streams.get(2).send("x");
            assertThat(streams.get(2).read()).isEqualTo('x');
            try (Client again = connect(server, tls)) {
                again.send(UPGRADE);
                assertThat(again.readHead()).startsWith("HTTP/1.1 101 ");
                awaitStreams(server, 3);
            }
            for (Client client : streams) {
                client.close();
            }
            server.awaitZero();
        }
        assertThat(log.messages()).isEmpty();
    }

    @Test
    void requestThatDoesNotUpgradeIsNoStreamAfterwards() throws Exception {
        try (TestServer server = reservingServer(false)) {
            try (Client client = server.connect(GREEDY)) {
                for (int i = 0; i < 20; i++) {
                    client.send(get("/", "Connection: upgrade\r\nUpgrade: websocket"));
                    assertThat(client.readResponse()).startsWith("HTTP/1.1 200 ");
                    client.send(events("/"));
                    assertThat(client.readResponse()).startsWith("HTTP/1.1 200 ");
                }
                awaitStreams(server, 0);
                client.send(events("/throw"));
                assertThat(client.readResponse()).startsWith("HTTP/1.1 500 ");
                awaitStreams(server, 0);
            }
            server.awaitZero();
        }
    }

    @Test
    void h2cAndOrdinaryRequestsAreNoStreams() throws Exception {
        try (TestServer server = reservingServer(false)) {
            List<Client> streams = new ArrayList<>();
            for (int i = 0; i < 6; i++) {
                Client client = server.connect(GREEDY);
                client.send(UPGRADE);
                assertThat(client.readHead()).startsWith("HTTP/1.1 101 ");
                streams.add(client);
            }
            try (Client client = server.connect(GREEDY)) {
                for (String header : List.of(
                        "Connection: upgrade\r\nUpgrade: h2c",
                        "Connection: Upgrade\r\nUpgrade: H2C",
                        "Accept: */*",
                        "Accept: text/html")) {
                    client.send(get("/", header));
                    assertThat(client.readResponse()).startsWith("HTTP/1.1 200 ");
                }
                assertRefused(client, get("/", "Connection: upgrade\r\nUpgrade: websocket"));
            }
            for (Client client : streams) {
                client.close();
            }
            server.awaitZero();
        }
    }

    @Test
    void streamsOnOneHttp2ConnectionCountOnce() throws Exception {
        ConnectionLimits limits = ConnectionLimits.builder()
                .maxPerClient(7)
                .reservedConnections(1)
                .build();
        try (TestServer server = new TestServer(new ConnectionLimiter(limits), TestServer.tls()).handled()) {
            List<Http2Connection> connections = new ArrayList<>();
            List<CompletableFuture<Http2Connection.Response>> responses = new ArrayList<>();
            try {
                for (int i = 0; i < 6; i++) {
                    Http2Connection connection = Http2Connection.open(GREEDY, server.port());
                    connections.add(connection);
                    for (int j = 0; j < 3; j++) {
                        responses.add(connection.begin("/async", EVENTS));
                    }
                }
                await().atMost(TestServer.DEADLINE).until(() -> server.async.size() == 18);
                awaitStreams(server, 6);
                connections.add(Http2Connection.open(GREEDY, server.port()));
                assertThat(connections.get(6).get("/", EVENTS).status()).isEqualTo(429);
                assertThat(connections.get(6).get("/").status()).isEqualTo(200);
                server.async.forEach(Callback::succeeded);
                for (CompletableFuture<Http2Connection.Response> response : responses) {
                    assertThat(response.get(20, TimeUnit.SECONDS).status()).isEqualTo(200);
                }
                awaitStreams(server, 0);
                assertThat(connections.get(6).get("/", EVENTS).status()).isEqualTo(200);
            } finally {
                connections.forEach(Http2Connection::close);
            }
            server.awaitZero();
        }
        assertThat(log.messages()).isEmpty();
    }

    @Test
    void dryRunRefusesNoStream() throws Exception {
        ConnectionLimiter limiter =
                new ConnectionLimiter(reserving().dryRun(true).build());
        try (TestServer server = new TestServer(limiter).handled()) {
            List<Client> streams = new ArrayList<>();
            for (int i = 0; i < 10; i++) {
                Client client = server.connect(GREEDY);
                client.send(UPGRADE);
                assertThat(client.readHead()).startsWith("HTTP/1.1 101 ");
                streams.add(client);
            }
            awaitStreams(server, 10);
            assertThat(limiter.snapshot().refusedStreams()).isZero();
            assertThat(limiter.snapshot().dryRunRefused()).isEqualTo(6);
            for (Client client : streams) {
                client.close();
            }
            server.awaitZero();
        }
    }

    // Forwarded headers

    private static HttpConnectionFactory forwardedHttp() {
        HttpConfiguration configuration = new HttpConfiguration();
        configuration.addCustomizer(new ForwardedRequestCustomizer());
        return new HttpConnectionFactory(configuration);
    }

    private static TestServer proxiedServer(ConnectionLimits.Builder limits) throws Exception {
        TestServer server = new TestServer(
                new ConnectionLimiter(limits.maxPerClient(2).exempt(PROXY).build()));
        server.connector.setConnectionFactories(List.of(forwardedHttp()));
        return server.handled();
    }

    @Test
    void countsRequestsForTheClientThatATrustedProxyNames() throws Exception {
        try (TestServer server = proxiedServer(ConnectionLimits.builder())) {
            try (Client first = server.connect(PROXY);
                    Client second = server.connect(PROXY);
                    Client third = server.connect(PROXY)) {
                for (int i = 0; i < 5; i++) {
                    third.send(forwarded("/", REMOTE));
                    assertThat(third.readResponse()).startsWith("HTTP/1.1 200 ");
                }
                server.awaitOpen(REMOTE, 0);
                first.send(forwarded("/async", REMOTE));
                second.send(forwarded("/hold", "[2001:db8::1]"));
                await().atMost(TestServer.DEADLINE).until(() -> server.async.size() == 1);
                server.awaitOpen(REMOTE, 1);
                server.awaitOpen("2001:db8::2", 1);
                server.release.countDown();
                assertThat(second.readResponse()).startsWith("HTTP/1.1 200 ");
                server.awaitOpen("2001:db8::2", 0);
                second.send(get("/async", "Forwarded: for=" + REMOTE));
                await().atMost(TestServer.DEADLINE).until(() -> server.async.size() == 2);
                server.awaitOpen(REMOTE, 2);
                for (int i = 0; i < 3; i++) {
                    assertRefusedAndKept(third, forwarded("/", REMOTE));
                    third.send(forwarded("/", OTHER));
                    assertThat(third.readResponse()).startsWith("HTTP/1.1 200 ");
                }
                try (Client fourth = server.connect(PROXY)) {
                    // What is left of a body would be the next request.
                    assertRefused(fourth, get("/", "Content-Length: 100000\r\nX-Forwarded-For: " + REMOTE));
                }
                server.async.forEach(Callback::succeeded);
                server.awaitOpen(REMOTE, 0);
                third.send(forwarded("/", REMOTE));
                assertThat(third.readResponse()).startsWith("HTTP/1.1 200 ");
            }
            server.awaitZero();
        }
        assertThat(log.messages()).isEmpty();
    }

    @Test
    void aRefusedStreamOfAForwardedClientIsGivenBack() throws Exception {
        ConnectionLimiter limiter =
                new ConnectionLimiter(reserving().exempt(PROXY).build());
        TestServer server = new TestServer(limiter);
        server.connector.setConnectionFactories(List.of(forwardedHttp()));
        String events = get("/async", "Accept: text/event-stream\r\nX-Forwarded-For: " + REMOTE);
        try (server) {
            server.handled();
            List<Client> streams = new ArrayList<>();
            for (int i = 0; i < 6; i++) {
                Client client = server.connect(PROXY);
                client.send(events);
                streams.add(client);
            }
            await().atMost(TestServer.DEADLINE).until(() -> server.async.size() == 6);
            for (int i = 0; i < 3; i++) {
                try (Client refused = server.connect(PROXY)) {
                    assertRefusedAndKept(refused, events);
                }
            }
            assertThat(limiter.snapshot().refusedStreams()).isEqualTo(3);
            server.awaitOpen(REMOTE, 6);
            server.async.forEach(Callback::succeeded);
            server.awaitOpen(REMOTE, 0);
            for (Client client : streams) {
                client.close();
            }
            server.awaitZero();
        }
    }

    @Test
    void headerFromAnybodyElseChangesNothing() throws Exception {
        try (TestServer server = proxiedServer(ConnectionLimits.builder())) {
            try (Client client = server.connect(GREEDY);
                    Client another = server.connect(GREEDY)) {
                client.send(forwarded("/async", REMOTE));
                another.send(forwarded("/async", PROXY));
                await().atMost(TestServer.DEADLINE).until(() -> server.async.size() == 2);
                server.awaitOpen(REMOTE, 0);
                server.awaitOpen(GREEDY, 2);
                server.async.forEach(Callback::succeeded);
            }
            server.awaitZero();
        }
    }

    @Test
    void headerOfAClientBehindAProxyHeaderChangesNothing() throws Exception {
        TestServer server = new TestServer(
                new ConnectionLimiter(
                        ConnectionLimits.builder().maxPerClient(2).exempt(PROXY).build()),
                TestServer.plain(new ProxyConnectionFactory()));
        server.connector.setConnectionFactories(List.of(new ProxyConnectionFactory(), forwardedHttp()));
        try (server) {
            server.handled();
            try (Client client = server.connect(PROXY);
                    Client spoofed = server.connect(GREEDY)) {
                client.first("PROXY TCP4 " + REMOTE + " 127.0.0.1 1 2\r\n");
                client.send(forwarded("/async", OTHER));
                spoofed.first("PROXY TCP4 " + PROXY + " 127.0.0.1 1 2\r\n");
                spoofed.send(forwarded("/async", OTHER));
                await().atMost(TestServer.DEADLINE).until(() -> server.async.size() == 2);
                server.awaitOpen(REMOTE, 1);
                server.awaitOpen(OTHER, 0);
                server.awaitOpen(GREEDY, 1);
                server.async.forEach(Callback::succeeded);
            }
            server.awaitZero();
        }
    }

    @Test
    void upgradedConnectionCountsForTheClientUntilItIsClosed() throws Exception {
        ConnectionLimits.Builder limits = ConnectionLimits.builder();
        try (TestServer server = proxiedServer(limits)) {
            List<Client> upgraded = new ArrayList<>();
            for (int i = 0; i < 2; i++) {
                Client client = server.connect(PROXY);
                client.send(get("/upgrade", "Connection: upgrade\r\nUpgrade: echo\r\nX-Forwarded-For: " + REMOTE));
                assertThat(client.readHead()).startsWith("HTTP/1.1 101 ");
                upgraded.add(client);
            }
            for (Client client : upgraded) {
                client.send("x");
                assertThat(client.read()).isEqualTo('x');
            }
            server.awaitOpen(REMOTE, 2);
            try (Client refused = server.connect(PROXY)) {
                assertRefusedAndKept(refused, forwarded("/", REMOTE));
            }
            upgraded.get(0).reset();
            server.awaitOpen(REMOTE, 1);
            upgraded.get(1).close();
            server.awaitZero();
        }
        assertThat(log.messages()).isEmpty();
    }

    /** It is input, and no error of connlimit's; and a name in place of an address is not resolved. */
    @ParameterizedTest
    @ValueSource(strings = {"X-Forwarded-For: unknown", "X-Forwarded-For: _hidden", "X-Forwarded-For: client.example"})
    void whatNamesNobodyCountsForTheProxy(String header) throws Exception {
        try (TestServer server = proxiedServer(ConnectionLimits.builder())) {
            try (Client client = server.connect(PROXY)) {
                for (int i = 0; i < 5; i++) {
                    client.send(get("/", header));
                    assertThat(client.readResponse()).startsWith("HTTP/1.1 200 ");
                }
            }
            server.awaitZero();
            assertThat(server.limiter.snapshot().unnamedClients()).isEqualTo(5);
            assertThat(server.limiter.snapshot().errors()).isZero();
            assertThat(server.limiter.snapshot().refused()).isZero();
        }
        assertThat(log.messages()).singleElement().asString().contains("the proxy 127.0.0.9 names a client by \"");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"X-Forwarded-For: 10.1.2.3:51234", "Forwarded: for=10.1.2.3", "Forwarded: for=\"10.1.2.3:80\""})
    void readsAClientAsProxiesNameIt(String header) throws Exception {
        try (TestServer server = proxiedServer(ConnectionLimits.builder())) {
            try (Client client = server.connect(PROXY)) {
                client.send(get("/async", header));
                await().atMost(TestServer.DEADLINE).until(() -> server.async.size() == 1);
                server.awaitOpen(REMOTE, 1);
                server.async.forEach(Callback::succeeded);
                assertThat(client.readResponse()).startsWith("HTTP/1.1 200 ");
            }
            server.awaitZero();
            assertThat(server.limiter.snapshot().unnamedClients()).isZero();
        }
        assertThat(log.messages()).isEmpty();
    }

    @Test
    void aFullServerSaysSo() throws Exception {
        try (TestServer server = proxiedServer(ConnectionLimits.builder().maxTotal(1))) {
            try (Client client = server.connect(PROXY)) {
                client.send(forwarded("/", REMOTE));
                assertThat(client.readResponse())
                        .startsWith("HTTP/1.1 503 ")
                        .contains("\r\nRetry-After: 1\r\n")
                        .endsWith("\r\n\r\nserver connection limit reached\n");
            }
            server.awaitZero();
        }
    }

    /** The application never completes it. */
    @Test
    void aForwardedRequestCountsNoLongerThanItsConnection() throws Exception {
        try (TestServer server = proxiedServer(ConnectionLimits.builder())) {
            try (Client first = server.connect(PROXY);
                    Client second = server.connect(PROXY)) {
                first.send(forwarded("/async", REMOTE));
                second.send(forwarded("/async", REMOTE));
                await().atMost(TestServer.DEADLINE).until(() -> server.async.size() == 2);
                server.awaitOpen(REMOTE, 2);
                server.connector.getConnectedEndPoints().stream()
                        .filter(endPoint -> endPoint.getRemoteSocketAddress()
                                .equals(first.socket().getLocalSocketAddress()))
                        .forEach(EndPoint::close);
                server.awaitOpen(REMOTE, 1);
                server.stopConnector();
                server.awaitZero();
            }
            server.connector.start();
            try (Client again = server.connect(PROXY)) {
                again.send(forwarded("/", REMOTE));
                assertThat(again.readResponse()).startsWith("HTTP/1.1 200 ");
            }
            server.async.forEach(Callback::succeeded);
            server.awaitZero();
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void saysThatAHandlerInsideOthersDoesNotSeeAllRequests(boolean installed) throws Exception {
        TestServer server = new TestServer(new ConnectionLimiter(
                ConnectionLimits.builder().exempt(PROXY).reservedConnections(1).build()));
        server.connector.setConnectionFactories(List.of(forwardedHttp()));
        ContextHandler context = new ContextHandler(new ConnectionLimitHandler(), "/inside");
        server.server.setHandler(new ContextHandlerCollection(context, new ContextHandler("/outside")));
        if (installed) {
            server.server.addBean(new ConnectionLimitInstaller(server.limiter));
            server.started().close();
            assertThat(log.messages())
                    .singleElement()
                    .asString()
                    .endsWith("are limited only where a ConnectionLimitHandler sees them: put it in front of all other"
                            + " handlers");
            return;
        }
        server.limited().close();
        assertThat(log.messages())
                .hasSize(2)
                .anyMatch(message -> message.contains("clients behind proxies are not limited on ")
                        && message.endsWith(": no ConnectionLimitHandler is in front of all other handlers"))
                .anyMatch(message -> message.contains("reservedConnections is of no effect on "));
    }

    @Test
    void stopGivesBackRequestsInProcess() throws Exception {
        try (TestServer server = proxiedServer(ConnectionLimits.builder())) {
            Client running = server.connect(PROXY);
            running.send(forwarded("/async", REMOTE));
            Client upgraded = server.connect(PROXY);
            upgraded.send(get("/upgrade", "Connection: upgrade\r\nUpgrade: echo\r\nX-Forwarded-For: " + REMOTE));
            assertThat(upgraded.readHead()).startsWith("HTTP/1.1 101 ");
            await().atMost(TestServer.DEADLINE).until(() -> server.async.size() == 1);
            server.awaitOpen(REMOTE, 2);
            server.stopConnector();
            server.awaitOpen(REMOTE, 0);
            server.async.forEach(Callback::succeeded);
            server.awaitZero();
            running.close();
            upgraded.close();
        }
    }

    @Test
    void connectorWithoutAListenerIsLeftAlone() throws Exception {
        try (TestServer server = new TestServer(1)) {
            server.server.insertHandler(new ConnectionLimitHandler());
            server.started();
            try (Client client = server.connect(GREEDY)) {
                client.send(UPGRADE);
                assertThat(client.readHead()).startsWith("HTTP/1.1 101 ");
            }
            server.assertZero();
        }
    }
}
