package io.github.connlimit.tomcat;

import static java.time.Duration.ofSeconds;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import jakarta.servlet.AsyncContext;
import java.io.IOException;
import java.net.ConnectException;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.logging.Level;
import org.apache.catalina.Container;
import org.apache.catalina.LifecycleException;
import org.apache.catalina.connector.Connector;
import org.apache.catalina.core.StandardContext;
import org.apache.catalina.core.StandardHost;
import org.apache.catalina.valves.AccessLogValve;
import org.apache.catalina.valves.RemoteIpValve;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

@Timeout(120)
class ValveTest {

    enum Place {
        ENGINE(server -> server.tomcat.getEngine()),
        HOST(server -> server.tomcat.getHost()),
        CONTEXT(server -> server.context);

        final Function<TestServer, Container> container;

        Place(Function<TestServer, Container> container) {
            this.container = container;
        }
    }

    private final TestServer server = new TestServer();
    private final ConnectionLimitValve valve = new ConnectionLimitValve();

    @BeforeEach
    void limits() {
        Logs.quiet();
        valve.setMaxPerClient("2");
    }

    @AfterEach
    void endsAtZero() throws Exception {
        server.close();
        if (valve.getLimiter() != null) {
            awaitOpen(0);
            assertThat(valve.getLimiter().snapshot().clients()).isZero();
        }
    }

    private void awaitOpen(long connections) {
        await().atMost(ofSeconds(30))
                .untilAsserted(() -> assertThat(valve.getOpenConnections()).isEqualTo(connections));
    }

    private void on(Place place) {
        place.container.apply(server).getPipeline().addValve(valve);
    }

    private static RemoteIpValve remoteIp() {
        RemoteIpValve remoteIp = new RemoteIpValve();
        remoteIp.setInternalProxies("127\\.0\\.0\\.\\d+");
        return remoteIp;
    }

    @ParameterizedTest
    @EnumSource
    void holdsOneLimitForAllConnectorsOfTheService(Place place) throws Exception {
        Connector before = server.add(Kind.NIO.protocol());
        on(place);
        Connector after = server.add(Kind.NIO2.protocol());
        server.start();
        Connector late = server.add(Kind.NIO.protocol());
        Connector lateNio2 = server.add(Kind.NIO2.protocol());

        assertThat(server.connect(2, before).isServed()).isTrue();
        assertThat(server.connect(2, late).isServed()).isTrue();
        for (Connector full : new Connector[] {before, after, late, lateNio2}) {
            assertThat(server.connect(2, full).isServed()).isFalse();
            assertThat(server.connect(full == before ? 3 : full == after ? 4 : 5, full)
                            .isServed())
                    .isTrue();
        }
        assertThat(valve.getOpenConnections()).isEqualTo(6);
        assertThat(valve.getRefused()).isEqualTo(4);
        assertThat(valve.getClients()).isEqualTo(4);
    }

    @Test
    void connectorsShareTheLimitWithoutJmxToo() throws Exception {
        // What Registry.disableRegistry() would do for the whole virtual machine.
        Connector early = server.add(Kind.NIO.protocol());
        on(Place.ENGINE);
        server.start();
        Connector late = server.add(new WithoutJmx());
        assertThat(server.connect(2, early).isServed()).isTrue();
        assertThat(server.connect(2, late).isServed()).isTrue();
        assertThat(server.connect(2, late).isServed()).isFalse();
        assertThat(server.connect(2, early).isServed()).isFalse();
    }

    @ParameterizedTest
    @EnumSource
    void takesOverConnectorsThatRunAlready(Kind kind) throws Exception {
        Connector connector = server.add(kind.protocol());
        server.start();
        Client[] early = new Client[5];
        for (int i = 0; i < early.length; i++) {
            early[i] = server.connect(2, connector);
            assertThat(early[i].isServed()).isTrue();
        }
        Client other = server.connect(3, connector);
        assertThat(other.isServed()).isTrue();

        on(Place.HOST);

        // Two of the five, and the one of the other client; the rest follows as there is room.
        assertThat(valve.getOpenConnections()).isEqualTo(3);
        assertThat(valve.getRefused()).isZero();
        assertThat(server.connect(2, connector).isServed()).isFalse();
        assertThat(server.connect(3, connector).isServed()).isTrue();
        for (Client client : early) {
            assertThat(client.isServed()).isTrue();
        }
        for (Client client : early) {
            client.close();
        }
        awaitOpen(2);
        assertThat(server.connect(2, connector).isServed()).isTrue();
    }

