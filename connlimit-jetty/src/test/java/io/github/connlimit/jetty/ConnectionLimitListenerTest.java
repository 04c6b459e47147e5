package io.github.connlimit.jetty;

import static io.github.connlimit.jetty.Client.GREEDY;
import static io.github.connlimit.jetty.Client.MODEST;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.github.connlimit.ClientUsage;
import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.ErrorPolicy;
import io.github.connlimit.LimiterListener;
import io.github.connlimit.Refusal;
import io.github.connlimit.RefusalReason;
import io.github.connlimit.testing.ManualTicker;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketOption;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import java.nio.channels.SelectableChannel;
import java.nio.channels.SelectionKey;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import javax.net.ssl.SSLSocket;
import org.eclipse.jetty.io.AbstractConnection;
import org.eclipse.jetty.io.Connection;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.io.ManagedSelector;
import org.eclipse.jetty.io.SelectorManager;
import org.eclipse.jetty.io.SocketChannelEndPoint;
import org.eclipse.jetty.server.AbstractConnectionFactory;
import org.eclipse.jetty.server.Connector;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.server.SslConnectionFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class ConnectionLimitListenerTest {

    private final CapturedLog log = new CapturedLog();

    @AfterEach
    void endLog() {
        log.close();
    }

    private static ConnectionLimiter limiter(int maxPerClient, Refusal refusal, ErrorPolicy onError) {
        return new ConnectionLimiter(ConnectionLimits.builder()
                .maxPerClient(maxPerClient)
                .refuse(refusal)
                .onError(onError)
                .build());
    }

    // What a refusal is

    @Test
    void refusedConnectionGoesNoFurtherThanAccepting() throws Exception {
        RecordingListener recording = new RecordingListener();
        TestServer server = new TestServer(1);
        server.connector.addBean(recording);
        try (server) {
            server.limited();
            try (Client admitted = server.admitted(GREEDY)) {
                assertThat(recording.events).containsExactly("accepting", "accepted", "opened");
                recording.events.clear();
                try (Client refused = server.connect(GREEDY)) {
                    assertThat(refused.ending()).isEqualTo("reset");
                }
                await().atMost(TestServer.DEADLINE)
                        .untilAsserted(() ->
                                assertThat(recording.events).containsExactly("accepting", "acceptFailed since closed"));
                assertThat(server.connector.getConnectedEndPoints()).hasSize(1);
                assertThat(admitted.get("/")).startsWith("HTTP/1.1 200 ");
            }
            server.awaitZero();
        }
        assertThat(log.messages()).isEmpty();
    }

    @Test
    void closeEndsTheStream() throws Exception {
        try (TestServer server = new TestServer(limiter(1, Refusal.CLOSE, ErrorPolicy.REFUSE)).limited()) {
            try (Client admitted = server.admitted(GREEDY);
                    Client refused = server.connect(GREEDY)) {
                assertThat(refused.ending()).isEqualTo("end");
                assertThat(admitted.get("/")).startsWith("HTTP/1.1 200 ");
            }
            server.awaitZero();
        }
        assertThat(log.messages()).isEmpty();
    }

    @ParameterizedTest
    @EnumSource(Refusal.class)
    void handlerOfOnesOwnReplacesTheRefusal(Refusal refusal) throws Exception {
        List<InetAddress> refusedPeers = new CopyOnWriteArrayList<>();
        TestServer server = new TestServer(limiter(1, refusal, ErrorPolicy.REFUSE));
        server.connector.addBean(new ConnectionLimitListener(server.limiter, (channel, peer) -> {
            refusedPeers.add(peer);
            channel.write(ByteBuffer.wrap("go away".getBytes(StandardCharsets.US_ASCII)));
        }));
        try (server) {
            server.started();
            try (Client admitted = server.admitted(GREEDY);
                    Client refused = server.connect(GREEDY)) {
                assertThat(refused.readAll()).isEqualTo("go away");
                assertThat(admitted.get("/")).startsWith("HTTP/1.1 200 ");
            }
            assertThat(refusedPeers).containsExactly(InetAddress.getByName(GREEDY));
            server.awaitZero();
        }
        assertThat(log.messages()).isEmpty();
    }

    @Test
    void handlerThatThrowsDoesNotLetTheConnectionIn() throws Exception {
        TestServer server = new TestServer(1);
        server.connector.addBean(new ConnectionLimitListener(server.limiter, (channel, peer) -> {
            throw new AssertionError("thrown by the test's handler");
        }));
        try (server) {
            server.started();
            try (Client admitted = server.admitted(GREEDY)) {
                for (int i = 0; i < 10; i++) {
                    try (Client refused = server.connect(GREEDY)) {
                        assertThat(refused.ending()).isIn("reset", "end");
                    }
                }
                server.admitted(MODEST).close();
                assertThat(admitted.get("/")).startsWith("HTTP/1.1 200 ");
            }
            server.awaitZero();
        }
        assertThat(log.messages())
                .containsExactly("io.github.connlimit.ConnectionLimiter: refusing a connection failed"
                        + " (java.lang.AssertionError: thrown by the test's handler)");
    }

    // How a connection may end

    @Test
    void countsUntilTheClientHasClosedOrReset() throws Exception {
        try (TestServer server = new TestServer(2).limited()) {
            Client closing = server.admitted(GREEDY);
            Client resetting = server.admitted(GREEDY);
            server.awaitOpen(GREEDY, 2);
            closing.close();
            server.awaitOpen(GREEDY, 1);
            resetting.reset();
            server.awaitZero();
        }
        assertThat(log.messages()).isEmpty();
    }

    @Test
    void countsUntilTheHandlerHasThrown() throws Exception {
        try (TestServer server = new TestServer(1).limited()) {
            try (Client client = server.connect(GREEDY)) {
                client.send("GET /throw HTTP/1.0\r\n\r\n");
                assertThat(client.readAll()).startsWith("HTTP/1.1 500 ");
            }
            server.awaitZero();
        }
    }

    @Test
    void countsUntilIdleTimeout() throws Exception {
        try (TestServer server = new TestServer(1).limited()) {
            try (Client client = server.admitted(GREEDY)) {
                server.connector.getConnectedEndPoints().forEach(endPoint -> endPoint.setIdleTimeout(200));
                assertThat(client.ending()).isEqualTo("end");
                server.awaitZero();
            }
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void releasesIfTheEndPointCannotBeMade(boolean unchecked) throws Exception {
        AtomicBoolean failing = new AtomicBoolean(true);
        TestServer server = new TestServer(TestServer.limiter(1), jetty -> new ServerConnector(jetty, 1, 1) {
            @Override
            protected SocketChannelEndPoint newEndPoint(
                    SocketChannel channel, ManagedSelector selector, SelectionKey key) throws IOException {
                if (failing.get()) {
                    if (unchecked) {
                        throw new IllegalStateException("thrown by the test");
                    }
                    throw new IOException("thrown by the test");
                }
                return super.newEndPoint(channel, selector, key);
            }
        });
        assertReleasesWhile(failing, server);
    }

    @Test
    void releasesIfTheConnectionCannotBeMade() throws Exception {
        AtomicBoolean failing = new AtomicBoolean(true);
        HttpConnectionFactory http = new HttpConnectionFactory() {
            @Override
            public Connection newConnection(Connector connector, EndPoint endPoint) {
                if (failing.get()) {
                    throw new IllegalStateException("thrown by the test");
                }
                return super.newConnection(connector, endPoint);
            }
        };
        assertReleasesWhile(
                failing, new TestServer(TestServer.limiter(1), jetty -> new ServerConnector(jetty, 1, 1, http)));
    }

    @Test
    void releasesOnceIfTheConnectionClosesAndThrowsWhenOpened() throws Exception {
        AtomicBoolean failing = new AtomicBoolean(true);
        AbstractConnectionFactory failingAtOpen = new AbstractConnectionFactory("failing") {
            @Override
            public Connection newConnection(Connector connector, EndPoint endPoint) {
                return failing.get()
                        ? new ClosesAndThrows(endPoint, connector)
                        : new HttpConnectionFactory().newConnection(connector, endPoint);
            }
        };
        RecordingListener recording = new RecordingListener();
        TestServer server = new TestServer(
                TestServer.limiter(1),
                jetty -> new ServerConnector(jetty, 1, 1, failingAtOpen, new HttpConnectionFactory()));
        server.connector.addBean(recording);
        assertReleasesWhile(failing, server);
        assertThat(recording.events).contains("closed", "acceptFailed");
    }

    private static final class ClosesAndThrows extends AbstractConnection {

        ClosesAndThrows(EndPoint endPoint, Connector connector) {
            super(endPoint, connector.getExecutor());
        }

        @Override
        public void onOpen() {
            close();
            throw new IllegalStateException("thrown by the test");
        }

        @Override
        public void onFillable() {}
    }

    /** The limit is 1: if a permit were lost, or given back twice, the next connections would show it. */
    private static void assertReleasesWhile(AtomicBoolean failing, TestServer server) throws Exception {
        try (server) {
            server.limited();
            for (int i = 0; i < 5; i++) {
                try (Client client = server.connect(GREEDY)) {
                    assertThat(client.ending()).isIn("end", "reset");
                }
                server.awaitZero();
            }
            assertThat(server.limiter.snapshot().admitted()).isEqualTo(5);
            failing.set(false);
            try (Client admitted = server.admitted(GREEDY);
                    Client refused = server.connect(GREEDY)) {
                assertThat(refused.ending()).isEqualTo("reset");
                assertThat(admitted.get("/")).startsWith("HTTP/1.1 200 ");
            }
            server.awaitZero();
        }
    }

    @Test
    void releasesAfterGarbageAndBrokenHandshakesOnTls() throws Exception {
        try (TestServer server = new TestServer(
                TestServer.limiter(3),
                jetty -> new ServerConnector(
                        jetty,
                        1,
                        1,
                        new SslConnectionFactory(TestTls.serverContext(), "http/1.1"),
                        new HttpConnectionFactory()))) {
            server.limited();
            try (Client garbage = server.connect(GREEDY)) {
                garbage.send("this is no TLS record at all, whatever it is\r\n\r\n");
                server.awaitZero();
            }
            Client dropped = server.connect(GREEDY);
            // The head of a ClientHello, and a part of it.
            dropped.send(new byte[] {22, 3, 1, 2, 0, 1, 0, 1, (byte) 0xfc, 3, 3});
            server.awaitOpen(GREEDY, 1);
            dropped.close();
            server.awaitZero();
            Client reset = server.connect(GREEDY);
            reset.send(new byte[] {22, 3, 1, 2, 0, 1, 0, 1, (byte) 0xfc, 3, 3});
            server.awaitOpen(GREEDY, 1);
            reset.reset();
            server.awaitZero();
            try (Client client = server.connect(GREEDY)) {
                SSLSocket tls = TestTls.client(client.socket());
                tls.startHandshake();
                server.awaitOpen(GREEDY, 1);
                tls.close();
                server.awaitZero();
            }
        }
    }

    @Test
    void sweepReleasesWhatJettyDoesNotReport() throws Exception {
        RecordingListener recording = new RecordingListener();
        ManualTicker ticker = new ManualTicker();
        // No deadline that would end the connection; the server looks as often as the shortest there may be.
        ConnectionLimits limits = ConnectionLimits.builder()
                .maxPerClient(1)
                .handshakeTimeout(Duration.ZERO)
                .headerTimeout(Duration.ofMillis(20))
                .build();
        TestServer server = new TestServer(new ConnectionLimiter(limits, ticker));
        server.connector.addBean(recording);
        server.connector.addBean(new ConnectionLimitListener(server.limiter));
        try (server) {
            server.started();
            server.expectForgotten(1);
            try (Client client = server.admitted(GREEDY)) {
                server.awaitOpen(GREEDY, 1);
                EndPoint endPoint =
                        server.connector.getConnectedEndPoints().iterator().next();
                recording.events.clear();
                ((SocketChannel) endPoint.getTransport()).close();
                await().atMost(TestServer.DEADLINE).until(() -> {
                    ticker.advance(Duration.ofSeconds(1));
                    return server.limiter.snapshot().openConnections() == 0;
                });
                server.assertZero();
                assertThat(server.limiter.snapshot().timedOut()).isZero();
                assertThat(recording.events).doesNotContain("closed", "acceptFailed");
                endPoint.close();
                assertThat(client.ending()).isEqualTo("end");
            }
            await().atMost(TestServer.DEADLINE)
                    .untilAsserted(() ->
                            assertThat(server.connector.getConnectedEndPoints()).isEmpty());
        }
    }

    // Start and stop

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void stopReleasesRequestsInFlight(boolean wholeServer) throws Exception {
        try (TestServer server = new TestServer(1000).limited()) {
            List<Client> clients = new ArrayList<>();
            for (int i = 0; i < 100; i++) {
                Client client = server.connect(i % 2 == 0 ? GREEDY : MODEST);
                client.send("GET /hold HTTP/1.1\r\nHost: localhost\r\n\r\n");
                clients.add(client);
            }
            await().atMost(TestServer.DEADLINE).until(() -> server.holding.get() == 100);
            assertThat(server.limiter.snapshot().openConnections()).isEqualTo(100);
            if (wholeServer) {
                Thread stopping = new Thread(() -> {
                    await().until(() -> server.limiter.snapshot().openConnections() == 0);
                    server.release.countDown();
                });
                stopping.start();
                server.server.stop();
                stopping.join();
            } else {
                server.connector.stop();
                server.assertZero();
                server.release.countDown();
            }
            server.assertZero();
            for (Client client : clients) {
                client.close();
            }
            await().atMost(TestServer.DEADLINE).until(() -> server.holding.get() == 0);
            server.assertZero();
        }
    }

    /** Jetty forgets to close a connection that it accepts while its selectors are being stopped. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void closesWhatIsAcceptedDuringStop(boolean stoppedBeforeCounted) throws Exception {
        CountDownLatch accepting = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        SelectorManager.AcceptListener slow = new SelectorManager.AcceptListener() {
            @Override
            public void onAccepting(SelectableChannel channel) {
                accepting.countDown();
                while (goOn.getCount() > 0) {
                    try {
                        goOn.await();
                    } catch (InterruptedException stopping) {
                        // As if it did not wait at all.
                    }
                }
            }
        };
        TestServer server = new TestServer(1);
        if (stoppedBeforeCounted) {
            server.connector.addBean(slow);
        }
        server.connector.addBean(new ConnectionLimitListener(server.limiter));
        server.connector.addBean(slow);
        try (server) {
            server.started();
            try (Client client = server.connect(GREEDY)) {
                accepting.await();
                assertThat(server.limiter.snapshot().openConnections()).isEqualTo(stoppedBeforeCounted ? 0 : 1);
                server.connector.stop();
                server.assertZero();
                goOn.countDown();
                assertThat(client.ending()).isEqualTo("reset");
                server.assertZero();
            }
        }
    }

    @Test
    void limitsAgainAfterARestart() throws Exception {
        try (TestServer server = new TestServer(1).limited()) {
            for (int i = 0; i < 3; i++) {
                Client admitted = server.admitted(GREEDY);
                try (Client refused = server.connect(GREEDY)) {
                    assertThat(refused.ending()).isEqualTo("reset");
                }
                server.stopConnector();
                server.assertZero();
                server.connector.start();
                admitted.close();
            }
            server.server.stop();
            server.server.start();
            try (Client admitted = server.admitted(GREEDY);
                    Client refused = server.connect(GREEDY)) {
                assertThat(refused.ending()).isEqualTo("reset");
                assertThat(admitted.get("/")).startsWith("HTTP/1.1 200 ");
            }
            server.awaitZero();
        }
        assertThat(log.messages()).isEmpty();
    }

    @Test
    void sharesItsLimiterWithOtherConnectors() throws Exception {
        TestServer server = new TestServer(2);
        ServerConnector second = new ServerConnector(
                server.server,
                1,
                1,
                new SslConnectionFactory(TestTls.serverContext(), "http/1.1"),
                new HttpConnectionFactory());
        server.server.addConnector(second);
        second.addBean(new ConnectionLimitListener(server.limiter));
        try (server) {
            server.limited();
            try (Client plain = server.admitted(GREEDY);
                    Client tls = Client.connect(GREEDY, second.getLocalPort())) {
                tls.tls();
                for (int port : new int[] {server.port(), second.getLocalPort()}) {
                    try (Client refused = Client.connect(GREEDY, port)) {
                        assertThat(refused.ending()).isEqualTo("reset");
                    }
                }
                // One connector stops: what the other has open still counts.
                second.stop();
                server.awaitOpen(GREEDY, 1);
                assertThat(plain.get("/")).startsWith("HTTP/1.1 200 ");
            }
            server.awaitZero();
        }
    }

    @Test
    void leavesNothingScheduledBehind() throws Exception {
        ManualScheduler scheduler = new ManualScheduler();
        TestServer server = new TestServer(TestServer.limiter(1), scheduler);
        ServerConnector connector = server.connector;
        connector.addBean(new ConnectionLimitListener(server.limiter));
        try (server) {
            server.started();
            for (int sweeps = 1; sweeps <= 4; sweeps++) {
                assertThat(scheduler.scheduled).hasValue(sweeps);
                assertThat(scheduler.pending()).isEqualTo(1);
                // As long as a sweep may wait, and a millisecond to round up.
                scheduler.advance(Duration.ofMillis(1001));
            }
            server.stopConnector();
            assertThat(scheduler.pending()).isZero();
            connector.start();
            assertThat(scheduler.pending()).isEqualTo(1);
        }
        assertThat(scheduler.pending()).isZero();
    }

    // Wrong use

    @Test
    void cannotBeAddedAfterStart() throws Exception {
        try (TestServer server = new TestServer(1).started()) {
            ConnectionLimitListener late = new ConnectionLimitListener(server.limiter);
            assertThatThrownBy(() -> server.connector.addBean(late))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("after its start")
                    .hasMessageContaining(server.connector.toString());
            assertThat(server.connector.getBeans()).doesNotContain(late);
            assertThat(server.connector.getEventListeners()).doesNotContain(late);
            server.admitted(GREEDY).close();
            // Not too late for the next start.
            server.stopConnector();
            assertThat(server.connector.addBean(late)).isTrue();
            server.connector.start();
            try (Client admitted = server.admitted(GREEDY);
                    Client refused = server.connect(GREEDY)) {
                assertThat(refused.ending()).isEqualTo("reset");
                assertThat(admitted.get("/")).startsWith("HTTP/1.1 200 ");
            }
        }
    }

    @Test
    void cannotBeOnTwoConnectors() throws Exception {
        TestServer server = new TestServer(1);
        ServerConnector second = new ServerConnector(server.server);
        ConnectionLimitListener listener = new ConnectionLimitListener(server.limiter);
        server.connector.addBean(listener);
        assertThatThrownBy(() -> second.addBean(listener))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("each connector needs one of its own");
        assertThat(second.getBeans()).doesNotContain(listener);
        assertThat(second.getProtocols()).containsExactly("http/1.1");
        assertThat(server.connector.addBean(listener)).as("added again").isFalse();
        try (server) {
            server.started();
            try (Client admitted = server.admitted(GREEDY);
                    Client refused = server.connect(GREEDY)) {
                assertThat(refused.ending()).isEqualTo("reset");
                assertThat(admitted.get("/")).startsWith("HTTP/1.1 200 ");
            }
        }
    }

    @Test
    void cannotBeOnAServer() {
        Server server = new Server();
        ConnectionLimitListener listener = new ConnectionLimitListener(TestServer.limiter(1));
        assertThatThrownBy(() -> server.addBean(listener))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("ConnectionLimitInstaller");
        assertThat(server.getBeans()).doesNotContain(listener);
    }

    @Test
    void canBeRemovedAndUsedElsewhere() throws Exception {
        ConnectionLimiter limiter = TestServer.limiter(1);
        ConnectionLimitListener listener = new ConnectionLimitListener(limiter);
        try (TestServer first = new TestServer(limiter)) {
            first.connector.addBean(listener);
            first.started();
            try (Client counted = first.admitted(GREEDY)) {
                assertThat(first.connector.removeBean(listener)).isTrue();
                first.assertZero();
                try (Client second = first.admitted(GREEDY)) {
                    first.assertZero();
                    assertThat(second.get("/")).startsWith("HTTP/1.1 200 ");
                    assertThat(counted.get("/")).startsWith("HTTP/1.1 200 ");
                }
            }
            try (TestServer other = new TestServer(limiter)) {
                other.connector.addBean(listener);
                other.started();
                try (Client counted = other.admitted(GREEDY);
                        Client uncounted = first.admitted(GREEDY);
                        Client refused = other.connect(GREEDY)) {
                    assertThat(refused.ending()).isEqualTo("reset");
                    other.awaitOpen(GREEDY, 1);
                    assertThat(counted.get("/")).startsWith("HTTP/1.1 200 ");
                    assertThat(uncounted.get("/")).startsWith("HTTP/1.1 200 ");
                }
            }
        }
    }

    // What cannot be counted

    @ParameterizedTest
    @EnumSource(Refusal.class)
    void peerThatCannotBeToldIsRefused(Refusal refusal) throws Exception {
        try (TestServer server = new TestServer(limiter(1, refusal, ErrorPolicy.REFUSE))) {
            ConnectionLimitListener listener = new ConnectionLimitListener(server.limiter);
            server.connector.addBean(listener);
            server.started();
            for (FakeChannel channel : unknownPeers()) {
                listener.onAccepting(channel);
                assertThat(channel.isReset()).isTrue();
                listener.onAcceptFailed(channel, new IOException());
            }
            server.assertZero();
            server.admitted(GREEDY).close();
            server.awaitZero();
        }
        assertEachKindIsLoggedOnce();
    }

    @Test
    void peerThatCannotBeToldIsAdmittedIfSoConfigured() throws Exception {
        try (TestServer server = new TestServer(limiter(1, Refusal.RESET, ErrorPolicy.ADMIT))) {
            ConnectionLimitListener listener = new ConnectionLimitListener(server.limiter);
            server.connector.addBean(listener);
            server.started();
            for (FakeChannel channel : unknownPeers()) {
                listener.onAccepting(channel);
                assertThat(channel.isOpen()).isTrue();
                listener.onClosed(channel);
            }
            server.assertZero();
            server.admitted(GREEDY).close();
            server.awaitZero();
        }
        assertEachKindIsLoggedOnce();
    }

    /** There are two addresses without a peer and two that cannot be asked for. */
    private void assertEachKindIsLoggedOnce() {
        assertThat(log.messages())
                .satisfiesExactly(
                        counting -> assertThat(counting)
                                .contains("counting a connection failed, onError decides (java.lang.NullPointer"),
                        asking -> assertThat(asking)
                                .contains(
                                        "getting the peer address of a connection failed, onError decides (java.io.IO"));
    }

    @Test
    void peerThatCannotBeToldIsNoMatterForTheHandler() throws Exception {
        try (TestServer server = new TestServer(1)) {
            ConnectionLimitListener listener = new ConnectionLimitListener(server.limiter, (channel, peer) -> {
                throw new AssertionError("called without a peer");
            });
            server.connector.addBean(listener);
            server.started();
            for (FakeChannel channel : unknownPeers()) {
                listener.onAccepting(channel);
                assertThat(channel.isReset()).isTrue();
            }
        }
        assertEachKindIsLoggedOnce();
    }

    private static List<FakeChannel> unknownPeers() {
        return List.of(
                new FakeChannel(() -> null),
                new FakeChannel(() -> InetSocketAddress.createUnresolved("client.example", 1)),
                new FakeChannel(() -> {
                    throw new IOException("thrown by the test");
                }),
                new FakeChannel(() -> {
                    throw new OutOfMemoryError("thrown by the test");
                }));
    }

    @Test
    void channelThatCannotBeResetIsClosed() throws Exception {
        try (TestServer server = new TestServer(1)) {
            ConnectionLimitListener listener = new ConnectionLimitListener(server.limiter);
            server.connector.addBean(listener);
            server.started();
            FakeChannel channel = new FakeChannel(() -> null) {
                @Override
                public <T> SocketChannel setOption(SocketOption<T> name, T value) {
                    throw new UnsupportedOperationException("thrown by the test");
                }
            };
            listener.onAccepting(channel);
            assertThat(channel.isOpen()).isFalse();
        }
    }

    @Test
    void channelThatSomebodyElseHasClosedIsNobodysBusiness() throws Exception {
        TestServer server = new TestServer(1);
        server.connector.addBean(new ClosesAtAccept());
        try (server) {
            server.limited();
            try (Client client = server.connect(GREEDY)) {
                assertThat(client.ending()).isIn("end", "reset");
            }
            assertThat(server.limiter.snapshot().admitted()).isZero();
            assertThat(server.limiter.snapshot().refused()).isZero();
        }
        assertThat(log.messages()).isEmpty();
    }

    private static final class ClosesAtAccept implements SelectorManager.AcceptListener {

        @Override
        public void onAccepting(SelectableChannel channel) {
            try {
                channel.close();
            } catch (IOException impossible) {
                throw new AssertionError(impossible);
            }
        }
    }

    @Test
    void datagramsAreLetThrough() throws Exception {
        TestServer server = new TestServer(1);
        ConnectionLimitListener listener = new ConnectionLimitListener(server.limiter);
        server.connector.addBean(listener);
        try (server;
                DatagramChannel channel = DatagramChannel.open()) {
            server.started();
            listener.onAccepting(channel);
            listener.onAccepting(channel);
            listener.onAcceptFailed(channel, new IOException());
            listener.onClosed(channel);
            assertThat(channel.isOpen()).isTrue();
            server.assertZero();
        }
        assertThat(log.messages()).isEmpty();
    }

    @Test
    void limiterListenerThatThrowsChangesNothing() throws Exception {
        ConnectionLimiter limiter = new ConnectionLimiter(
                ConnectionLimits.builder().maxPerClient(1).build(), new ThrowingLimiterListener());
        try (TestServer server = new TestServer(limiter).limited()) {
            try (Client admitted = server.admitted(GREEDY);
                    Client refused = server.connect(GREEDY)) {
                assertThat(refused.ending()).isEqualTo("reset");
                assertThat(admitted.get("/")).startsWith("HTTP/1.1 200 ");
            }
            server.awaitZero();
        }
        assertThat(log.messages()).singleElement().asString().contains("ThrowingLimiterListener");
    }

    private static final class ThrowingLimiterListener implements LimiterListener {

        @Override
        public void admitted(ClientUsage client) {
            throw new IllegalStateException("thrown by the test");
        }

        @Override
        public void refused(ClientUsage client, RefusalReason reason, boolean dryRun) {
            throw new StackOverflowError("thrown by the test");
        }

        @Override
        public void closed(ClientUsage client) {
            throw new IllegalStateException("thrown by the test");
        }
    }

    @Test
    void clientThatSendsNothingIsCounted() throws Exception {
        try (TestServer server = new TestServer(1).limited()) {
            try (Client silent = server.connect(GREEDY)) {
                server.awaitOpen(GREEDY, 1);
                try (Client refused = server.connect(GREEDY)) {
                    assertThat(refused.ending()).isEqualTo("reset");
                }
                silent.socket().setSoTimeout(1);
                assertThatThrownBy(silent::ending).isInstanceOf(SocketTimeoutException.class);
            }
            server.awaitZero();
        }
    }
}
