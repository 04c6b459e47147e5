package io.github.connlimit.tomcat;

import static java.time.Duration.ofMillis;
import static java.time.Duration.ofSeconds;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.github.connlimit.ClientUsage;
import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.LimiterListener;
import io.github.connlimit.RefusalBudget;
import io.github.connlimit.RefusalReason;
import io.github.connlimit.testing.ManualTicker;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.catalina.connector.Connector;
import org.apache.coyote.AbstractProtocol;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@Timeout(120)
class LimitedEndpointTest {

    private final ManualTicker ticker = new ManualTicker();
    private final ConnectionLimiter limiter =
            new ConnectionLimiter(ConnectionLimits.builder().maxPerClient(2).build(), ticker);
    private final TestServer server = new TestServer();
    private Connector connector;

    @BeforeEach
    void quiet() {
        Logs.quiet();
    }

    @AfterEach
    void endsAtZero() throws Exception {
        server.close();
        await().atMost(ofSeconds(30)).untilAsserted(() -> {
            assertThat(limiter.snapshot().openConnections()).isZero();
            assertThat(limiter.snapshot().clients()).isZero();
        });
    }

    private void start(Kind kind) throws Exception {
        connector = server.add(kind.protocol(limiter));
        server.start();
    }

    private void set(String name, String value) {
        limiter.reconfigure(limits -> limits.toBuilder().set(name, value).build());
    }

    private void awaitOpen(long connections) {
        await().atMost(ofSeconds(30))
                .untilAsserted(
                        () -> assertThat(limiter.snapshot().openConnections()).isEqualTo(connections));
    }

    /**
     * Connects to a connector that was started, or resumed, again. Tomcat's own NIO2 endpoint may then drop the first
     * connection, as an accept of its former life is still under way.
     */
    private void assertServed(Kind kind, int lastByte) throws IOException {
        boolean served = server.connect(lastByte, connector).isServed()
                || kind == Kind.NIO2 && server.connect(lastByte, connector).isServed();
        assertThat(served).isTrue();
    }

    private AbstractProtocol<?> protocol() {
        return (AbstractProtocol<?>) connector.getProtocolHandler();
    }

    @ParameterizedTest
    @EnumSource
    void limitsEachClientByItself(Kind kind) throws Exception {
        start(kind);
        Client first = server.connect(2, connector);
        assertThat(first.isServed()).isTrue();
        assertThat(server.connect(2, connector).isServed()).isTrue();
        assertThat(server.connect(2, connector).isServed()).isFalse();
        assertThat(server.connect(3, connector).isServed()).isTrue();

        first.close();
        awaitOpen(2);
        assertThat(server.connect(2, connector).isServed()).isTrue();
    }

    @ParameterizedTest
    @EnumSource
    void keepsTomcatsOwnCountRight(Kind kind) throws Exception {
        connector = server.add(kind.protocol(limiter));
        connector.setProperty("maxConnections", "4");
        server.start();
        assertThat(server.connect(2, connector).isServed()).isTrue();
        assertThat(server.connect(2, connector).isServed()).isTrue();

        for (int i = 0; i < 2000; i++) {
            try (Client refused = server.connect(2, connector)) {
                assertThat(refused.end()).isIn("rst", "fin");
            }
        }

        assertThat(limiter.snapshot().refused()).isEqualTo(2000);
        Client other = server.connect(3, connector);
        assertThat(other.isServed()).isTrue();
        // The two of the one client, the one of the other, and the one that the acceptor holds ready for the next.
        await().atMost(ofSeconds(30))
                .untilAsserted(() -> assertThat(protocol().getConnectionCount()).isEqualTo(4));
    }

    @Test
    void nioResets() throws Exception {
        start(Kind.NIO);
        set("maxPerClient", "1");
        server.connect(2, connector).isServed();
        for (int i = 0; i < 50; i++) {
            assertThat(server.connect(2, connector).end()).isEqualTo("rst");
        }
    }

    @Test
    void nio2CannotResetAndCloses() throws Exception {
        start(Kind.NIO2);
        set("maxPerClient", "1");
        server.connect(2, connector).isServed();
        assertThat(server.connect(2, connector).end()).isEqualTo("fin");
    }

    @ParameterizedTest
    @EnumSource
    void closes(Kind kind) throws Exception {
        start(kind);
        set("maxPerClient", "1");
        set("refuse", "close");
        server.connect(2, connector).isServed();
        assertThat(server.connect(2, connector).end()).isEqualTo("fin");
    }