    @Test
    void keepsItsLimitsWhenItsContextIsReloaded() throws Exception {
        Connector connector = server.add(Kind.NIO.protocol());
        on(Place.CONTEXT);
        server.start();
        valve.setMaxPerClient("1");
        Client first = server.connect(2, connector);
        assertThat(first.isServed()).isTrue();

        ((StandardContext) server.context).reload();

        assertThat(valve.getMaxPerClient()).isEqualTo("1");
        // The connection is still open; the application was made by code and is gone.
        assertThat(first.get("/")).startsWith("HTTP/1.1 404");
        assertThat(server.connect(2, connector).isServed()).isFalse();
        first.close();
        awaitOpen(0);
        assertThat(server.connect(2, connector).get("/")).startsWith("HTTP/1.1 404");
    }

    @Test
    void aSecondOneInTheServiceIsRefused() throws Exception {
        on(Place.ENGINE);
        server.tomcat.getHost().getPipeline().addValve(new ConnectionLimitValve());
        assertThatThrownBy(server::start).hasStackTraceContaining("there is another one in the Service \"Tomcat\"");
    }

    @ParameterizedTest
    @EnumSource
    void countsRequestsOnAStockConnector(Kind kind) throws Exception {
        Connector connector = server.add(kind.stock());
        on(Place.ENGINE);
        server.start();
        server.connect(2, connector).request("/hold");
        server.connect(2, connector).request("/hold");
        await().atMost(ofSeconds(30)).until(() -> server.holding.get() == 2);

        Client refused = server.connect(2, connector);
        assertThat(refused.get("/"))
                .startsWith("HTTP/1.1 429")
                .contains("\r\nRetry-After: 1\r\n", "\r\nConnection: close\r\n")
                .endsWith("\r\n\r\nclient connection limit reached\n");
        assertThat(refused.end()).isEqualTo("fin");
        assertThat(server.connect(3, connector).isServed()).isTrue();

        server.hold.countDown();
        awaitOpen(0);
        assertThat(server.connect(2, connector).isServed()).isTrue();
    }

    @Test
    void saysOnceWhatItCannotDo() throws Exception {
        server.add(Kind.NIO.stock());
        server.add(Kind.NIO2.stock());
        server.add(Kind.NIO.protocol());
        on(Place.HOST);
        try (Logs logs = Logs.listen()) {
            server.start();
            assertThat(logs.messages(Level.WARNING, ""))
                    .satisfiesExactlyInAnyOrder(
                            nio -> assertThat(nio)
                                    .contains(
                                            "connections are not limited here, only requests in process are",
                                            "protocol=\"io.github.connlimit.tomcat.ConnectionLimitHttp11NioProtocol\""),
                            nio2 -> assertThat(nio2)
                                    .contains(
                                            "protocol=\"io.github.connlimit.tomcat.ConnectionLimitHttp11Nio2Protocol\""));
            server.add(Kind.NIO.stock());
            assertThat(logs.messages(Level.WARNING, "are not limited here")).hasSize(3);
        }
    }

    @ParameterizedTest
    @EnumSource
    void aHeaderFromAPeerThatIsNotExemptChangesNothing(Kind kind) throws Exception {
        Connector limited = server.add(kind.protocol());
        Connector stock = server.add(kind.stock());
        server.tomcat.getEngine().getPipeline().addValve(remoteIp());
        on(Place.ENGINE);
        server.start();

        // Each names another client; on the limited connector their connections count, and nothing else.
        for (int i = 1; i <= 2; i++) {
            server.connect(2, limited).request("/hold", "X-Forwarded-For: 203.0.113." + i + "\r\n");
        }
        await().atMost(ofSeconds(30)).until(() -> server.holding.get() == 2);
        assertThat(valve.topClients(10)).containsExactly("127.0.0.2/32 open=2 pending=0 streams=0 limit=2");
        assertThat(server.connect(2, limited).isServed()).isFalse();

        // On the stock one, they are the requests of the peer.
        Client refused = server.connect(2, stock);
        assertThat(refused.request("/", "X-Forwarded-For: 203.0.113.9\r\n").response())
                .startsWith("HTTP/1.1 429");
    }

