package io.github.connlimit.tomcat;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.LimiterSnapshot;
import jakarta.servlet.AsyncContext;
import jakarta.servlet.ReadListener;
import jakarta.servlet.ServletException;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import jakarta.servlet.http.HttpUpgradeHandler;
import jakarta.servlet.http.WebConnection;
import jakarta.websocket.DeploymentException;
import jakarta.websocket.Endpoint;
import jakarta.websocket.EndpointConfig;
import jakarta.websocket.Session;
import jakarta.websocket.server.ServerContainer;
import jakarta.websocket.server.ServerEndpointConfig;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.catalina.Context;
import org.apache.catalina.LifecycleException;
import org.apache.catalina.Wrapper;
import org.apache.catalina.connector.Connector;
import org.apache.catalina.startup.Tomcat;
import org.apache.coyote.ProtocolHandler;
import org.apache.tomcat.websocket.server.WsSci;
import org.awaitility.Awaitility;

/** A real Tomcat with an application for tests. */
final class TestServer implements AutoCloseable {

    static final int TIMEOUT_SECONDS = 30;

    static {
        // What is waited for mostly happens at once.
        Awaitility.setDefaultPollInterval(Duration.ofMillis(5));
    }

    final Tomcat tomcat = new Tomcat();
    final Context context;

    /** Releases the requests to {@code /hold}. */
    final CountDownLatch hold = new CountDownLatch(1);

    /** How many requests are inside {@code /hold}. */
    final AtomicInteger holding = new AtomicInteger();

    /** The asynchronous requests to {@code /async}, to be completed by the test. */
    final BlockingQueue<AsyncContext> async = new LinkedBlockingQueue<>();

    private final List<Client> clients = new CopyOnWriteArrayList<>();
    private long expectedForgotten;

    TestServer() {
        Path base;
        try {
            base = Files.createTempDirectory(Path.of("target"), "tomcat-base");
        } catch (IOException cannot) {
            throw new UncheckedIOException(cannot);
        }
        tomcat.setBaseDir(base.toAbsolutePath().toString());
        tomcat.getHost().setAutoDeploy(false);
        context = tomcat.addContext("", null);
        Wrapper wrapper = Tomcat.addServlet(context, "app", new App());
        wrapper.setAsyncSupported(true);
        wrapper.addMapping("/");
    }

    /** Adds a connector on a free port. */
    Connector add(ProtocolHandler protocol) {
        Connector connector = new Connector(protocol);
        connector.setPort(0);
        connector.setProperty("address", "127.0.0.1");
        tomcat.getService().addConnector(connector);
        return connector;
    }

    TestServer start() throws LifecycleException {
        tomcat.start();
        return this;
    }

    Client connect(int lastByte, Connector connector) throws IOException {
        return connect(lastByte, connector.getLocalPort());
    }

    /** Connects from a port of 127.0.0.lastByte, which may be in use for another address of the server, to 127.0.0.to. */
    Client connect(int lastByte, int fromPort, int to, Connector connector) throws IOException {
        Client client = new Client(new Socket());
        clients.add(client);
        client.socket.setReuseAddress(true);
        client.socket.bind(new InetSocketAddress("127.0.0." + lastByte, fromPort));
        client.socket.connect(new InetSocketAddress("127.0.0." + to, connector.getLocalPort()), TIMEOUT_SECONDS * 1000);
        return client;
    }

    /** Connects from 127.0.0.lastByte. */
    Client connect(int lastByte, int port) throws IOException {
        Client client = new Client(
                InetAddress.getByAddress(new byte[] {127, 0, 0, (byte) lastByte}),
                new InetSocketAddress("127.0.0.1", port));
        clients.add(client);
        return client;
    }

    /** Closes all connections that were made so far. */
    void disconnect() throws IOException {
        for (Client client : clients) {
            client.close();
        }
    }

    /** Says that Tomcat will not report the end of so many connections. */
    void expectForgotten(long connections) {
        expectedForgotten = connections;
    }

    /** Stops and destroys the server, after which nothing may be left, and nothing may have been forgotten. */
    @Override
    public void close() throws IOException, LifecycleException {
        hold.countDown();
        disconnect();
        Set<ConnectionLimiter> limiters = limiters();
        tomcat.stop();
        tomcat.destroy();
        long forgotten = 0;
        for (ConnectionLimiter limiter : limiters) {
            LimiterSnapshot now = limiter.snapshot();
            assertThat(now.openConnections()).as("open").isZero();
            assertThat(now.pendingConnections()).as("pending").isZero();
            assertThat(now.streams()).as("streams").isZero();
            assertThat(now.clients()).as("clients").isZero();
            forgotten += now.forgotten();
        }
        assertThat(forgotten).as("forgotten").isEqualTo(expectedForgotten);
    }