    @ParameterizedTest
    @EnumSource
    void responds(Kind kind) throws Exception {
        start(kind);
        set("maxPerClient", "1");
        set("refuse", "respond");
        server.connect(2, connector).isServed();

        Client silent = server.connect(2, connector);
        assertThat(silent.response())
                .startsWith("HTTP/1.1 429 ")
                .contains("\r\nRetry-After: 1\r\n", "\r\nConnection: close\r\n")
                .endsWith("\r\n\r\nclient connection limit reached\n");
        assertThat(silent.end()).isEqualTo("fin");
    }

    @ParameterizedTest
    @EnumSource
    void countsAHandshakeThatIsNeverFinished(Kind kind) throws Exception {
        connector = server.add(kind.protocol(limiter));
        Tls.enable(connector);
        server.start();
        // The first bytes of a TLS record.
        Client first = server.connect(2, connector).send("\u0016\u0003\u0001");
        server.connect(2, connector);
        awaitOpen(2);
        assertThat(server.connect(2, connector).end()).isEqualTo(kind == Kind.NIO ? "rst" : "fin");
        first.reset();
        awaitOpen(1);
    }

    @ParameterizedTest
    @EnumSource
    void respondsToWhoSendsALotFirst(Kind kind) throws Exception {
        start(kind);
        set("maxPerClient", "1");
        set("refuse", "respond");
        server.connect(2, connector).isServed();

        String body = "x".repeat(300_000);
        for (int i = 0; i < 200; i++) {
            try (Client refused = server.connect(2, connector)) {
                refused.send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 300000\r\n\r\n" + body);
                assertThat(refused.response()).as("try %s", i).startsWith("HTTP/1.1 429 ");
            }
            // Only so many are answered at once, and the server has yet to see that this one has closed.
            await().atMost(ofSeconds(30))
                    .pollInterval(ofMillis(2))
                    .until(() -> protocol().getConnectionCount() <= 2);
        }
    }

    @ParameterizedTest
    @EnumSource
    void respondsToSoManyOnly(Kind kind) throws Exception {
        start(kind);
        set("maxPerClient", "1");
        set("refuse", "respond");
        assertThat(server.connect(2, connector).isServed()).isTrue();

        List<Client> answered = new ArrayList<>();
        int reset = 0;
        long begin = System.nanoTime();
        for (int i = 0; i < 12; i++) {
            Client refused = server.connect(2, connector);
            try {
                refused.response();
                answered.add(refused);
            } catch (IOException noAnswer) {
                reset++;
            }
        }
        // No place is free again before its half a second is over. The JDK counts that for NIO2.
        if (kind == Kind.NIO || System.nanoTime() - begin < RefusalBudget.MAX_LINGER_MILLIS * 1_000_000L) {
            assertThat(answered).hasSize(4);
        }
        assertThat(reset + answered.size()).isEqualTo(12);

        // Nobody closes: each is ended when its time is over, and the places are free again.
        ticker.advance(ofMillis(RefusalBudget.MAX_LINGER_MILLIS));
        await().atMost(ofSeconds(30))
                .untilAsserted(() -> assertThat(protocol().getConnectionCount()).isLessThanOrEqualTo(2));
        assertThat(server.connect(2, connector).response()).startsWith("HTTP/1.1 429 ");
    }

    @ParameterizedTest
    @EnumSource
    void stopsListeningToWhoNeverStopsSending(Kind kind) throws Exception {
        start(kind);
        set("maxPerClient", "1");
        set("refuse", "respond");
        assertThat(server.connect(2, connector).isServed()).isTrue();

        Client flood = server.connect(2, connector);
        byte[] chunk = new byte[64 * 1024];
        assertThatThrownBy(() -> {
                    for (int i = 0; i < 10_000; i++) {
                        flood.socket.getOutputStream().write(chunk);
                    }
                })
                .isInstanceOf(IOException.class);
    }

    @ParameterizedTest
    @EnumSource
    void stopsWhileRefusedConnectionsLinger(Kind kind) throws Exception {
        start(kind);
        set("maxPerClient", "1");
        set("refuse", "respond");
        assertThat(server.connect(2, connector).isServed()).isTrue();
        Client lingering = server.connect(2, connector);
        assertThat(lingering.response()).startsWith("HTTP/1.1 429 ");

        connector.stop();
        connector.start();

        assertServed(kind, 3);
        // That client's and the acceptor's own. The latter is missing now and then after a restart of NIO2, Tomcat's
        // own.
        await().atMost(ofSeconds(30))
                .untilAsserted(
                        () -> assertThat(protocol().getConnectionCount()).isBetween(kind == Kind.NIO ? 2L : 0L, 2L));
    }