    @ParameterizedTest
    @EnumSource
    void countsRequestsForTheClientThatAnExemptPeerNames(Kind kind) throws Exception {
        Connector limited = server.add(kind.protocol());
        Connector stock = server.add(kind.stock());
        valve.setRules("127.0.0.9=unlimited");
        server.tomcat.getEngine().getPipeline().addValve(remoteIp());
        on(Place.ENGINE);
        server.start();

        server.connect(9, limited).request("/hold", "X-Forwarded-For: 203.0.113.1\r\n");
        server.connect(9, stock).request("/hold", "X-Forwarded-For: 203.0.113.1\r\n");
        await().atMost(ofSeconds(30)).until(() -> server.holding.get() == 2);
        for (Connector connector : new Connector[] {limited, stock}) {
            assertThat(server.connect(9, connector)
                            .request("/", "X-Forwarded-For: 203.0.113.1\r\n")
                            .response())
                    .startsWith("HTTP/1.1 429");
            assertThat(server.connect(9, connector)
                            .request("/", "X-Forwarded-For: 203.0.113.2\r\n")
                            .response())
                    .startsWith("HTTP/1.1 200");
            assertThat(server.connect(9, connector).isServed()).isTrue();
        }

        server.hold.countDown();
        server.disconnect();
        awaitOpen(0);
        assertThat(server.connect(9, limited)
                        .request("/", "X-Forwarded-For: 203.0.113.1\r\n")
                        .response())
                .startsWith("HTTP/1.1 200");
    }

    @ParameterizedTest
    @EnumSource
    void countsAsynchronousRequestsForTheClientThatAnExemptPeerNames(Kind kind) throws Exception {
        Connector connector = server.add(kind.protocol());
        valve.setMaxPerClient("1");
        valve.setRules("127.0.0.9=unlimited");
        server.tomcat.getEngine().getPipeline().addValve(remoteIp());
        on(Place.ENGINE);
        server.start();
        String header = "X-Forwarded-For: 203.0.113.1\r\n";
        Client first = server.connect(9, connector).request("/async", header);
        AsyncContext context = server.async.poll(30, TimeUnit.SECONDS);
        assertThat(server.connect(9, connector).request("/", header).response()).startsWith("HTTP/1.1 429");
        assertThat(valve.getRefused()).isOne();
        context.dispatch();
        assertThat(first.response()).startsWith("HTTP/1.1 200");
        await().atMost(ofSeconds(30))
                .untilAsserted(() -> assertThat(server.connect(9, connector)
                                .request("/", header)
                                .response())
                        .startsWith("HTTP/1.1 200"));
    }

    @ParameterizedTest
    @EnumSource
    void inADryRunNoRequestIsRefused(Kind kind) throws Exception {
        Connector connector = server.add(kind.stock());
        valve.setMaxPerClient("1");
        valve.setDryRun("true");
        on(Place.ENGINE);
        server.start();
        server.connect(2, connector).request("/hold");
        awaitOpen(1);
        assertThat(server.connect(2, connector).isServed()).isTrue();
        assertThat(valve.getDryRunRefused()).isOne();
        assertThat(valve.getRefused()).isZero();
    }

    @Test
    void aDefaultWithoutLimitMakesNobodyTrusted() throws Exception {
        Connector connector = server.add(Kind.NIO.protocol());
        valve.setMaxPerClient("0");
        valve.setRules("203.0.113.0/24=1");
        server.tomcat.getEngine().getPipeline().addValve(remoteIp());
        on(Place.ENGINE);
        server.start();
        for (int i = 0; i < 3; i++) {
            server.connect(2, connector).request("/hold", "X-Forwarded-For: 203.0.113.1\r\n");
        }
        await().atMost(ofSeconds(30)).until(() -> server.holding.get() == 3);
        assertThat(valve.topClients(10)).containsExactly("127.0.0.2/32 open=3 pending=0 streams=0 limit=unlimited");
    }

