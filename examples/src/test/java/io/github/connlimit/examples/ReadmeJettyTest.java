package io.github.connlimit.examples;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.jetty.ConnectionLimitInstaller;
import io.github.connlimit.jetty.ConnectionLimitListener;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.util.Callback;
import org.junit.jupiter.api.Test;

class ReadmeJettyTest {

    @Test
    void limitsAServer() throws Exception {
        int port = 0;
        Handler handler = new Ok();
        // tag::jetty-embedded[]
        ConnectionLimiter limiter = new ConnectionLimiter(ConnectionLimits.builder()
                .maxPerClient(50) // each client, in all
                .limit("10.0.0.0/8", 500) // each client in this block
                .exempt("192.0.2.10") // this one without limit
                .build());

        Server server = new Server(port);
        server.setHandler(handler);
        server.addBean(new ConnectionLimitInstaller(limiter)); // every TCP connector, one count
        server.start();
        // end::jetty-embedded[]
        try {
            LimitAssertions.assertLimit(50, limiter, ((ServerConnector) server.getConnectors()[0]).getLocalPort());
        } finally {
            server.stop();
        }
    }

    @Test
    void limitsOneConnector() throws Exception {
        ConnectionLimiter limiter =
                new ConnectionLimiter(ConnectionLimits.builder().maxPerClient(3).build());
        Server server = new Server();
        ServerConnector connector = new ServerConnector(server);
        // tag::jetty-connector[]
        connector.addBean(new ConnectionLimitListener(limiter)); // before the connector starts
        // end::jetty-connector[]
        server.addConnector(connector);
        ServerConnector unlimited = new ServerConnector(server);
        server.addConnector(unlimited);
        server.setHandler(new Ok());
        server.start();
        try {
            LimitAssertions.assertLimit(3, limiter, connector.getLocalPort());
            try (TestClient client = TestClient.admitted("127.0.0.2", unlimited.getLocalPort(), false)
                    .orElseThrow()) {
                assertThat(client.get("/")).isEqualTo("200 OK\n");
                assertThat(limiter.snapshot().openConnections()).isZero();
            }
        } finally {
            server.stop();
        }
    }

    private static final class Ok extends Handler.Abstract {

        @Override
        public boolean handle(Request request, Response response, Callback callback) {
            response.write(true, ByteBuffer.wrap("OK\n".getBytes(StandardCharsets.US_ASCII)), callback);
            return true;
        }
    }
}
