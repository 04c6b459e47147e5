package io.github.connlimit.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What every limited HTTP server fulfils, in clear text or over TLS. */
interface ContainerContract extends Contract {

    @Override
    TestBed<? extends ContainerServer> bed();

    // ---- HTTP/2

    /** Begins HTTP/2: after ALPN over TLS, by prior knowledge in clear text. */
    private Http2Connection http2(TestConnection connection) throws IOException {
        if (bed().transport() == Transport.TLS) {
            bed().secure(connection, "h2");
            assertThat(connection.applicationProtocol()).isEqualTo("h2");
        }
        return new Http2Connection(connection, bed().transport());
    }

    @Test
    default void requestsOverOneHttp2ConnectionAreOneConnection() throws Exception {
        bed().start(1);
        TestConnection connection = bed().connect(ALICE);
        Http2Connection http2 = http2(connection);
        for (int i = 0; i < 5; i++) {
            assertThat(http2.get("/")).isEqualTo(Application.ANSWER);
        }
        int[] streams = {http2.request("/hold"), http2.request("/hold"), http2.request("/hold")};
        TestBed.awaitUntil(
                "held requests", () -> assertThat(bed().application().held()).isEqualTo(3));
        bed().assertOpen(ALICE, 1);
        bed().assertRefused(ALICE);

        bed().application().release();

        for (int stream : streams) {
            assertThat(http2.response(stream)).isEqualTo(Application.ANSWER);
        }
        bed().assertOpen(ALICE, 1);
        http2.goAway();
        connection.closeOrderly();
        bed().awaitClosed(1);
    }

    @Test
    default void http2ClientLeaves() throws Exception {
        bed().start(10);
        for (int i = 0; i < 5; i++) {
            TestConnection closed = bed().connect(ALICE);
            assertThat(http2(closed).get("/")).isEqualTo(Application.ANSWER);
            closed.close();
            TestConnection reset = bed().connect(ALICE);
            assertThat(http2(reset).get("/")).isEqualTo(Application.ANSWER);
            reset.reset();
        }
        bed().awaitClosed(10);
    }