    /** It is input, and no error of connlimit's; and a name in place of an address is not resolved. */
    @ParameterizedTest
    @CsvSource({"unknown, true", "_hidden, true", "localhost, true", "unknown, false"})
    void whatNamesNobodyCountsForTheProxy(String name, boolean limited) throws Exception {
        Connector connector = server.add(limited ? Kind.NIO.protocol() : Kind.NIO.stock());
        valve.setRules("127.0.0.9=unlimited");
        server.tomcat.getEngine().getPipeline().addValve(remoteIp());
        on(Place.ENGINE);
        try (Logs logs = Logs.listen()) {
            server.start();
            for (int i = 0; i < 5; i++) {
                assertThat(server.connect(9, connector)
                                .request("/", "X-Forwarded-For: " + name + "\r\n")
                                .response())
                        .startsWith("HTTP/1.1 200");
            }
            assertThat(logs.messages(Level.WARNING, "the proxy 127.0.0.9 names a client by \"" + name + "\""))
                    .hasSize(1);
        }
        assertThat(valve.getUnnamedClients()).isEqualTo(5);
        assertThat(valve.getErrors()).isZero();
        assertThat(valve.getRefused()).isZero();
    }

    @ParameterizedTest
    @CsvSource({
        "198.51.100.7, 198.51.100.7/32",
        "198.51.100.7:51234, 198.51.100.7/32",
        "2001:db8::1, 2001:db8:0:0:0:0:0:0/64",
        "[2001:db8::1], 2001:db8:0:0:0:0:0:0/64",
        "[2001:db8::1]:443, 2001:db8:0:0:0:0:0:0/64"
    })
    void readsAClientAsProxiesNameIt(String name, String client) throws Exception {
        Connector connector = server.add(Kind.NIO.protocol());
        valve.setRules("127.0.0.9=unlimited");
        server.tomcat.getEngine().getPipeline().addValve(remoteIp());
        on(Place.ENGINE);
        server.start();
        String header = "X-Forwarded-For: " + name + "\r\n";
        for (int i = 0; i < 2; i++) {
            server.connect(9, connector).request("/hold", header);
        }
        await().atMost(ofSeconds(30)).until(() -> server.holding.get() == 2);
        assertThat(valve.topClients(10)).contains(client + " open=2 pending=0 streams=0 limit=2");
        assertThat(server.connect(9, connector).request("/", header).response()).startsWith("HTTP/1.1 429");
        assertThat(valve.getUnnamedClients()).isZero();
    }

    @ParameterizedTest
    @EnumSource
    void aProxyKeepsItsConnectionWhenAClientIsRejected(Kind kind) throws Exception {
        Connector connector = server.add(kind.protocol());
        valve.setMaxPerClient("1");
        valve.setRules("127.0.0.9=unlimited");
        server.tomcat.getEngine().getPipeline().addValve(remoteIp());
        on(Place.ENGINE);
        server.start();
        String one = "X-Forwarded-For: 203.0.113.1\r\n";
        String other = "X-Forwarded-For: 203.0.113.2\r\n";
        server.connect(9, connector).request("/hold", one);
        await().atMost(ofSeconds(30)).until(() -> server.holding.get() == 1);

        Client kept = server.connect(9, connector);
        for (int i = 0; i < 3; i++) {
            assertThat(kept.request("/", other).response()).startsWith("HTTP/1.1 200");
            assertThat(kept.request("/", one).response())
                    .startsWith("HTTP/1.1 429")
                    .doesNotContain("\r\nConnection: close");
        }
        // What is left of a body would be the next request.
        kept.send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n" + one + "\r\n");
        assertThat(kept.response()).startsWith("HTTP/1.1 429").contains("\r\nConnection: close");
    }

    @Test
    void aFullServerSaysSo() throws Exception {
        Connector connector = server.add(Kind.NIO.stock());
        valve.setMaxTotal("1");
        on(Place.ENGINE);
        server.start();
        server.connect(2, connector).request("/hold");
        await().atMost(ofSeconds(30)).until(() -> server.holding.get() == 1);
        assertThat(server.connect(3, connector).get("/"))
                .startsWith("HTTP/1.1 503")
                .contains("\r\nRetry-After: 1\r\n")
                .endsWith("\r\n\r\nserver connection limit reached\n");
    }

