package io.github.connlimit.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.reactornetty.ConnectionLimitTransport;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import reactor.core.publisher.Mono;
import reactor.netty.DisposableServer;
import reactor.netty.http.server.HttpServer;
import reactor.netty.tcp.TcpServer;

/** The ways to limit a server of Reactor Netty; with its own event loops, and epoll where that is to be had. */
@Tag("netty")
@Timeout(120)
class ReactorNettyIT {

    private static final String ALICE = "127.0.0.2";
    private static final String BOB = "127.0.0.3";

    private final ConnectionLimiter limiter = new ConnectionLimiter(TestBed.limits(3));
    private final List<TestConnection> connections = new ArrayList<>();

    @AfterEach
    void endAtZero() throws Exception {
        for (TestConnection connection : connections) {
            connection.close();
        }
        TestBed.awaitUntil("nothing counted", () -> {
            assertThat(limiter.snapshot().openConnections()).isZero();
            assertThat(limiter.snapshot().clients()).isZero();
        });
    }

    private boolean isServed(DisposableServer server, String client) throws IOException {
        TestConnection connection = new TestConnection(client, TestBed.SERVER, server.port());
        connections.add(connection);
        try {
            return connection.get("/").body().equals(Application.ANSWER);
        } catch (IOException refused) {
            return false;
        }
    }

    private void assertLimited(DisposableServer server) throws Exception {
        for (int i = 0; i < 6; i++) {
            assertThat(isServed(server, ALICE)).isEqualTo(i < 3);
        }
        assertThat(isServed(server, BOB)).isTrue();
        connections.get(0).close();
        TestBed.awaitUntil("room", () -> assertThat(isServed(server, ALICE)).isTrue());
        server.disposeNow();
    }

    @Test
    void limitsHttpAsTheDocumentationShows() throws Exception {
        int port = 0;
        // tag::reactor-netty[]
        HttpServer server =
                HttpServer.create().port(port).handle((request, response) -> response.sendString(Mono.just("OK")));
        DisposableServer bound = ConnectionLimitTransport.limit(server, limiter).bindNow();
        // end::reactor-netty[]
        assertLimited(bound);
    }

    @Test
    void limitsTcp() throws Exception {
        TcpServer server = TcpServer.create()
                .port(0)
                .handle((in, out) -> out.sendString(in.receive()
                        .asString()
                        .filter(text -> text.endsWith("\r\n\r\n"))
                        .map(request -> "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK")));
        assertLimited(ConnectionLimitTransport.limit(server, limiter).bindNow());
    }
}
