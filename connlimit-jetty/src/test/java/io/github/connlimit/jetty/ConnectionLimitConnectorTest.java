package io.github.connlimit.jetty;

import static io.github.connlimit.jetty.Client.GREEDY;
import static io.github.connlimit.jetty.Client.MODEST;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;
import static org.awaitility.Awaitility.await;

import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.LimiterSnapshot;
import io.github.connlimit.Refusal;
import io.github.connlimit.testing.ManualTicker;
import java.net.Socket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.logging.Level;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.SslConnectionFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class ConnectionLimitConnectorTest {

    private final CapturedLog log = new CapturedLog();

    @AfterEach
    void nothingElseWasLogged() {
        log.close();
        assertThat(log.messages()).allMatch(message -> message.contains("thrown by the test's connector"));
    }

    private static ConnectionLimiter limiter(Refusal refusal) {
        return TestServer.limiter(ConnectionLimits.builder().maxPerClient(2).refuse(refusal));
    }

    private static TestServer server(Refusal refusal) throws Exception {
        ConnectionLimiter limiter = limiter(refusal);
        return new TestServer(limiter, server -> new ConnectionLimitConnector(server, limiter));
    }

    private static TestServer server(int acceptors) throws Exception {
        ConnectionLimiter limiter = limiter(Refusal.RESET);
        return new TestServer(
                limiter,
                server -> new ConnectionLimitConnector(
                        server, null, null, null, acceptors, 1, new ConnectionLimitListener(limiter)));
    }

    private static void awaitRefused(TestServer server, int connections) {
        await().atMost(TestServer.DEADLINE).untilAsserted(() -> {
            LimiterSnapshot snapshot = server.limiter.snapshot();
            assertThat(snapshot.refused()).isEqualTo(connections);
            assertThat(snapshot.openConnections()).isEqualTo(2);
        });
    }

    @ParameterizedTest
    @EnumSource(
            value = Refusal.class,
            names = {"RESET", "CLOSE"})
    void jettyDoesNotSeeWhatIsRefused(Refusal refusal) throws Exception {
        TestServer server = server(refusal);
        RecordingListener recording = new RecordingListener();
        server.connector.addBean(recording);
        try (server) {
            server.started();
            try (Client first = server.admitted(GREEDY);
                    Client second = server.admitted(GREEDY);
                    Client other = server.admitted(MODEST)) {
                recording.events.clear();
                for (int i = 0; i < 5; i++) {
                    try (Client refused = server.connect(GREEDY)) {
                        assertThat(refused.ending()).isEqualTo(refusal == Refusal.RESET ? "reset" : "end");
                    }
                }
                assertThat(other.get("/")).startsWith("HTTP/1.1 200 ");
                assertThat(recording.events).isEmpty();
                assertThat(server.limiter.snapshot().refused()).isEqualTo(5);
                assertThat(server.limiter.snapshot().admitted()).isEqualTo(3);
                second.socket().close();
                server.awaitOpen(GREEDY, 1);
                server.admitted(GREEDY).close();
                first.reset();
            }
            server.awaitZero();
        }
    }

    private static final Duration TARPIT_TIME = Duration.ofMinutes(10);

    /** By the clock of the test. The server looks for what is due as often as this. */
    private static final Duration TIMEOUT = Duration.ofMillis(20);

    private final ManualTicker ticker = new ManualTicker();

    private ConnectionLimiter tarpit(int maxOpen) {
        ConnectionLimits limits = ConnectionLimits.builder()
                .maxPerClient(2)
                .refuse(Refusal.TARPIT)
                .tarpitMaxOpen(maxOpen)
                .tarpitTime(TARPIT_TIME)
                .handshakeTimeout(TIMEOUT)
                .build();
        return new ConnectionLimiter(limits, ticker);
    }

    private static void awaitHeld(TestServer server, int connections) {
        await().atMost(TestServer.DEADLINE)
                .untilAsserted(
                        () -> assertThat(server.limiter.snapshot().tarpitOpen()).isEqualTo(connections));
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void tarpitHoldsWhatIsRefusedAndJettyDoesNotSeeIt(boolean tls) throws Exception {
        ConnectionLimiter limiter = tarpit(6);
        TestServer server = new TestServer(
                limiter,
                on -> tls
                        ? new ConnectionLimitConnector(
                                on,
                                limiter,
                                new SslConnectionFactory(TestTls.serverContext(), "http/1.1"),
                                new HttpConnectionFactory())
                        : new ConnectionLimitConnector(on, limiter));
        RecordingListener recording = new RecordingListener();
        server.connector.addBean(recording);
        try (server) {
            server.started();
            try (Client first = tls ? server.connect(GREEDY).tls() : server.connect(GREEDY);
                    Client second = tls ? server.connect(GREEDY).tls() : server.connect(GREEDY)) {
                assertThat(first.get("/")).startsWith("HTTP/1.1 200 ");
                assertThat(second.get("/")).startsWith("HTTP/1.1 200 ");
                recording.events.clear();
                List<Client> held = new ArrayList<>();
                for (int i = 0; i < 3; i++) {
                    held.add(server.connect(GREEDY));
                }
                awaitHeld(server, 3);
                try (Client tooMany = server.connect(GREEDY)) {
                    assertThat(tooMany.ending()).isEqualTo("reset");
                }
                assertThat(recording.events).isEmpty();
                ticker.advance(TARPIT_TIME.minusMinutes(1));
                server.letTimePass(ticker, TIMEOUT);
                awaitHeld(server, 3);
                ticker.advance(Duration.ofMinutes(1));
                for (Client refused : held) {
                    assertThat(refused.ending()).isEqualTo("reset");
                    refused.close();
                }
                awaitHeld(server, 0);
                assertThat(limiter.snapshot().openConnections()).isEqualTo(2);
                first.reset();
                second.reset();
            }
            server.awaitZero();
        }
    }

    @Test
    void aStopEndsWhatTheTarpitHolds() throws Exception {
        ConnectionLimiter limiter = tarpit(100);
        TestServer server = new TestServer(limiter, on -> new ConnectionLimitConnector(on, limiter));
        try (server) {
            server.started();
            try (Client first = server.admitted(GREEDY);
                    Client second = server.admitted(GREEDY);
                    Client held = server.connect(GREEDY)) {
                awaitHeld(server, 1);
                assertThat(first.get("/")).startsWith("HTTP/1.1 200 ");
                assertThat(second.get("/")).startsWith("HTTP/1.1 200 ");
                server.connector.stop();
                assertThat(held.ending()).isEqualTo("reset");
                awaitHeld(server, 0);
            }
            server.connector.start();
            try (Client first = server.admitted(GREEDY);
                    Client second = server.admitted(GREEDY);
                    Client held = server.connect(GREEDY)) {
                awaitHeld(server, 1);
                assertThat(held.socket().isConnected()).isTrue();
                assertThat(first.get("/")).startsWith("HTTP/1.1 200 ");
                assertThat(second.get("/")).startsWith("HTTP/1.1 200 ");
            }
        }
        assertThat(limiter.snapshot().tarpitOpen()).isZero();
    }

    /** Without acceptors, Jetty has the connection already. */
    @Test
    void withoutAcceptorsATarpitResets() throws Exception {
        ConnectionLimiter limiter = tarpit(100);
        TestServer server = new TestServer(
                limiter,
                on -> new ConnectionLimitConnector(on, null, null, null, 0, 1, new ConnectionLimitListener(limiter)));
        try (CapturedLog said = new CapturedLog(Level.INFO);
                server) {
            server.started();
            try (Client first = server.admitted(GREEDY);
                    Client second = server.admitted(GREEDY);
                    Client refused = server.connect(GREEDY)) {
                assertThat(refused.ending()).isEqualTo("reset");
                assertThat(first.get("/")).startsWith("HTTP/1.1 200 ");
                assertThat(second.get("/")).startsWith("HTTP/1.1 200 ");
            }
            server.awaitZero();
            assertThat(said.messages())
                    .filteredOn(message -> message.contains("refuse=tarpit is as refuse=reset on "))
                    .singleElement()
                    .asString()
                    .endsWith(": only a ConnectionLimitConnector that has acceptors can hold a connection back");
        }
    }

    @Test
    void respondAnswersOnceInClearText() throws Exception {
        try (TestServer server = server(Refusal.RESPOND).started()) {
            try (Client first = server.admitted(GREEDY);
                    Client second = server.admitted(GREEDY)) {
                for (int i = 1; i <= 3; i++) {
                    try (Client refused = server.connect(GREEDY)) {
                        refused.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
                        assertThat(refused.readAll()).startsWith("HTTP/1.1 429 ");
                    }
                    awaitRefused(server, i);
                    assertThat(server.limiter.snapshot().responded()).isEqualTo(i);
                }
                assertThat(first.get("/")).startsWith("HTTP/1.1 200 ");
                assertThat(second.get("/")).startsWith("HTTP/1.1 200 ");
            }
            server.awaitZero();
        }
    }

    @Test
    void respondAnswersOnceOverTls() throws Exception {
        ConnectionLimiter limiter = limiter(Refusal.RESPOND);
        TestServer server = new TestServer(
                limiter,
                on -> new ConnectionLimitConnector(
                        on,
                        limiter,
                        new SslConnectionFactory(TestTls.serverContext(), "http/1.1"),
                        new HttpConnectionFactory()));
        try (server) {
            server.started();
            try (Client first = server.connect(GREEDY).tls();
                    Client second = server.connect(GREEDY).tls()) {
                assertThat(first.get("/")).startsWith("HTTP/1.1 200 ");
                assertThat(second.get("/")).startsWith("HTTP/1.1 200 ");
                try (Client refused = server.connect(GREEDY).tls()) {
                    refused.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
                    assertThat(refused.readHead()).startsWith("HTTP/1.1 429 ");
                }
                awaitRefused(server, 1);
                assertThat(limiter.snapshot().responded()).isEqualTo(1);
            }
            server.awaitZero();
        }
    }

    /** The selectors accept then, and the listener refuses alone. */
    @Test
    void refusesWithoutAcceptorsToo() throws Exception {
        try (TestServer server = server(0).started()) {
            try (Client first = server.admitted(GREEDY);
                    Client second = server.admitted(GREEDY);
                    Client refused = server.connect(GREEDY)) {
                assertThat(refused.ending()).isEqualTo("reset");
                awaitRefused(server, 1);
                assertThat(first.get("/")).startsWith("HTTP/1.1 200 ");
                assertThat(second.get("/")).startsWith("HTTP/1.1 200 ");
            }
            server.awaitZero();
        }
    }

    @Test
    void limitsAgainAfterAStop() throws Exception {
        try (TestServer server = server(2).started()) {
            for (int i = 0; i < 3; i++) {
                try (Client first = server.admitted(GREEDY);
                        Client second = server.admitted(GREEDY);
                        Client refused = server.connect(GREEDY)) {
                    assertThat(refused.ending()).isEqualTo("reset");
                    assertThat(first.get("/")).startsWith("HTTP/1.1 200 ");
                    assertThat(second.get("/")).startsWith("HTTP/1.1 200 ");
                    server.connector.stop();
                    // A close may still be under way in another thread.
                    server.awaitZero();
                }
                server.stopConnector();
                server.connector.start();
            }
        }
    }

    /** Closed by us, and its permit given back, since Jetty has not seen it. */
    @Test
    void aConnectionThatCannotBeHandedOnIsNotCounted() throws Exception {
        AtomicBoolean fails = new AtomicBoolean(true);
        ConnectionLimiter limiter = limiter(Refusal.RESET);
        TestServer server = new TestServer(limiter, on -> new ConnectionLimitConnector(on, limiter) {
            @Override
            protected void configure(Socket socket) {
                if (fails.get()) {
                    throw new IllegalStateException("thrown by the test's connector");
                }
                super.configure(socket);
            }
        });
        try (server) {
            server.started();
            // After each, Jetty's acceptor waits for a second.
            for (int i = 0; i < 2; i++) {
                try (Client client = server.connect(GREEDY)) {
                    assertThat(client.ending()).isIn("end", "reset");
                }
            }
            server.awaitZero();
            assertThat(limiter.snapshot().admitted()).isEqualTo(2);
            fails.set(false);
            server.admitted(GREEDY).close();
            server.awaitZero();
        }
        assertThat(log.messages()).hasSize(2);
    }

    @Test
    void anInstallerLeavesItsListener() throws Exception {
        TestServer server = server(Refusal.RESET);
        ConnectionLimiter other = TestServer.limiter(1);
        server.server.addBean(new ConnectionLimitInstaller(other));
        try (server) {
            server.started();
            try (Client first = server.admitted(GREEDY);
                    Client second = server.admitted(GREEDY);
                    Client refused = server.connect(GREEDY)) {
                assertThat(refused.ending()).isEqualTo("reset");
                assertThat(first.get("/")).startsWith("HTTP/1.1 200 ");
                assertThat(second.get("/")).startsWith("HTTP/1.1 200 ");
                assertThat(other.snapshot().admitted()).isZero();
            }
            server.awaitZero();
        }
    }

    @Test
    void needsALimiter() {
        assertThatNullPointerException()
                .isThrownBy(() -> new ConnectionLimitConnector(new Server(), null))
                .withMessage("limiter");
    }
}