    @ParameterizedTest
    @EnumSource
    void asksTheRefusalHandler(Kind kind) throws Exception {
        List<InetAddress> peers = new ArrayList<>();
        connector = server.add(kind.protocol(limiter, (channel, peer) -> {
            peers.add(peer);
            if (channel instanceof SocketChannel nio) {
                nio.write(ByteBuffer.wrap("no\n".getBytes(StandardCharsets.US_ASCII)));
            } else if (channel instanceof java.nio.channels.AsynchronousSocketChannel nio2) {
                nio2.write(ByteBuffer.wrap("no\n".getBytes(StandardCharsets.US_ASCII)));
            }
        }));
        server.start();
        set("maxPerClient", "1");
        assertThat(server.connect(2, connector).isServed()).isTrue();

        Client refused = server.connect(2, connector);
        assertThat(refused.socket.getInputStream().readAllBytes()).asString().isEqualTo("no\n");
        assertThat(peers).containsExactly(InetAddress.getByName("127.0.0.2"));
    }

    @ParameterizedTest
    @EnumSource
    void survivesARefusalHandlerThatThrows(Kind kind) throws Exception {
        connector = server.add(kind.protocol(limiter, (channel, peer) -> {
            throw new IllegalStateException("as planned");
        }));
        connector.setProperty("maxConnections", "5");
        server.start();
        set("maxPerClient", "1");
        assertThat(server.connect(2, connector).isServed()).isTrue();
        for (int i = 0; i < 20; i++) {
            assertThat(server.connect(2, connector).end()).isIn("rst", "fin");
        }
        assertThat(server.connect(3, connector).isServed()).isTrue();
    }

    @ParameterizedTest
    @EnumSource
    void whatATarpitHoldsIsNoneOfTomcatsConnections(Kind kind) throws Exception {
        connector = server.add(kind.protocol(limiter));
        connector.setProperty("maxConnections", "4");
        server.start();
        set("maxPerClient", "1");
        set("refuse", "tarpit");
        set("tarpitTime", "10m");
        assertThat(server.connect(2, connector).isServed()).isTrue();
        for (int i = 0; i < 20; i++) {
            server.connect(2, connector);
        }
        await().atMost(ofSeconds(30))
                .untilAsserted(() -> assertThat(limiter.snapshot().tarpitOpen()).isEqualTo(20));
        for (int client = 3; client <= 5; client++) {
            assertThat(server.connect(client, connector).isServed()).isTrue();
        }
        // Its count is right: a fifth waits in the backlog.
        Client waiting = server.connect(6, connector);
        connector.stop();
        assertThat(limiter.snapshot().tarpitOpen()).isZero();
        waiting.close();
    }

    @ParameterizedTest
    @EnumSource
    void survivesAListenerThatThrows(Kind kind) throws Exception {
        ConnectionLimiter hostile =
                new ConnectionLimiter(ConnectionLimits.builder().maxPerClient(1).build(), new LimiterListener() {
                    @Override
                    public void admitted(ClientUsage client) {
                        throw new AssertionError("as planned");
                    }

                    @Override
                    public void refused(ClientUsage client, RefusalReason reason, boolean dryRun) {
                        throw new AssertionError("as planned");
                    }

                    @Override
                    public void closed(ClientUsage client) {
                        throw new AssertionError("as planned");
                    }
                });
        connector = server.add(kind.protocol(hostile));
        server.start();
        Client first = server.connect(2, connector);
        assertThat(first.isServed()).isTrue();
        assertThat(server.connect(2, connector).isServed()).isFalse();
        first.close();
        await().atMost(ofSeconds(30))
                .untilAsserted(
                        () -> assertThat(hostile.snapshot().openConnections()).isZero());
        assertThat(server.connect(2, connector).isServed()).isTrue();
    }

