package io.github.connlimit.reactornetty;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import reactor.core.publisher.Mono;
import reactor.netty.DisposableServer;
import reactor.netty.http.server.HttpServer;
import reactor.netty.http.server.ProxyProtocolSupportType;
import reactor.netty.tcp.TcpServer;

/** The ways to limit a server of Reactor Netty. */
@Timeout(60)
class ReactorNettyTest {

    private static final String ALICE = "127.0.0.2";
    private static final String BOB = "127.0.0.3";
    private static final String PROXY = "127.0.0.9";
    private static final String GET = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

    private final ConnectionLimiter limiter = new ConnectionLimiter(
            ConnectionLimits.builder().maxPerClient(3).exempt(PROXY).build());
    private final List<Socket> connections = new ArrayList<>();
    private DisposableServer bound;

    @AfterEach
    void endAtZero() throws IOException {
        for (Socket connection : connections) {
            connection.close();
        }
        if (bound != null) {
            bound.disposeNow();
        }
        Awaitility.await().atMost(20, TimeUnit.SECONDS).untilAsserted(() -> {
            assertThat(limiter.snapshot().openConnections()).isZero();
            assertThat(limiter.snapshot().clients()).isZero();
        });
        assertThat(limiter.snapshot().errors()).isZero();
    }

    private boolean isServed(String client) {
        return isServed(client, GET);
    }

    private boolean isServed(String client, String request) {
        Socket socket = new Socket();
        connections.add(socket);
        try {
            socket.setSoTimeout(20_000);
            socket.bind(new InetSocketAddress(client, 0));
            socket.connect(new InetSocketAddress("127.0.0.1", bound.port()), 20_000);
            socket.getOutputStream().write(request.getBytes(StandardCharsets.US_ASCII));
            byte[] status = socket.getInputStream().readNBytes(12);
            return new String(status, StandardCharsets.US_ASCII).equals("HTTP/1.1 200");
        } catch (IOException refused) {
            return false;
        }
    }

    private void assertLimited() throws IOException {
        for (int i = 0; i < 6; i++) {
            assertThat(isServed(ALICE)).isEqualTo(i < 3);
        }
        assertThat(isServed(BOB)).isTrue();
        connections.get(0).close();
        Awaitility.await().atMost(20, TimeUnit.SECONDS).until(() -> isServed(ALICE));
    }

    private static HttpServer http() {
        return HttpServer.create()
                .host("127.0.0.1")
                .port(0)
                .handle((request, response) -> response.sendString(Mono.just("OK")));
    }

    @Test
    void limitsHttpAsTheDocumentationShows() throws IOException {
        int port = 0;
        // tag::reactor-netty[]
        HttpServer server =
                HttpServer.create().port(port).handle((request, response) -> response.sendString(Mono.just("OK")));
        DisposableServer bound = ConnectionLimitTransport.limit(server, limiter).bindNow();
        // end::reactor-netty[]
        this.bound = bound;
        assertLimited();
    }

    @Test
    void limitsTcp() throws IOException {
        TcpServer server = TcpServer.create()
                .host("127.0.0.1")
                .port(0)
                .handle((in, out) -> out.sendString(in.receive()
                        .asString()
                        .filter(text -> text.endsWith("\r\n\r\n"))
                        .map(request -> "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK")));
        bound = ConnectionLimitTransport.limit(server, limiter).bindNow();
        assertLimited();
    }

    /** What connlimit's adapter for Netty says while something runs. */
    private static List<String> saidDuring(Callable<?> running) throws Exception {
        List<String> said = new CopyOnWriteArrayList<>();
        Handler recording = new Handler() {
            @Override
            public void publish(LogRecord entry) {
                said.add(entry.getMessage());
            }

            @Override
            public void flush() {}

            @Override
            public void close() {}
        };
        Logger logger = Logger.getLogger("io.github.connlimit");
        logger.addHandler(recording);
        try {
            running.call();
            // The server may be bound before the handler is there.
            Awaitility.await().atMost(20, TimeUnit.SECONDS).until(() -> !said.isEmpty());
        } finally {
            logger.removeHandler(recording);
        }
        return said;
    }

    @Test
    void whatHasNoEffectIsSaidAtTheStart() throws Exception {
        limiter.reconfigure(limits ->
                limits.toBuilder().headerTimeout(Duration.ofSeconds(1)).build());
        assertThat(saidDuring(() ->
                        bound = ConnectionLimitTransport.limit(http(), limiter).bindNow()))
                .containsExactly(
                        "headerTimeout has no effect in Reactor Netty: where a header ends is up to the server's"
                                + " own handlers");
    }

    @Test
    void forwardedHeadersHaveNoEffect() throws Exception {
        assertThat(saidDuring(() -> bound = ConnectionLimitTransport.limit(http().forwarded(true), limiter)
                        .bindNow()))
                .singleElement()
                .asString()
                .contains("forwarded headers", "Reactor Netty", "proxyProtocol");
    }

    private static String through(String client) {
        return "PROXY TCP4 " + client + " 127.0.0.1 1000 2000\r\n" + GET;
    }

    @ParameterizedTest
    @EnumSource(
            value = ProxyProtocolSupportType.class,
            names = {"ON", "AUTO"})
    void connectionsCountForTheClientInAHeaderThatTheServerReads(ProxyProtocolSupportType support) throws Exception {
        bound = ConnectionLimitTransport.limit(http().proxyProtocol(support), limiter)
                .bindNow();
        for (int i = 0; i < 5; i++) {
            assertThat(isServed(PROXY, through("192.0.2.1"))).isEqualTo(i < 3);
        }
        assertThat(isServed(PROXY, through("192.0.2.2"))).isTrue();
        assertThat(limiter.openConnections(InetAddress.getByName("192.0.2.1"))).isEqualTo(3);
        assertThat(limiter.openConnections(InetAddress.getByName(PROXY))).isZero();
        // A header of anybody else changes nothing.
        for (int i = 0; i < 5; i++) {
            assertThat(isServed(ALICE, through("192.0.2." + (10 + i)))).isEqualTo(i < 3);
        }
    }

    @Test
    void withoutAHeaderConnectionsCountForTheirPeer() throws IOException {
        bound = ConnectionLimitTransport.limit(http().proxyProtocol(ProxyProtocolSupportType.AUTO), limiter)
                .bindNow();
        assertLimited();
    }
}