    /** Those that count for a connector. */
    private Set<ConnectionLimiter> limiters() {
        Set<ConnectionLimiter> limiters = Collections.newSetFromMap(new IdentityHashMap<>());
        for (Connector connector : tomcat.getService().findConnectors()) {
            if (connector.getProtocolHandler() instanceof ConnectionLimitAttributes limited
                    && limited.getLimiter() != null) {
                limiters.add(limited.getLimiter());
            }
        }
        return limiters;
    }

    /** Adds a WebSocket echo at {@code /ws}. */
    void addWebSocket() {
        context.addServletContainerInitializer(new WsSci(), null);
        context.addServletContainerInitializer(
                (classes, servletContext) -> {
                    try {
                        ((ServerContainer) servletContext.getAttribute(ServerContainer.class.getName()))
                                .addEndpoint(ServerEndpointConfig.Builder.create(Echo.class, "/ws")
                                        .build());
                    } catch (DeploymentException cannot) {
                        throw new IllegalStateException(cannot);
                    }
                },
                null);
    }

    /** Sends back what it is sent. */
    public static final class Echo extends Endpoint {

        @Override
        public void onOpen(Session session, EndpointConfig config) {
            session.addMessageHandler(
                    String.class, text -> session.getAsyncRemote().sendText(text));
        }
    }

    /** Another protocol, in which nothing is said. */
    public static final class Upgraded implements HttpUpgradeHandler {

        @Override
        public void init(WebConnection connection) {
            try {
                connection.getInputStream().setReadListener(new ReadListener() {
                    @Override
                    public void onDataAvailable() throws IOException {
                        while (connection.getInputStream().isReady()) {
                            if (connection.getInputStream().read() < 0) {
                                close();
                                return;
                            }
                        }
                    }

                    @Override
                    public void onAllDataRead() {}

                    @Override
                    public void onError(Throwable error) {
                        close();
                    }

                    private void close() {
                        try {
                            connection.close();
                        } catch (Exception closedAlready) {
                            // As good.
                        }
                    }
                });
            } catch (IOException cannot) {
                throw new UncheckedIOException(cannot);
            }
        }

        @Override
        public void destroy() {}
    }

    private static final class Failing implements ReadListener {

        @Override
        public void onDataAvailable() throws IOException {
            throw new IOException("as asked for");
        }

        @Override
        public void onAllDataRead() {}

        @Override
        public void onError(Throwable error) {
            throw new IllegalStateException("as asked for", error);
        }
    }

    private final class App extends HttpServlet {

        private static final long serialVersionUID = 1L;

        @Override
        protected void service(HttpServletRequest request, HttpServletResponse response)
                throws ServletException, IOException {
            switch (request.getServletPath()) {
                case "/hold" -> {
                    holding.incrementAndGet();
                    await();
                    holding.decrementAndGet();
                }
                case "/async" -> {
                    if (request.getAttribute("dispatched") == null) {
                        AsyncContext started = request.startAsync();
                        String timeout = request.getParameter("timeout");
                        started.setTimeout(timeout == null ? 0 : Long.parseLong(timeout));
                        request.setAttribute("dispatched", Boolean.TRUE);
                        async.add(started);
                        return;
                    }
                }
                case "/events" -> {
                    AsyncContext started = request.startAsync();
                    started.setTimeout(0);
                    response.setContentType("text/event-stream");
                    response.flushBuffer();
                    async.add(started);
                    return;
                }
                case "/upgrade" -> {
                    response.setHeader("Upgrade", "test");
                    response.setHeader("Connection", "Upgrade");
                    request.upgrade(Upgraded.class);
                    return;
                }
                case "/async-throw" -> {
                    request.startAsync();
                    throw new ServletException("after startAsync");
                }
                case "/async-read-throw" -> {
                    AsyncContext started = request.startAsync();
                    started.setTimeout(0);
                    request.getInputStream().setReadListener(new Failing());
                    async.add(started);
                    return;
                }
                case "/throw" -> throw new ServletException("as asked for");
                case "/vm-error" -> throw new InternalError("as asked for");
                default -> request.getInputStream().readAllBytes();
            }
            response.setContentLength(2);
            response.getOutputStream().print("OK");
        }

        private void await() {
            try {
                hold.await(TIMEOUT_SECONDS, TimeUnit.SECONDS);
            } catch (InterruptedException stopped) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