    @Test
    void saysThatARemoteIpValveComesTooLate() throws Exception {
        server.add(Kind.NIO.protocol());
        on(Place.ENGINE);
        server.tomcat.getEngine().getPipeline().addValve(remoteIp());
        server.tomcat.getHost().getPipeline().addValve(remoteIp());
        try (Logs logs = Logs.listen()) {
            server.start();
            assertThat(logs.messages(Level.WARNING, "clients behind proxies are not limited"))
                    .satisfiesExactlyInAnyOrder(
                            onEngine -> assertThat(onEngine)
                                    .contains(
                                            "the RemoteIpValve of Tomcat comes after the ConnectionLimitValve of Tomcat"),
                            onHost -> assertThat(onHost)
                                    .contains(
                                            "the RemoteIpValve of localhost comes after the ConnectionLimitValve of Tomcat"));
        }
    }

    @Test
    void saysNothingIfTheRemoteIpValveIsInFront() throws Exception {
        server.add(Kind.NIO.protocol());
        server.tomcat.getEngine().getPipeline().addValve(remoteIp());
        on(Place.ENGINE);
        try (Logs logs = Logs.listen()) {
            server.start();
            assertThat(logs.messages(Level.WARNING, "")).isEmpty();
        }
    }

    @ParameterizedTest
    @EnumSource
    void givesUpThePortsOfTheServiceIfItCannotBeStarted(Kind kind) throws Exception {
        Connector connector = server.add(kind.protocol());
        int port = freePort();
        connector.setPort(port);
        valve.setMaxPerClient("many");
        on(Place.ENGINE);
        assertThatThrownBy(server::start).hasStackTraceContaining("many");
        assertThatThrownBy(() -> new Socket("127.0.0.1", port)).isInstanceOf(ConnectException.class);

        valve.setMaxPerClient("2");
        server.start();
        // The application was made by code, and is gone.
        assertThat(server.connect(2, connector).get("/")).startsWith("HTTP/1.1 404");
    }

    private static int freePort() throws IOException {
        try (ServerSocket free = new ServerSocket(0)) {
            return free.getLocalPort();
        }
    }

    @ParameterizedTest
    @EnumSource
    void countsAsynchronousRequestsUntilTheyAreComplete(Place place) throws Exception {
        Connector connector = server.add(Kind.NIO.stock());
        on(place);
        server.start();
        Client first = server.connect(2, connector).request("/async");
        AsyncContext firstContext = server.async.poll(30, TimeUnit.SECONDS);
        Client second = server.connect(2, connector).request("/async");
        AsyncContext secondContext = server.async.poll(30, TimeUnit.SECONDS);
        awaitOpen(2);
        assertThat(server.connect(2, connector).get("/")).startsWith("HTTP/1.1 429");

        firstContext.complete();
        awaitOpen(1);
        // A dispatch brings the same request to the Valve again.
        secondContext.dispatch();
        awaitOpen(0);
        assertThat(valve.getAdmitted()).isEqualTo(2);
        assertThat(first.response()).startsWith("HTTP/1.1 200");
        assertThat(second.response()).startsWith("HTTP/1.1 200");
    }

    @ParameterizedTest
    @EnumSource
    void countsDownHoweverAnAsynchronousRequestEnds(Kind kind) throws Exception {
        Connector connector = server.add(kind.stock());
        on(Place.ENGINE);
        server.start();

        server.connect(2, connector).request("/async?timeout=100");
        awaitAdmitted(1);
        awaitOpen(0);

        server.connect(2, connector).request("/async-throw");
        awaitAdmitted(2);
        awaitOpen(0);

        assertThat(server.connect(2, connector).get("/throw")).startsWith("HTTP/1.1 500");
        awaitAdmitted(3);
        awaitOpen(0);

        server.connect(2, connector).request("/vm-error");
        awaitAdmitted(4);
        awaitOpen(0);
    }

