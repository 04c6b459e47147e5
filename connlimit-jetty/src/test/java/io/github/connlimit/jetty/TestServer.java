package io.github.connlimit.jetty;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.LimiterSnapshot;
import io.github.connlimit.testing.ManualTicker;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.awaitility.Awaitility;
import org.eclipse.jetty.alpn.server.ALPNServerConnectionFactory;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http2.server.HTTP2ServerConnectionFactory;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.server.ConnectionFactory;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.HttpStream;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.SecureRequestCustomizer;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.server.SslConnectionFactory;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.component.LifeCycle;
import org.eclipse.jetty.util.thread.QueuedThreadPool;
import org.eclipse.jetty.util.thread.Scheduler;

/** A Jetty server with one connector that answers to everything, and what a test asks of it. */
final class TestServer implements AutoCloseable {

    static final Duration DEADLINE = Duration.ofSeconds(20);

    /** Its connections show how far the server has come. */
    static final String WITNESS = "127.0.0.8";

    static {
        // What is waited for mostly happens at once.
        Awaitility.setDefaultPollInterval(Duration.ofMillis(5));
    }

    final Server server;
    final ServerConnector connector;
    final ConnectionLimiter limiter;

    /** Requests of /hold wait for it. */
    final CountDownLatch release = new CountDownLatch(1);

    /** How many requests do. */
    final AtomicInteger holding = new AtomicInteger();

    /** How many requests have reached the application. */
    final AtomicInteger requests = new AtomicInteger();

    /** Asynchronous requests of /async wait here for being completed. */
    final Queue<Callback> async = new ConcurrentLinkedQueue<>();

    private long expectedForgotten;
    private final Queue<Client> clients = new ConcurrentLinkedQueue<>();

    /** A server with a limiter for this many connections, and a connector without a listener, not started. */
    TestServer(int maxPerClient) {
        this(limiter(maxPerClient));
    }

    TestServer(ConnectionLimiter limiter) {
        this.limiter = limiter;
        this.server = newServer();
        this.connector = new ServerConnector(server, 1, 1);
        server.addConnector(connector);
        server.setHandler(new Answering());
    }

    TestServer(ConnectionLimiter limiter, Scheduler scheduler) {
        this.limiter = limiter;
        this.server = newServer();
        this.connector = new ServerConnector(server, null, scheduler, null, 1, 1, new HttpConnectionFactory());
        server.addConnector(connector);
        server.setHandler(new Answering());
    }

    TestServer(ConnectionLimiter limiter, NewConnector newConnector) throws Exception {
        this.limiter = limiter;
        this.server = newServer();
        this.connector = newConnector.on(server);
        server.addConnector(connector);
        server.setHandler(new Answering());
    }

    /** Makes the connector. */
    interface NewConnector {

        ServerConnector on(Server server) throws Exception;
    }

    static Server newServer() {
        QueuedThreadPool threads = new QueuedThreadPool(150);
        Server server = new Server(threads);
        server.setStopTimeout(0);
        return server;
    }

    static ConnectionLimiter limiter(int maxPerClient) {
        return new ConnectionLimiter(
                ConnectionLimits.builder().maxPerClient(maxPerClient).build());
    }

    static ConnectionLimiter limiter(ConnectionLimits.Builder limits) {
        return new ConnectionLimiter(limits.build());
    }

    /** TLS with ALPN for HTTP/2 and HTTP/1.1, behind these. */
    static NewConnector tls(ConnectionFactory... before) {
        return tls(null, before);
    }

    /** As {@link #tls}, with this scheduler or that of the server. */
    static NewConnector tls(Scheduler scheduler, ConnectionFactory... before) {
        return server -> {
            HttpConfiguration configuration = new HttpConfiguration();
            configuration.addCustomizer(new SecureRequestCustomizer(false));
            ALPNServerConnectionFactory alpn = new ALPNServerConnectionFactory();
            alpn.setDefaultProtocol("http/1.1");
            List<ConnectionFactory> all = new ArrayList<>(List.of(before));
            all.add(new SslConnectionFactory(TestTls.serverContext(), alpn.getProtocol()));
            all.add(alpn);
            all.add(new HTTP2ServerConnectionFactory(configuration));
            all.add(new HttpConnectionFactory(configuration));
            return new ServerConnector(server, null, scheduler, null, 1, 1, all.toArray(ConnectionFactory[]::new));
        };
    }

    /** Clear text, behind these. */
    static NewConnector plain(ConnectionFactory... before) {
        return server -> {
            List<ConnectionFactory> all = new ArrayList<>(List.of(before));
            all.add(new HttpConnectionFactory());
            return new ServerConnector(server, 1, 1, all.toArray(ConnectionFactory[]::new));
        };
    }

    /** Adds a listener and starts. */
    TestServer limited() throws Exception {
        connector.addBean(new ConnectionLimitListener(limiter));
        return started();
    }

