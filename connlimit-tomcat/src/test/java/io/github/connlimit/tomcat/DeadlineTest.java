package io.github.connlimit.tomcat;

import static java.time.Duration.ofSeconds;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.github.connlimit.Cidr;
import io.github.connlimit.ClientUsage;
import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.ConnectionPhase;
import io.github.connlimit.LimiterListener;
import io.github.connlimit.testing.ManualTicker;
import jakarta.servlet.AsyncContext;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import org.apache.catalina.connector.Connector;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Connections that have to prove themselves in time, and not too many at once. */
@Timeout(120)
class DeadlineTest {

    /** By the clock of the test. The server looks for what is due as often as this. */
    private static final Duration TIMEOUT = Duration.ofMillis(20);

    /** The last byte of the address whose connections show how far the server has come. */
    private static final int WITNESS = 9;

    private final ManualTicker ticker = new ManualTicker();
    private final List<String> timedOut = new CopyOnWriteArrayList<>();
    private final ConnectionLimiter limiter = new ConnectionLimiter(
            ConnectionLimits.builder().handshakeTimeout(TIMEOUT).build(), ticker, new LimiterListener() {
                @Override
                public void timedOut(ClientUsage client, ConnectionPhase phase, Duration timeout, boolean dryRun) {
                    if (!client.client().equals(Cidr.parse("127.0.0." + WITNESS))) {
                        timedOut.add(phase + " " + timeout.toMillis() + (dryRun ? " dry run" : ""));
                    }
                }
            });
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

