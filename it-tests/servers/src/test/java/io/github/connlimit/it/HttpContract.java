package io.github.connlimit.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What every server fulfils that speaks HTTP/2 and WebSocket, in clear text or over TLS. */
interface HttpContract extends Contract {

    // ---- HTTP/2

    /** Begins HTTP/2: after ALPN over TLS, by prior knowledge in clear text. */
    default Http2Connection http2(TestConnection connection) throws IOException {
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
        bed().start(100, setup -> setup.withIdleTimeout(SHORT));
        TestConnection connection = TestBed.inTime(() -> {
            TestConnection idle = bed().connect(ALICE);
            http2(idle);
            return idle;
        });
        connection.awaitEnd();
        bed().awaitZero();
        assertThat(bed().events().admitted()).isPositive();
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
    @Tag(Contract.ANY_TRANSPORT)
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
    @Tag(Contract.ANY_TRANSPORT)
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

    // ---- deadlines

    @Test
    default void deadlineDoesNotTouchUpgradedConnectionsAndAsynchronousRequests() throws Exception {
        bed().start(Contract.hurried().build());
        WebSocketConnection webSocket = TestBed.inTime(() -> new WebSocketConnection(bed().open(ALICE)));
        Http2Connection http2 = TestBed.inTime(() -> {
            Http2Connection connection = http2(bed().connect(ALICE));
            assertThat(connection.get("/")).isEqualTo(Application.ANSWER);
            return connection;
        });
        TestConnection asynchronous = TestBed.inTime(() -> {
            long timedOut = bed().events().timedOut().size();
            TestConnection connection = bed().open(ALICE).request("/async");
            TestBed.awaitUntil(
                    "a pending request, or its end",
                    () -> assertThat(bed().application().pending() == 1
                                    || bed().events().timedOut().size() > timedOut)
                            .isTrue());
            if (bed().application().pending() == 0) {
                throw new IOException("not in time");
            }
            return connection;
        });

        awaitDeadlineOfLaterConnection();

        assertThat(webSocket.echo("still here")).isEqualTo("still here");
        assertThat(http2.get("/")).isEqualTo(Application.ANSWER);
        bed().application().completeLater();
        assertThat(asynchronous.response().body()).isEqualTo(Application.ANSWER);
        bed().assertServed(asynchronous);
    }

    // ---- stop

    @Test
    @Tag(Contract.ANY_TRANSPORT)
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
}
