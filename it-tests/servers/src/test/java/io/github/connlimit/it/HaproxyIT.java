package io.github.connlimit.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.jetty.ConnectionLimitInstaller;
import io.github.connlimit.testing.Programs;
import io.github.connlimit.tomcat.ConnectionLimitHttp11NioProtocol;
import io.github.connlimit.tomcat.ConnectionLimitValve;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.apache.catalina.connector.Connector;
import org.apache.catalina.startup.Tomcat;
import org.apache.catalina.valves.RemoteIpValve;
import org.eclipse.jetty.server.ConnectionFactory;
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
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Three clients behind one real proxy, each with a limit of its own. Skipped where no HAProxy is installed. */
class HaproxyIT {

    private static final List<String> CLIENTS = List.of("127.0.0.2", "127.0.0.3", "127.0.0.4");
    private static final int LIMIT = 2;

    @TempDir
    Path directory;

    private final ConnectionLimiter limiter = new ConnectionLimiter(ConnectionLimits.builder()
            .maxPerClient(LIMIT)
            .exempt("127.0.0.1") // the proxy
            .build());
    private final CountDownLatch released = new CountDownLatch(1);
    private final List<TestConnection> connections = new ArrayList<>();
    private final List<Ending> running = new ArrayList<>();

    @BeforeEach
    void needsHaproxy() {
        assumeTrue(Haproxy.PROGRAM.isPresent(), Programs.missing("haproxy", "haproxy"));
    }

    @AfterEach
    void nothingStays() throws Exception {
        released.countDown();
        for (TestConnection connection : connections) {
            connection.close();
        }
        for (int i = running.size() - 1; i >= 0; i--) {
            running.get(i).end();
        }
        TestBed.awaitNothingLeft(limiter);
    }

    private TestConnection connect(String client, Haproxy haproxy) throws IOException {
        TestConnection connection = new TestConnection(client, "127.0.0.1", haproxy.port());
        connections.add(connection);
        return connection;
    }

    private int open(String client) throws IOException {
        return limiter.openConnections(InetAddress.getByName(client));
    }

    @Test
    @Tag("jetty")
    void connectionsAreCountedForTheClientOfTheProxyProtocol() throws Exception {
        int port = startJetty(new ProxyConnectionFactory(), new HttpConnectionFactory(new HttpConfiguration()));
        Haproxy haproxy = started(new Haproxy(directory, "tcp", "", "send-proxy-v2", port));
        for (String client : CLIENTS) {
            for (int i = 0; i < LIMIT; i++) {
                assertThat(connect(client, haproxy).get("/").status()).isEqualTo(200);
            }
            assertThat(open(client)).isEqualTo(LIMIT);
            // The proxy does not pass a reset on at once in every state, but it ends the connection.
            TestConnection refused = connect(client, haproxy);
            assertThatThrownBy(() -> refused.get("/")).isInstanceOf(IOException.class);
        }
        connections.get(0).close();
        await().atMost(Duration.ofSeconds(20))
                .untilAsserted(() -> assertThat(open(CLIENTS.get(0))).isEqualTo(LIMIT - 1));
        assertThat(connect(CLIENTS.get(0), haproxy).get("/").status()).isEqualTo(200);
    }

    @Test
    @Tag("jetty")
    void requestsAreCountedForTheForwardedClientInJetty() throws Exception {
        HttpConfiguration configuration = new HttpConfiguration();
        configuration.addCustomizer(new ForwardedRequestCustomizer());
        requestsAreCountedForTheForwardedClient(startJetty(new HttpConnectionFactory(configuration)));
    }

    @Test
    @Tag("tomcat")
    void requestsAreCountedForTheForwardedClientInTomcat() throws Exception {
        requestsAreCountedForTheForwardedClient(startTomcat());
    }

    private void requestsAreCountedForTheForwardedClient(int port) throws Exception {
        Haproxy haproxy = started(new Haproxy(directory, "http", "option forwardfor", "", port));
        List<TestConnection> held = new ArrayList<>();
        for (String client : CLIENTS) {
            for (int i = 0; i < LIMIT; i++) {
                held.add(connect(client, haproxy).request("/hold"));
            }
            await().atMost(Duration.ofSeconds(20))
                    .untilAsserted(() -> assertThat(open(client)).isEqualTo(LIMIT));
            TestConnection.Response refused = connect(client, haproxy).get("/");
            assertThat(refused.status()).isEqualTo(429);
            assertThat(refused.headers()).containsEntry("retry-after", "1");
        }
        released.countDown();
        for (TestConnection connection : held) {
            assertThat(connection.response().status()).isEqualTo(200);
        }
        for (String client : CLIENTS) {
            await().atMost(Duration.ofSeconds(20))
                    .untilAsserted(() -> assertThat(open(client)).isZero());
            assertThat(connect(client, haproxy).get("/").status()).isEqualTo(200);
        }
    }

    /** Ends what a test has started. */
    private interface Ending {
        void end() throws Exception;
    }

    private Haproxy started(Haproxy haproxy) {
        running.add(haproxy::close);
        return haproxy;
    }

    private int startJetty(ConnectionFactory... factories) throws Exception {
        Server server = new Server();
        ServerConnector connector = new ServerConnector(server, factories);
        connector.setHost("127.0.0.1");
        server.addConnector(connector);
        server.addBean(new ConnectionLimitInstaller(limiter));
        server.setHandler(new Handler.Abstract() {
            @Override
            public boolean handle(Request request, Response response, Callback callback) throws Exception {
                if (Request.getPathInContext(request).equals("/hold")) {
                    released.await();
                }
                response.getHeaders().put("Content-Length", 0);
                callback.succeeded();
                return true;
            }
        });
        server.start();
        running.add(server::stop);
        return connector.getLocalPort();
    }

    private int startTomcat() throws Exception {
        Tomcat tomcat = new Tomcat();
        tomcat.setBaseDir(directory.toString());
        Connector connector = new Connector(new ConnectionLimitHttp11NioProtocol());
        connector.setPort(0);
        connector.setProperty("address", "127.0.0.1");
        connector.setThrowOnFailure(true);
        tomcat.setConnector(connector);
        tomcat.getEngine().getPipeline().addValve(new RemoteIpValve());
        ConnectionLimitValve valve = new ConnectionLimitValve();
        valve.setLimiter(limiter);
        tomcat.getEngine().getPipeline().addValve(valve);
        Tomcat.addServlet(tomcat.addContext("", null), "application", new HoldingServlet(released))
                .addMapping("/");
        tomcat.start();
        running.add(() -> {
            tomcat.stop();
            tomcat.destroy();
        });
        return connector.getLocalPort();
    }

    private static final class HoldingServlet extends HttpServlet {

        private static final long serialVersionUID = 1L;

        private final transient CountDownLatch released;

        HoldingServlet(CountDownLatch released) {
            this.released = released;
        }

        @Override
        protected void doGet(HttpServletRequest request, HttpServletResponse response) throws IOException {
            try {
                if (request.getServletPath().equals("/hold")) {
                    released.await();
                }
            } catch (InterruptedException stopped) {
                throw new IOException(stopped);
            }
            response.setContentLength(0);
        }
    }
}
