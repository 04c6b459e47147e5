package io.github.connlimit.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.connlimit.jetty.ConnectionLimitHandler;
import io.github.connlimit.jetty.ConnectionLimitListener;
import io.github.connlimit.testing.TestCertificate;
import java.io.IOException;
import java.nio.channels.SelectionKey;
import java.nio.channels.SocketChannel;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import org.eclipse.jetty.alpn.server.ALPNServerConnectionFactory;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http2.server.HTTP2CServerConnectionFactory;
import org.eclipse.jetty.http2.server.HTTP2ServerConnectionFactory;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.io.ManagedSelector;
import org.eclipse.jetty.io.SocketChannelEndPoint;
import org.eclipse.jetty.server.ConnectionFactory;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.server.SslConnectionFactory;
import org.eclipse.jetty.server.handler.ContextHandler;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.ssl.SslContextFactory;
import org.eclipse.jetty.util.thread.QueuedThreadPool;
import org.eclipse.jetty.websocket.api.Session;
import org.eclipse.jetty.websocket.server.WebSocketUpgradeHandler;

/** Jetty with HTTP/1.1, HTTP/2 and WebSocket, in clear text or over TLS. */
final class JettyServer implements ContainerServer {

    /**
     * Hardly more than a hundred requests in flight need: when Jetty stops and finds no thread, it does not report the
     * end of connections.
     */
    private static final int THREADS = 110;

    private static final int BACKLOG = 512;

    /** More than one, so that connections are admitted concurrently. */
    private static final int ACCEPTORS = 2;

    private final QueuedThreadPool threads = new QueuedThreadPool(THREADS);
    private final Server server;
    private final TestConnector connector;

    JettyServer(ServerSetup setup) {
        // Half of it for acceptors to end before they are interrupted, and lose a connection; but not long, as some
        // threads may be held by a request.
        threads.setStopTimeout(2000);
        server = new Server(threads);
        server.setStopTimeout(0);
        connector = new TestConnector(server, setup.tls() ? secure() : clearText());
        connector.setHost(setup.host());
        connector.setAcceptQueueSize(BACKLOG);
        connector.setIdleTimeout(setup.idleTimeoutMillis());
        connector.addBean(new ConnectionLimitListener(setup.limiter(), setup.refusalHandler()));
        server.addConnector(connector);
        ContextHandler context = new ContextHandler();
        WebSocketUpgradeHandler webSockets = WebSocketUpgradeHandler.from(
                server,
                context,
                container -> container.addMapping("/ws", (request, response, callback) -> new EchoEndpoint()));
        webSockets.setHandler(new ApplicationHandler(setup.application()));
        context.setHandler(webSockets);
        ConnectionLimitHandler limited = new ConnectionLimitHandler();
        limited.setHandler(context);
        server.setHandler(limited);
    }

    private static ConnectionFactory[] clearText() {
        HttpConfiguration http = new HttpConfiguration();
        return new ConnectionFactory[] {new HttpConnectionFactory(http), new HTTP2CServerConnectionFactory(http)};
    }

    private static ConnectionFactory[] secure() {
        SslContextFactory.Server tls = new SslContextFactory.Server();
        tls.setKeyStore(TestCertificate.keyStore());
        tls.setKeyStorePassword(TestCertificate.PASSWORD);
        tls.setCertAlias(TestCertificate.ALIAS);
        tls.setSslSessionCacheSize(100);
        ALPNServerConnectionFactory alpn = new ALPNServerConnectionFactory();
        alpn.setDefaultProtocol("http/1.1");
        HttpConfiguration http = new HttpConfiguration();
        return new ConnectionFactory[] {
            new SslConnectionFactory(tls, alpn.getProtocol()),
            alpn,
            new HTTP2ServerConnectionFactory(http),
            new HttpConnectionFactory(http)
        };
    }

    /** Only a ConnectionLimitConnector can, which the tests of its module test. */
    @Override
    public boolean canHold() {
        return false;
    }

    @Override
    public void start() throws Exception {
        server.start();
    }

    @Override
    public void stop() throws Exception {
        server.stop();
        // Jetty has interrupted them. In a pool that is started again, they would go on, and become acceptors.
        TestBed.awaitUntil("the end of all threads", () -> {
            // Again: an HTTP/2 connection that begins just now has started them anew.
            threads.stop();
            assertNoThreads("");
        });
    }

    @Override
    public void stopConnector() throws Exception {
        connector.stop();
        // Jetty does not wait for them: if it is started again at once, they may go on in its next life.
        TestBed.awaitUntil("the end of the acceptors", () -> assertNoThreads("-acceptor-"));
    }

    private void assertNoThreads(String kind) {
        String prefix = threads.getName() + "-";
        Map<String, String> going = new TreeMap<>();
        Thread.getAllStackTraces().forEach((thread, stack) -> {
            if (thread.getName().startsWith(prefix) && thread.getName().contains(kind)) {
                going.put(thread.getName(), Arrays.toString(stack));
            }
        });
        assertThat(going).isEmpty();
    }

    @Override
    public void startConnector() throws Exception {
        connector.start();
    }

    @Override
    public int port() {
        return connector.getLocalPort();
    }

    @Override
    public void failEndpoints(boolean fail) {
        connector.fail = fail;
    }

    private static final class TestConnector extends ServerConnector {

        private volatile boolean fail;

        TestConnector(Server server, ConnectionFactory... factories) {
            super(server, ACCEPTORS, 2, factories);
        }

        /**
         * Does not: it has been closed by now, which ends each accept() too. One that is interrupted just as it has a
         * connection loses it: it throws, and the socket stays open for ever (seen with Java 25, without Jetty too).
         */
        @Override
        protected void interruptAcceptors() {}

        @Override
        protected SocketChannelEndPoint newEndPoint(SocketChannel channel, ManagedSelector selector, SelectionKey key)
                throws IOException {
            if (fail) {
                throw new IOException("thrown by the test");
            }
            return super.newEndPoint(channel, selector, key);
        }
    }

    /** Serves the application. */
    private static final class ApplicationHandler extends Handler.Abstract {

        private final Application application;

        private ApplicationHandler(Application application) {
            this.application = application;
        }

        @Override
        public boolean handle(Request request, Response response, Callback callback) throws Exception {
            String path = Request.getPathInContext(request);
            if (path.equals("/async")) {
                application.later(() -> write(response, Application.ANSWER, callback));
            } else if (path.equals("/body")) {
                write(response, Content.Source.asString(request), callback);
            } else {
                write(response, application.answer(path, Request.getRemoteAddr(request)), callback);
            }
            return true;
        }

        private static void write(Response response, String body, Callback callback) {
            response.getHeaders().put(HttpHeader.CONTENT_LENGTH, body.length());
            Content.Sink.write(response, true, body, callback);
        }
    }

    /** Sends back what it gets. */
    public static final class EchoEndpoint extends Session.Listener.AbstractAutoDemanding {

        @Override
        public void onWebSocketText(String message) {
            getSession().sendText(message, org.eclipse.jetty.websocket.api.Callback.NOOP);
        }

        @Override
        public void onWebSocketError(Throwable cause) {
            // A client that leaves without a close frame is no error here.
        }
    }
}
