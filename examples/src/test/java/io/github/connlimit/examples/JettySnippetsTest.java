package io.github.connlimit.examples;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.ConnectionPermit;
import io.github.connlimit.jetty.ConnectionLimitConnector;
import io.github.connlimit.jetty.ConnectionLimitHandler;
import io.github.connlimit.jetty.ConnectionLimitInstaller;
import io.github.connlimit.jetty.ConnectionLimitListener;
import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.eclipse.jetty.server.ForwardedRequestCustomizer;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.ProxyConnectionFactory;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.util.Callback;
import org.junit.jupiter.api.Test;

class JettySnippetsTest {

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

        Server server = new Server();
        ServerConnector connector = new ConnectionLimitConnector(server, limiter); // refuses at the least cost
        connector.setPort(port);
        server.addConnector(connector);
        server.setHandler(handler);
        server.addBean(new ConnectionLimitInstaller(limiter)); // streams, proxies, and all other connectors
        server.start();
        // end::jetty-embedded[]
        try {
            LimitAssertions.assertLimit(50, limiter, connector.getLocalPort());
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
        server.setHandler(new Ok());
        // tag::jetty-connector[]
        connector.addBean(new ConnectionLimitListener(limiter)); // before the connector starts
        server.insertHandler(new ConnectionLimitHandler()); // after server.setHandler
        // end::jetty-connector[]
        server.addConnector(connector);
        ServerConnector unlimited = new ServerConnector(server);
        server.addConnector(unlimited);
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

    @Test
    void limitsWhateverConnectorsThereAre() throws Exception {
        ConnectionLimiter limiter =
                new ConnectionLimiter(ConnectionLimits.builder().maxPerClient(3).build());
        Server server = new Server(0);
        server.setHandler(new Ok());
        // tag::jetty-installer[]
        server.addBean(new ConnectionLimitInstaller(limiter)); // every TCP connector, one count
        // end::jetty-installer[]
        server.start();
        try {
            LimitAssertions.assertLimit(3, limiter, ((ServerConnector) server.getConnectors()[0]).getLocalPort());
        } finally {
            server.stop();
        }
    }

    @Test
    void countsTheClientOfAProxyHeader() throws Exception {
        Server server = new Server();
        // tag::jetty-proxy[]
        ServerConnector connector =
                new ServerConnector(server, new ProxyConnectionFactory(), new HttpConnectionFactory());
        // end::jetty-proxy[]
        int port = startBehindProxy(server, connector);
        String header = "PROXY TCP4 192.0.2.1 192.0.2.9 1000 80\r\n";
        try (TestClient first =
                TestClient.admitted("127.0.0.2", port, false, header).orElseThrow()) {
            assertThat(TestClient.admitted("127.0.0.2", port, false, header)).isEmpty();
            assertThat(first.get("/")).isEqualTo("200 OK\n");
        } finally {
            server.stop();
        }
    }

    @Test
    void countsTheRequestsOfAForwardedClient() throws Exception {
        Server server = new Server();
        // tag::jetty-forwarded[]
        HttpConfiguration configuration = new HttpConfiguration();
        configuration.addCustomizer(new ForwardedRequestCustomizer());
        ServerConnector connector = new ServerConnector(server, new HttpConnectionFactory(configuration));
        // end::jetty-forwarded[]
        int port = startBehindProxy(server, connector);
        ConnectionLimiter limiter =
                server.getBean(ConnectionLimitInstaller.class).getLimiter();
        String forwarded = "X-Forwarded-For: 192.0.2.1\r\n";
        try (ConnectionPermit permit = limiter.acquire(InetAddress.getByName("192.0.2.1"));
                TestClient client = TestClient.connected("127.0.0.2", port, false)) {
            assertThat(permit).isNotNull();
            assertThat(client.get("/")).isEqualTo("200 OK\n");
            assertThat(client.request("GET", "/", forwarded)).startsWith("429 ");
        } finally {
            server.stop();
        }
    }

    /** With 127.0.0.2 as proxy, and one connection for each client. */
    private static int startBehindProxy(Server server, ServerConnector connector) throws Exception {
        server.addConnector(connector);
        server.addBean(new ConnectionLimitInstaller(new ConnectionLimiter(
                ConnectionLimits.builder().maxPerClient(1).exempt("127.0.0.2").build())));
        server.setHandler(new Ok());
        server.start();
        return connector.getLocalPort();
    }

    private static final class Ok extends Handler.Abstract {

        @Override
        public boolean handle(Request request, Response response, Callback callback) {
            response.write(true, ByteBuffer.wrap("OK\n".getBytes(StandardCharsets.US_ASCII)), callback);
            return true;
        }
    }
}