    /** As {@link #limited}, with a handler in front. */
    TestServer handled() throws Exception {
        server.insertHandler(new ConnectionLimitHandler());
        return limited();
    }

    TestServer started() throws Exception {
        server.start();
        return this;
    }

    /** Stops the connector only, with all its threads, so that it can be started again. */
    void stopConnector() throws Exception {
        connector.stop();
        // A thread that still waits to accept has been interrupted: if it accepted after the next start, it would close
        // the new server socket.
        String acceptor = "-acceptor-0@";
        String of = "ServerConnector@" + Integer.toHexString(connector.hashCode());
        await("end of the acceptor")
                .atMost(DEADLINE)
                .until(() -> Thread.getAllStackTraces().keySet().stream()
                        .map(Thread::getName)
                        .noneMatch(name -> name.contains(acceptor) && name.contains(of)));
    }

    int port() {
        return connector.getLocalPort();
    }

    Client connect(String from) throws Exception {
        Client client = Client.connect(from, port());
        clients.add(client);
        return client;
    }

    /** A connection that has been served. */
    Client admitted(String from) throws Exception {
        Client client = connect(from);
        assertThat(client.get("/")).startsWith("HTTP/1.1 200 ");
        return client;
    }

    void awaitOpen(String from, int connections) throws Exception {
        InetAddress address = InetAddress.getByName(from);
        await("connections of " + from)
                .atMost(DEADLINE)
                .untilAsserted(
                        () -> assertThat(limiter.openConnections(address)).isEqualTo(connections));
    }

    /**
     * Moves the clock of the limiter on, step by step, until a connection that has just come, and after it another one, has
     * been closed at its deadline: the server has looked at everything in between.
     */
    void letTimePass(ManualTicker ticker, Duration step) throws Exception {
        for (int i = 0; i < 2; i++) {
            try (Client witness = connect(WITNESS)) {
                if (limiter.limits().handshakeTimeout().isZero()) {
                    // Then it has a deadline for its header only.
                    witness.send("GET / HTTP/1.1\r\n");
                }
                awaitOpen(WITNESS, 1);
                InetAddress address = InetAddress.getByName(WITNESS);
                await("end of the witness").atMost(DEADLINE).until(() -> {
                    ticker.advance(step);
                    return limiter.openConnections(address) == 0;
                });
            }
        }
    }

    void awaitZero() {
        await("nothing counted").atMost(DEADLINE).untilAsserted(this::assertZero);
    }

    void assertZero() {
        LimiterSnapshot now = limiter.snapshot();
        assertThat(now.openConnections()).as("open").isZero();
        assertThat(now.pendingConnections()).as("pending").isZero();
        assertThat(now.streams()).as("streams").isZero();
        assertThat(now.clients()).as("clients").isZero();
    }

    /** Says that Jetty will not report the end of so many connections. */
    void expectForgotten(long connections) {
        expectedForgotten = connections;
    }

    /** Closes its clients, then stops: nothing may be left before, and nothing after, and nothing may be forgotten. */
    @Override
    public void close() {
        release.countDown();
        try {
            async.forEach(Callback::succeeded);
            for (Client client : clients) {
                client.close();
            }
            if (server.isStarted()) {
                awaitZero();
            }
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        } finally {
            LifeCycle.stop(server);
        }
        assertZero();
        assertThat(limiter.snapshot().forgotten()).as("forgotten").isEqualTo(expectedForgotten);
    }

    /** Answers 200; /throw throws, /hold waits. Reads no body. */
    private final class Answering extends Handler.Abstract {

        @Override
        public boolean handle(Request request, Response response, Callback callback) throws Exception {
            requests.incrementAndGet();
            switch (Request.getPathInContext(request)) {
                case "/async":
                    async.add(callback);
                    return true;
                case "/upgrade":
                    response.setStatus(101);
                    response.getHeaders().put(HttpHeader.UPGRADE, "echo");
                    response.getHeaders().put(HttpHeader.CONNECTION, "Upgrade");
                    EndPoint endPoint =
                            request.getConnectionMetaData().getConnection().getEndPoint();
                    request.setAttribute(
                            HttpStream.UPGRADE_CONNECTION_ATTRIBUTE,
                            new EchoConnection(endPoint, server.getThreadPool()));
                    response.write(true, null, callback);
                    return true;
                case "/throw":
                    throw new IllegalStateException("thrown by the test's handler");
                case "/hold":
                    holding.incrementAndGet();
                    try {
                        release.await();
                    } finally {
                        holding.decrementAndGet();
                    }
                    break;
                default:
                    break;
            }
            response.getHeaders().put(HttpHeader.CONTENT_LENGTH, 2);
            Content.Sink.write(response, true, "OK", callback);
            return true;
        }
    }
}