    /** Tomcat tells its {@code AsyncListener}s nothing then. */
    @ParameterizedTest
    @EnumSource
    void countsDownIfAReadListenerFailsTwice(Kind kind) throws Exception {
        Connector connector = server.add(kind.stock());
        on(Place.ENGINE);
        server.start();
        Client client = server.connect(2, connector).request("/async-read-throw", "Content-Length: 2\r\n");
        server.async.poll(30, TimeUnit.SECONDS);
        awaitOpen(1);
        client.send("OK");
        awaitOpen(0);
        assertThat(valve.getAdmitted()).isOne();
    }

    private void awaitAdmitted(long requests) {
        await().atMost(ofSeconds(30))
                .untilAsserted(() -> assertThat(valve.getAdmitted()).isEqualTo(requests));
    }

    @ParameterizedTest
    @EnumSource
    void countsDownIfItWasAddedToARunningContainer(Place place) throws Exception {
        Connector connector = server.add(Kind.NIO.stock());
        server.start();
        // From here on, the container knows what its access logs are.
        assertThat(server.connect(2, connector).isServed()).isTrue();
        on(place);
        server.connect(2, connector).request("/async");
        AsyncContext toComplete = server.async.poll(30, TimeUnit.SECONDS);
        server.connect(2, connector).request("/async?timeout=100");
        server.connect(3, connector).request("/async-throw");
        awaitAdmitted(3);
        toComplete.complete();
        awaitOpen(0);
    }

    @Test
    void requestsInFlightCountNoMoreWhenItIsStopped() throws Exception {
        Connector connector = server.add(Kind.NIO.stock());
        on(Place.ENGINE);
        server.start();
        server.connect(2, connector).request("/async");
        server.connect(2, connector).request("/hold");
        awaitAdmitted(2);
        server.hold.countDown();
        server.tomcat.stop();
        awaitOpen(0);
    }

    @Test
    void leavesTheDefaultAccessLogOfTheEngineAsItIs() throws Exception {
        Path directory = Files.createTempDirectory(Path.of("target"), "logs").toAbsolutePath();
        AccessLogValve accessLog = new AccessLogValve();
        accessLog.setDirectory(directory.toString());
        accessLog.setPattern("%r %s");
        accessLog.setBuffered(false);
        server.tomcat.getHost().getPipeline().addValve(accessLog);
        Connector connector = server.add(Kind.NIO.protocol());
        on(Place.ENGINE);
        server.start();
        assertThat(server.connect(2, connector).isServed()).isTrue();
        assertThat(server.connect(2, connector).send("no HTTP at all\r\n\r\n").response())
                .startsWith("HTTP/1.1 400");
        await().atMost(ofSeconds(30))
                .untilAsserted(() -> assertThat(text(directory).lines())
                        .hasSize(2)
                        .anyMatch(line -> line.endsWith(" 200"))
                        .anyMatch(line -> line.endsWith(" 400")));
    }

    private static String text(Path directory) throws IOException {
        StringBuilder text = new StringBuilder();
        try (var files = Files.newDirectoryStream(directory)) {
            for (Path file : files) {
                text.append(Files.readString(file));
            }
        }
        return text.toString();
    }

    @Test
    void saysWhereItBelongs() {
        valve.setContainer(new StandardHost());
        assertThatThrownBy(valve::start)
                .isInstanceOf(LifecycleException.class)
                .hasStackTraceContaining("it is to be on the Engine of a Service, on a Host or on a Context");
    }

    /** A connector that finds no Service by JMX. */
    private static final class WithoutJmx extends org.apache.coyote.http11.Http11NioProtocol
            implements LimitedProtocol {

        private final ProtocolLimit<java.nio.channels.SocketChannel> limit;

        WithoutJmx() {
            this(new LimitedNioEndpoint());
        }

        private WithoutJmx(LimitedNioEndpoint endpoint) {
            super(endpoint);
            limit = new ProtocolLimit<>(endpoint.limited());
        }

        @Override
        public ProtocolLimit<?> limit() {
            return limit;
        }

        @Override
        public void unbind() {}

        @Override
        public void start() throws Exception {
            limit.start(null, null, super::start, () -> {});
        }

        @Override
        public void stop() throws Exception {
            limit.stop(super::stop);
        }
    }
}