    @ParameterizedTest
    @EnumSource
    void survivesAConnectionThatIsGoneAlready(Kind kind) throws Exception {
        AtomicBoolean broken = new AtomicBoolean(true);
        connector = server.add(Broken.closedBeforehand(kind, limiter, broken));
        connector.setProperty("maxConnections", "5");
        server.start();
        for (String onError : List.of("refuse", "admit")) {
            set("onError", onError);
            for (int i = 0; i < 20; i++) {
                assertThat(server.connect(2, connector).isServed()).isFalse();
            }
        }
        assertThat(limiter.snapshot().admitted()).isZero();

        broken.set(false);
        assertThat(server.connect(3, connector).isServed()).isTrue();
        assertThat(limiter.snapshot().openConnections()).isOne();
    }

    @ParameterizedTest
    @EnumSource
    void countsNothingIfTomcatCannotTakeTheConnection(Kind kind) throws Exception {
        connector = server.add(kind.protocol(limiter));
        connector.setProperty("maxConnections", "5");
        // Tomcat makes a buffer of this size for a connection.
        connector.setProperty("socket.appReadBufSize", "-1");
        server.start();
        for (int i = 0; i < 20; i++) {
            assertThat(server.connect(2, connector).end()).isIn("rst", "fin");
        }
        assertThat(limiter.snapshot().admitted()).isEqualTo(20);
        awaitOpen(0);
        connector.setProperty("socket.appReadBufSize", "8192");
        assertThat(server.connect(2, connector).isServed()).isTrue();
    }

    @ParameterizedTest
    @EnumSource
    void countsNothingIfTheVirtualMachineIsInTrouble(Kind kind) throws Exception {
        connector = server.add(Broken.withoutChannel(kind, limiter));
        server.start();
        assertThat(server.connect(2, connector).end()).isIn("rst", "fin");
        assertThat(limiter.snapshot().admitted()).isOne();
        awaitOpen(0);
    }

    @ParameterizedTest
    @EnumSource
    void releasesAlthoughTomcatFailsTo(Kind kind) throws Exception {
        connector = server.add(Broken.failingRelease(kind, limiter));
        server.start();
        for (int i = 0; i < 4; i++) {
            Client client = server.connect(2, connector);
            assertThat(client.isServed()).isTrue();
            client.close();
            awaitOpen(0);
        }
    }

    @Test
    void sweepsUpWhatThePollerCouldNotRegister() throws Exception {
        AtomicBoolean broken = new AtomicBoolean(true);
        connector = server.add(Broken.withoutRegistration(limiter, broken));
        // No deadline that would end the connection; the server looks as often as the shortest there may be.
        set("handshakeTimeout", "0");
        set("headerTimeout", "20ms");
        server.start();
        // Else the deadline would end it before the sweep finds it.
        set("handshakeTimeout", "0ms");
        server.connect(2, connector);
        await().atMost(ofSeconds(30))
                .untilAsserted(() -> assertThat(limiter.snapshot().admitted()).isOne());
        await().atMost(ofSeconds(30)).until(() -> {
            ticker.advance(ofSeconds(1));
            return limiter.snapshot().openConnections() == 0;
        });
        assertThat(limiter.snapshot().timedOut()).isZero();
        broken.set(false);
        assertThat(server.connect(2, connector).isServed()).isTrue();
        assertThat(server.connect(2, connector).isServed()).isTrue();
        // Tomcat says nothing of it.
        server.expectForgotten(1);
    }

    @ParameterizedTest
    @EnumSource
    void releasesAfterAVirtualMachineErrorInTheApplication(Kind kind) throws Exception {
        start(kind);
        assertThat(server.connect(2, connector).request("/vm-error").end()).isIn("fin", "rst");
        awaitOpen(0);
        assertThat(server.connect(2, connector).isServed()).isTrue();
    }

    @ParameterizedTest
    @EnumSource
    void stopsWithAHundredRequestsInFlight(Kind kind) throws Exception {
        start(kind);
        set("maxPerClient", "0");
        for (int i = 0; i < 100; i++) {
            server.connect(2, connector).request(i % 2 == 0 ? "/hold" : "/async");
        }
        await().atMost(ofSeconds(30)).until(() -> server.holding.get() == 50 && server.async.size() == 50);
        assertThat(limiter.snapshot().openConnections()).isEqualTo(100);

        connector.stop();
        awaitOpen(0);

        connector.start();
        set("maxPerClient", "1");
        assertServed(kind, 2);
        assertThat(server.connect(2, connector).isServed()).isFalse();
    }

    /** As Tomcat's NIO2 endpoint does now and then when it stops while connections begin. */
    private static final class ForgetfulEndpoint extends LimitedNio2Endpoint {

