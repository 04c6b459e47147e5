package io.github.connlimit.tomcat;

import static java.time.Duration.ofSeconds;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.github.connlimit.ClientUsage;
import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.ConnectionPhase;
import io.github.connlimit.LimiterListener;
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

    private static final Duration TIMEOUT = Duration.ofMillis(300);

    /** Where a connection is to be in time even if the machine has much else to do. */
    private static final String LONGER_TIMEOUT = "1s";

    /** More than twice the time-outs: what is open after it is not closed by a deadline. */
    private static final Duration IDLE = Duration.ofMillis(2500);

    private final List<String> timedOut = new CopyOnWriteArrayList<>();
    private final ConnectionLimiter limiter = new ConnectionLimiter(
            ConnectionLimits.builder().handshakeTimeout(TIMEOUT).build(), new LimiterListener() {
                @Override
                public void timedOut(ClientUsage client, ConnectionPhase phase, Duration timeout, boolean dryRun) {
                    timedOut.add(phase + " " + timeout.toMillis() + (dryRun ? " dry run" : ""));
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

    /** The event follows the close. */
    private void awaitTimedOut(String event) {
        await().atMost(ofSeconds(30)).untilAsserted(() -> assertThat(timedOut).containsExactly(event));
    }

    private void assertClosedByDeadline(Client client, ConnectionPhase phase) {
        assertThat(client.end()).isIn("fin", "rst");
        awaitOpen(0);
        awaitTimedOut(phase + " 300");
        assertThat(limiter.snapshot().timedOut()).isOne();
    }

    private static void idle() throws InterruptedException {
        // Nothing to wait for: it is that nothing happens which counts.
        Thread.sleep(IDLE.toMillis());
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
        set("handshakeTimeout", "2s");
        Client client = server.connect(2, connector);
        // The time-out for the next phase is read at the end of the handshake.
        awaitOpen(1);
        set("handshakeTimeout", "300ms");
        assertClosedByDeadline(Tls.client(client), ConnectionPhase.FIRST_BYTE);
    }

    @ParameterizedTest
    @EnumSource
    void aSilentClientIsClosedAfterItHasChosenHttp2(Kind kind) throws Exception {
        startTls(kind);
        set("handshakeTimeout", "2s");
        Client client = server.connect(2, connector);
        awaitOpen(1);
        set("handshakeTimeout", "300ms");
        Client tls = Tls.client(client, "h2");
        // What the server says unasked: its settings.
        try {
            tls.socket.getInputStream().readAllBytes();
        } catch (IOException reset) {
            // As good.
        }
        awaitOpen(0);
        awaitTimedOut("FIRST_BYTE 300");
    }

    @ParameterizedTest
    @EnumSource
    void aTrickledHandshakeIsClosed(Kind kind) throws Exception {
        startTls(kind);
        Client client = server.connect(2, connector);
        // The beginning of a record that is long enough.
        client.send("\u0016\u0003\u0001\u0002\u0000\u0001");
        long begin = System.nanoTime();
        boolean closed = false;
        while (!closed && System.nanoTime() - begin < TimeUnit.SECONDS.toNanos(30)) {
            try {
                client.send("\0");
                Thread.sleep(50);
            } catch (IOException reset) {
                closed = true;
            }
        }
        assertThat(closed).isTrue();
        awaitOpen(0);
        awaitTimedOut("HANDSHAKE 300");
    }

    @ParameterizedTest
    @EnumSource
    void aDroppedHandshakeIsGivenBackAtOnce(Kind kind) throws Exception {
        startTls(kind);
        set("handshakeTimeout", "1m");
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
        set("handshakeTimeout", LONGER_TIMEOUT);
        Client client = server.connect(2, connector).send("G");
        idle();
        client.send("ET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assertThat(client.response()).startsWith("HTTP/1.1 200");
        assertThat(timedOut).isEmpty();
    }

    @ParameterizedTest
    @EnumSource
    void keepAliveIsNotTouched(Kind kind) throws Exception {
        start(kind);
        set("handshakeTimeout", LONGER_TIMEOUT);
        Client client = server.connect(2, connector);
        assertThat(client.isServed()).isTrue();
        idle();
        assertThat(client.isServed()).isTrue();
        assertThat(timedOut).isEmpty();
    }

    @ParameterizedTest
    @EnumSource
    void keepAliveIsNotTouchedOverTls(Kind kind) throws Exception {
        startTls(kind);
        // The first handshake of all takes longer.
        set("handshakeTimeout", "1m");
        assertThat(Tls.client(server.connect(2, connector)).isServed()).isTrue();
        set("handshakeTimeout", LONGER_TIMEOUT);
        Client client = Tls.client(server.connect(2, connector));
        Client other = Tls.client(server.connect(2, connector), "h2");
        assertThat(client.isServed()).isTrue();
        Http2 http2 = new Http2(other).begin().get(1, "/", null);
        assertThat(http2.receive(Http2.DATA).stream()).isOne();
        idle();
        assertThat(client.isServed()).isTrue();
        http2.get(3, "/", null);
        assertThat(http2.receive(Http2.DATA).stream()).isEqualTo(3);
        assertThat(timedOut).isEmpty();
    }

    @ParameterizedTest
    @EnumSource
    void requestsAreNotTouched(Kind kind) throws Exception {
        start(kind);
        set("handshakeTimeout", LONGER_TIMEOUT);
        Client running = server.connect(2, connector).request("/hold");
        Client async = server.connect(2, connector).request("/async");
        AsyncContext context = server.async.poll(30, TimeUnit.SECONDS);
        idle();
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
        set("handshakeTimeout", LONGER_TIMEOUT);
        Client client = server.connect(2, connector);
        assertThat(client.webSocket()).startsWith("HTTP/1.1 101");
        idle();
        assertThat(client.echoes()).isTrue();
        assertThat(timedOut).isEmpty();
    }

    @ParameterizedTest
    @EnumSource
    void zeroIsOff(Kind kind) throws Exception {
        start(kind);
        set("handshakeTimeout", "0");
        Client silent = server.connect(2, connector);
        idle();
        assertThat(silent.isServed()).isTrue();
    }

    @ParameterizedTest
    @EnumSource
    void soManyMayBePending(Kind kind) throws Exception {
        start(kind);
        set("handshakeTimeout", "1m");
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
        set("handshakeTimeout", "1m");
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
        await().atMost(ofSeconds(30))
                .untilAsserted(() -> assertThat(timedOut).hasSize(4).containsOnly("FIRST_BYTE 300 dry run"));
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
        assertThat(silent.end()).isIn("fin", "rst");
        awaitOpen(1);
        assertThat(active.isServed()).isTrue();
        awaitTimedOut("FIRST_BYTE 300");
    }
}