    @Test
    default void http2ClientLeavesWhileItsRequestsAreHeld() throws Exception {
        bed().start(10);
        List<TestConnection> connections = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            TestConnection connection = bed().connect(ALICE);
            Http2Connection http2 = http2(connection);
            http2.request("/hold");
            http2.request("/hold");
            connections.add(connection);
        }
        TestBed.awaitUntil(
                "held requests", () -> assertThat(bed().application().held()).isEqualTo(20));
        for (int i = 0; i < 10; i += 2) {
            connections.get(i).close();
            connections.get(i + 1).reset();
        }
        bed().application().release();
        bed().awaitClosed(10);
    }

    @Test
    default void idleHttp2ConnectionTimesOut() throws Exception {
        bed().start(1, setup -> setup.withIdleTimeout(SHORT));
        TestConnection connection = bed().connect(ALICE);
        http2(connection);
        connection.awaitEnd();
        bed().awaitClosed(1);
    }

    @Test
    default void http2ProtocolErrorEndsConnection() throws Exception {
        bed().start(1);
        TestConnection connection = bed().connect(ALICE);
        Http2Connection http2 = http2(connection);
        assertThat(http2.get("/")).isEqualTo(Application.ANSWER);
        // SETTINGS belong to no stream.
        http2.writeFrame(0x4, 0, 7, new byte[0]);
        connection.awaitEnd();
        connection.close();
        bed().awaitClosed(1);
    }

    // ---- WebSocket

    @Test
    default void webSocketCountsAsOneUntilItsClose() throws Exception {
        bed().start(1);
        TestConnection connection = bed().open(ALICE);
        WebSocketConnection webSocket = new WebSocketConnection(connection);
        for (int i = 0; i < 5; i++) {
            assertThat(webSocket.echo("message " + i)).isEqualTo("message " + i);
            bed().assertOpen(ALICE, 1);
        }
        bed().assertRefused(ALICE);

        webSocket.close();

        connection.awaitEnd();
        bed().awaitClosed(1);
    }

    @Test
    default void webSocketClientLeaves() throws Exception {
        bed().start(10);
        for (int i = 0; i < 5; i++) {
            TestConnection closed = bed().open(ALICE);
            assertThat(new WebSocketConnection(closed).echo("?")).isEqualTo("?");
            closed.close();
            TestConnection reset = bed().open(ALICE);
            assertThat(new WebSocketConnection(reset).echo("?")).isEqualTo("?");
            reset.reset();
        }
        bed().awaitClosed(10);
    }

    // ---- requests

    @Test
    default void asynchronousRequestCountsUntilTheEndOfItsConnection() throws Exception {
        bed().start(1);
        TestConnection connection = bed().open(ALICE).request("/async");
        awaitPending(1);
        bed().assertOpen(ALICE, 1);
        bed().assertRefused(ALICE);

        bed().application().completeLater();

        assertThat(connection.response().body()).isEqualTo(Application.ANSWER);
        bed().assertServed(connection);
        bed().assertOpen(ALICE, 1);
        connection.close();
        bed().awaitClosed(1);
    }

    private void awaitPending(int requests) {
        TestBed.awaitUntil(
                "pending requests",
                () -> assertThat(bed().application().pending()).isEqualTo(requests));
    }

    @Test
    default void clientLeavesWhileItsAsynchronousRequestIsPending() throws Exception {
        bed().start(10);
        List<TestConnection> connections = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            connections.add(bed().open(ALICE).request("/async"));
        }
        awaitPending(10);
        for (int i = 0; i < 10; i += 2) {
            connections.get(i).close();
            connections.get(i + 1).reset();
        }
        bed().application().completeLater();
        bed().awaitClosed(10);
    }

    // ---- what goes wrong in the server

    @Test
    default void endpointCreationFails() throws Exception {
        bed().start(1);
        bed().server().failEndpoints(true);
        for (int i = 0; i < 5; i++) {
            TestConnection connection = bed().connect(ALICE);
            connection.awaitEnd();
            bed().awaitClosed(i + 1);
        }
        assertThat(bed().events().refused()).isZero();

        bed().server().failEndpoints(false);

        bed().admitted(ALICE);
        bed().assertRefused(ALICE);
    }

    // ---- stop and start

    @Test
    default void serverStopsWithUpgradedConnections() throws Exception {
        bed().start(10);
        List<TestConnection> connections = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
            TestConnection first = bed().open(ALICE);
            assertThat(new WebSocketConnection(first).echo("?")).isEqualTo("?");
            connections.add(first);
            TestConnection second = bed().connect(ALICE);
            assertThat(http2(second).get("/")).isEqualTo(Application.ANSWER);
            connections.add(second);
        }
        bed().assertOpen(ALICE, 10);

        bed().server().stop();

        bed().awaitZero();
        ConnectionLimitContract.awaitEndOf(connections);
    }

    @Test
    default void serverStopsWithAsynchronousRequestsPending() throws Exception {
        bed().start(10);
        List<TestConnection> connections = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            connections.add(bed().open(ALICE).request("/async"));
        }
        awaitPending(10);

        bed().server().stop();

        bed().awaitZero();
        ConnectionLimitContract.awaitEndOf(connections);
    }

    @Test
    default void connectorThatWasStartedAgainLimitsAgain() throws Exception {
        bed().start(2);
        for (int i = 0; i < 3; i++) {
            bed().admitted(ALICE, 2);
            bed().assertRefused(ALICE);
            bed().server().stopConnector();
            bed().awaitZero();
            bed().server().startConnector();
        }
        bed().admitted(ALICE, 2);
        bed().assertRefused(ALICE);
        bed().admitted(BOB, 2);
    }

    @Test
    default void connectorStopsWithRequestsInFlight() throws Exception {
        bed().start(10);
        List<TestConnection> connections = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            connections.add(bed().open(ALICE).request("/hold"));
        }
        TestBed.awaitUntil(
                "held requests", () -> assertThat(bed().application().held()).isEqualTo(10));

        bed().server().stopConnector();

        bed().awaitZero();
        ConnectionLimitContract.awaitEndOf(connections);
        bed().application().release();
        bed().server().startConnector();
        bed().admitted(ALICE, 10);
        bed().assertRefused(ALICE);
    }
}