        void forget() {
            connections.clear();
        }
    }

    private Client forgotten() throws Exception {
        ForgetfulEndpoint endpoint = new ForgetfulEndpoint();
        ConnectionLimitHttp11Nio2Protocol protocol = new ConnectionLimitHttp11Nio2Protocol(endpoint);
        protocol.setLimiter(limiter);
        connector = server.add(protocol);
        server.start();
        // In the middle of a request, where Tomcat does nothing of itself when it stops.
        Client client = server.connect(2, connector).request("/hold");
        await().atMost(ofSeconds(30)).until(() -> server.holding.get() == 1);
        endpoint.forget();
        return client;
    }

    @Test
    void closesWhatItHasForgottenSomeTimeAfterItsStop() throws Exception {
        Client client = forgotten();
        connector.stop();
        // It is open still.
        assertThat(limiter.snapshot().openConnections()).isOne();
        assertThat(client.end()).isIn("fin", "rst");
        awaitOpen(0);
    }

    @Test
    void closesWhatItHasForgottenAfterTheStopOfItsServer() throws Exception {
        Client client = forgotten();
        server.tomcat.stop();
        assertThat(client.end()).isIn("fin", "rst");
        awaitOpen(0);
    }

    @Test
    void closesWhatItHasForgottenWhenItStartsAgain() throws Exception {
        Client client = forgotten();
        connector.stop();
        connector.start();
        // At once, and not in the time that it takes if it does not start again.
        assertThat(limiter.snapshot().openConnections()).isZero();
        assertThat(client.end()).isIn("fin", "rst");
        assertServed(Kind.NIO2, 2);
    }

    @ParameterizedTest
    @EnumSource
    void limitsAgainAfterStopAndStart(Kind kind) throws Exception {
        start(kind);
        for (int round = 0; round < 5; round++) {
            assertServed(kind, 2);
            assertServed(kind, 2);
            assertThat(server.connect(2, connector).isServed()).isFalse();
            connector.stop();
            awaitOpen(0);
            connector.start();
        }
    }

    @ParameterizedTest
    @EnumSource
    void limitsAgainAfterPauseAndResume(Kind kind) throws Exception {
        start(kind);
        assertThat(server.connect(2, connector).isServed()).isTrue();
        connector.pause();
        // Tomcat may close it now, as it is idle.
        server.disconnect();
        awaitOpen(0);
        connector.resume();
        assertServed(kind, 2);
        assertServed(kind, 2);
        assertThat(server.connect(2, connector).isServed()).isFalse();
    }

    @ParameterizedTest
    @EnumSource
    void neverExceedsTheLimitUnderLoad(Kind kind) throws Exception {
        AtomicInteger most = new AtomicInteger();
        ConnectionLimiter watched =
                new ConnectionLimiter(ConnectionLimits.builder().maxPerClient(5).build(), new LimiterListener() {
                    @Override
                    public void admitted(ClientUsage client) {
                        most.accumulateAndGet(client.openConnections(), Math::max);
                    }
                });
        connector = server.add(kind.protocol(watched));
        server.start();
        ExecutorService pool = Executors.newFixedThreadPool(20);
        try {
            List<Callable<Boolean>> tries = new ArrayList<>();
            for (int i = 0; i < 1000; i++) {
                tries.add(() -> {
                    try (Client client = server.connect(2, connector)) {
                        return client.isServed();
                    } catch (IOException refused) {
                        return false;
                    }
                });
            }
            int served = 0;
            for (Future<Boolean> one : pool.invokeAll(tries)) {
                served += one.get() ? 1 : 0;
            }
            assertThat(served).isPositive();
        } finally {
            pool.shutdown();
        }
        assertThat(most.get()).isBetween(1, 5);
        await().atMost(ofSeconds(30))
                .untilAsserted(
                        () -> assertThat(watched.snapshot().openConnections()).isZero());
    }

    @ParameterizedTest
    @EnumSource
    void theLimiterIsSetBeforeTheStart(Kind kind) throws Exception {
        start(kind);
        assertThatThrownBy(() -> {
                    if (protocol() instanceof ConnectionLimitHttp11NioProtocol nio) {
                        nio.setLimiter(limiter);
                    } else {
                        ((ConnectionLimitHttp11Nio2Protocol) protocol()).setLimiter(limiter);
                    }
                })
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("before the protocol is started");
    }
}