    private void startTls(Kind kind) throws Exception {
        connector = server.add(kind.protocol(limiter));
        Tls.enableWithHttp2(connector);
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

    private void awaitPending(int connections) {
        await().atMost(ofSeconds(30)).untilAsserted(() -> assertThat(pending()).isEqualTo(connections));
    }

    private int pending() {
        return limiter.snapshot().topClients().stream()
                .mapToInt(ClientUsage::pendingConnections)
                .sum();
    }

    /** Lets time pass until so many deadlines have passed. */
    private void awaitTimedOut(int connections) {
        await().atMost(ofSeconds(30)).until(() -> {
            ticker.advance(TIMEOUT);
            return timedOut.size() >= connections;
        });
    }

    private void assertClosedByDeadline(Client client, ConnectionPhase phase) {
        awaitTimedOut(1);
        assertThat(client.end()).isIn("fin", "rst");
        awaitOpen(0);
        assertThat(timedOut).containsExactly(phase + " 20");
        assertThat(limiter.snapshot().timedOut()).isOne();
    }

    /**
     * Lets so much time pass that whatever has a deadline misses it: until a connection that has just come, and after it
     * another one, has been closed at its deadline. So the server has looked at everything in between.
     */
    private void letTimePass() throws Exception {
        for (int i = 0; i < 2; i++) {
            long before = limiter.snapshot().timedOut();
            Client witness = server.connect(WITNESS, connector);
            if (limiter.limits().handshakeTimeout().isZero()) {
                // Then it has a deadline for its header only.
                witness.send("GET / HTTP/1.1\r\n");
            }
            await().atMost(ofSeconds(30)).until(() -> {
                ticker.advance(TIMEOUT);
                return limiter.snapshot().timedOut() > before;
            });
        }
    }

    @ParameterizedTest
    @EnumSource
    void aChannelThatNobodyTracksDoesNotEscapeItsDeadline(Kind kind) throws Exception {
        connector = server.add(Broken.untracked(kind, limiter));
        server.start();
        Client silent = server.connect(2, connector);
        awaitOpen(1);
        assertClosedByDeadline(silent, ConnectionPhase.FIRST_BYTE);
    }

    @ParameterizedTest
    @EnumSource
    void aSilentClientIsClosed(Kind kind) throws Exception {
        start(kind);
        assertClosedByDeadline(server.connect(2, connector), ConnectionPhase.FIRST_BYTE);
    }

    @ParameterizedTest
    @EnumSource
    void aSilentClientIsClosedBeforeTls(Kind kind) throws Exception {
        startTls(kind);
        assertClosedByDeadline(server.connect(2, connector), ConnectionPhase.HANDSHAKE);
    }

    @ParameterizedTest
    @EnumSource
    void aSilentClientIsClosedAfterTls(Kind kind) throws Exception {
        startTls(kind);
        Client client = Tls.client(server.connect(2, connector));
        // The server has yet to read the end of the handshake.
        awaitPending(0);
        assertClosedByDeadline(client, ConnectionPhase.FIRST_BYTE);
    }

    @ParameterizedTest
    @EnumSource
    void aSilentClientIsClosedAfterItHasChosenHttp2(Kind kind) throws Exception {
        startTls(kind);
        Client tls = Tls.client(server.connect(2, connector), "h2");
        awaitPending(0);
        awaitTimedOut(1);
        // What the server says unasked: its settings.
        try {
            tls.socket.getInputStream().readAllBytes();
        } catch (IOException reset) {
            // As good.
        }
        awaitOpen(0);
        assertThat(timedOut).containsExactly("FIRST_BYTE 20");
    }

    @ParameterizedTest
    @EnumSource
    void aTrickledHandshakeIsClosed(Kind kind) throws Exception {
        startTls(kind);
        Client client = server.connect(2, connector);
        // The beginning of a record that is long enough.
        client.send("\u0016\u0003\u0001\u0002\u0000\u0001");
        await().atMost(ofSeconds(30)).until(() -> {
            try {
                client.send("\0");
                ticker.advance(TIMEOUT.dividedBy(10));
                return false;
            } catch (IOException reset) {
                return true;
            }
        });
        awaitOpen(0);
        assertThat(timedOut).containsExactly("HANDSHAKE 20");
    }

    @ParameterizedTest
    @EnumSource
    void aDroppedHandshakeIsGivenBackAtOnce(Kind kind) throws Exception {
        startTls(kind);
        server.connect(2, connector).send("\u0016\u0003\u0001\u0002\u0000\u0001");
        server.connect(2, connector).send("\u0016\u0003\u0001\u0002\u0000\u0001");
        awaitOpen(2);
        server.disconnect();
        awaitOpen(0);
        assertThat(timedOut).isEmpty();
    }

    @ParameterizedTest
    @EnumSource
    void oneByteIsEnough(Kind kind) throws Exception {
        start(kind);
        Client client = server.connect(2, connector).send("G");
        awaitOpen(1);
        // The server has yet to read it.
        awaitPending(0);
        letTimePass();
        client.send("ET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assertThat(client.response()).startsWith("HTTP/1.1 200");
        assertThat(timedOut).isEmpty();
    }

    @ParameterizedTest
    @EnumSource
    void keepAliveIsNotTouched(Kind kind) throws Exception {
        start(kind);
        Client client = server.connect(2, connector);
        assertThat(client.isServed()).isTrue();
        letTimePass();
        assertThat(client.isServed()).isTrue();
        assertThat(timedOut).isEmpty();
    }

    @ParameterizedTest
    @EnumSource
    void keepAliveIsNotTouchedOverTls(Kind kind) throws Exception {
        startTls(kind);
        Client client = Tls.client(server.connect(2, connector));
        Client other = Tls.client(server.connect(2, connector), "h2");
        assertThat(client.isServed()).isTrue();
        Http2 http2 = new Http2(other).begin().get(1, "/", null);
        assertThat(http2.receive(Http2.DATA).stream()).isOne();
        letTimePass();
        assertThat(client.isServed()).isTrue();
        http2.get(3, "/", null);
        assertThat(http2.receive(Http2.DATA).stream()).isEqualTo(3);
        assertThat(timedOut).isEmpty();
    }

    @ParameterizedTest
    @EnumSource
    void requestsAreNotTouched(Kind kind) throws Exception {
        start(kind);
        Client running = server.connect(2, connector).request("/hold");
        Client async = server.connect(2, connector).request("/async");
        AsyncContext context = server.async.poll(30, TimeUnit.SECONDS);
        await().atMost(ofSeconds(30)).until(() -> server.holding.get() == 1);
        letTimePass();
        server.hold.countDown();
        context.dispatch();
        assertThat(running.response()).startsWith("HTTP/1.1 200");
        assertThat(async.response()).startsWith("HTTP/1.1 200");
        assertThat(timedOut).isEmpty();
    }

    @ParameterizedTest
    @EnumSource
    void webSocketsAreNotTouched(Kind kind) throws Exception {
        server.addWebSocket();
        start(kind);
        Client client = server.connect(2, connector);
        assertThat(client.webSocket()).startsWith("HTTP/1.1 101");
        letTimePass();
        assertThat(client.echoes()).isTrue();
        assertThat(timedOut).isEmpty();
    }

    @ParameterizedTest
    @EnumSource
    void zeroIsOff(Kind kind) throws Exception {
        start(kind);
        set("handshakeTimeout", "0");
        set("headerTimeout", "20ms");
        Client silent = server.connect(2, connector);
        letTimePass();
        assertThat(silent.isServed()).isTrue();
    }

    @ParameterizedTest
    @EnumSource
    void soManyMayBePending(Kind kind) throws Exception {
        start(kind);
        set("maxPendingPerClient", "2");
        Client first = server.connect(2, connector);
        server.connect(2, connector);
        awaitPending(2);
        assertThat(server.connect(2, connector).isServed()).isFalse();
        assertThat(server.connect(3, connector).isServed()).isTrue();
        assertThat(first.isServed()).isTrue();
        awaitPending(1);
        assertThat(server.connect(2, connector).isServed()).isTrue();
        assertThat(limiter.snapshot().refusedPending()).isOne();
        assertThat(limiter.snapshot().refused()).isZero();
    }

    @ParameterizedTest
    @EnumSource
    void soManyMayBePendingBeforeTls(Kind kind) throws Exception {
        startTls(kind);
        set("maxPendingPerClient", "2");
        Client first = server.connect(2, connector);
        server.connect(2, connector);
        awaitPending(2);
        assertThat(server.connect(2, connector).end()).isIn("rst", "fin");
        // The handshake is enough, without a request.
        Client tls = Tls.client(first);
        awaitPending(1);
        assertThat(Tls.client(server.connect(2, connector)).isServed()).isTrue();
        assertThat(tls.isServed()).isTrue();
        assertThat(limiter.snapshot().refusedPending()).isOne();
    }

    @ParameterizedTest
    @EnumSource
    void inADryRunNothingIsClosedOrRefused(Kind kind) throws Exception {
        start(kind);
        set("dryRun", "true");
        set("maxPerClient", "2");
        set("maxPendingPerClient", "1");
        Client[] clients = new Client[4];
        for (int i = 0; i < clients.length; i++) {
            clients[i] = server.connect(2, connector);
        }
        awaitTimedOut(4);
        assertThat(timedOut).hasSize(4).containsOnly("FIRST_BYTE 20 dry run");
        for (Client client : clients) {
            assertThat(client.isServed()).isTrue();
        }
        assertThat(limiter.snapshot().admitted()).isEqualTo(4);
        assertThat(limiter.snapshot().dryRunRefused()).isEqualTo(3);
        assertThat(limiter.snapshot().dryRunTimedOut()).isEqualTo(4);
        assertThat(limiter.snapshot().timedOut()).isZero();

        set("dryRun", "false");
        assertThat(server.connect(2, connector).isServed()).isFalse();
    }

    @ParameterizedTest
    @EnumSource
    void connectionsThatWaitKeepADeadlineWhenTheLimiterIsReplaced(Kind kind) throws Exception {
        connector = server.add(kind.protocol());
        server.start();
        Client silent = server.connect(2, connector);
        Client active = server.connect(3, connector);
        assertThat(active.isServed()).isTrue();
        ConnectionLimitValve valve = new ConnectionLimitValve();
        valve.setLimiter(limiter);
        server.tomcat.getEngine().getPipeline().addValve(valve);
        awaitTimedOut(1);
        assertThat(silent.end()).isIn("fin", "rst");
        awaitOpen(1);
        assertThat(active.isServed()).isTrue();
        assertThat(timedOut).containsExactly("FIRST_BYTE 20");
    }
}
