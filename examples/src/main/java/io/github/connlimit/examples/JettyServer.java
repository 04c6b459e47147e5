package io.github.connlimit.examples;

import io.github.connlimit.jetty.ConnectionLimitListener;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.eclipse.jetty.alpn.server.ALPNServerConnectionFactory;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http2.server.HTTP2CServerConnectionFactory;
import org.eclipse.jetty.http2.server.HTTP2ServerConnectionFactory;
import org.eclipse.jetty.server.ConnectionFactory;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.SecureRequestCustomizer;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.server.SslConnectionFactory;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.component.LifeCycle;
import org.eclipse.jetty.util.ssl.SslContextFactory;
import org.eclipse.jetty.websocket.server.WebSocketUpgradeHandler;

/** Jetty with HTTP/1.1, HTTP/2 and WebSocket. */
final class JettyServer implements ExampleServer {

    private final Server server;
    private final ServerConnector connector;

    private JettyServer(Server server, ServerConnector connector) {
        this.server = server;
        this.connector = connector;
    }

    static JettyServer start(ServerSettings settings) throws Exception {
        Server server = new Server();
        ServerConnector connector =
                new ServerConnector(server, connectionFactories(settings).toArray(ConnectionFactory[]::new));
        connector.setHost(settings.address().getAddress().getHostAddress());
        connector.setPort(settings.address().getPort());
        connector.setIdleTimeout(ServerSettings.IDLE_MILLIS);
        settings.limiter().ifPresent(limiter -> connector.addBean(new ConnectionLimitListener(limiter)));
        server.addConnector(connector);

        WebSocketUpgradeHandler webSocket = WebSocketUpgradeHandler.from(
                server, container -> container.addMapping("/ws", (request, response, callback) -> new JettyEcho()));
        webSocket.setHandler(new ResourceHandler(settings.resources()));
        server.setHandler(webSocket);
        try {
            server.start();
        } catch (Throwable error) {
            LifeCycle.stop(server);
            throw error;
        }
        return new JettyServer(server, connector);
    }

    private static List<ConnectionFactory> connectionFactories(ServerSettings settings) {
        HttpConfiguration configuration = new HttpConfiguration();
        HttpConnectionFactory http1 = new HttpConnectionFactory(configuration);
        if (settings.tls().isEmpty()) {
            return List.of(http1, new HTTP2CServerConnectionFactory(configuration));
        }
        // The certificate knows nothing but loopback names, and people may come by any other.
        configuration.addCustomizer(new SecureRequestCustomizer(false));
        SslContextFactory.Server tls = new SslContextFactory.Server();
        tls.setKeyStore(settings.tls().get().keyStore());
        tls.setKeyStorePassword(SelfSignedCertificate.PASSWORD);
        ALPNServerConnectionFactory alpn = new ALPNServerConnectionFactory();
        alpn.setDefaultProtocol(http1.getProtocol());
        return List.of(
                new SslConnectionFactory(tls, alpn.getProtocol()),
                alpn,
                new HTTP2ServerConnectionFactory(configuration),
                http1);
    }

    @Override
    public int port() {
        return connector.getLocalPort();
    }

    @Override
    public void close() {
        LifeCycle.stop(server);
    }

    private static final class ResourceHandler extends Handler.Abstract.NonBlocking {

        private final Resources resources;

        ResourceHandler(Resources resources) {
            this.resources = resources;
        }

        @Override
        public boolean handle(Request request, Response response, Callback callback) {
            InetAddress peer =
                    ((InetSocketAddress) request.getConnectionMetaData().getRemoteSocketAddress()).getAddress();
            Answer answer = resources.answer(
                    request.getMethod(),
                    Request.getPathInContext(request),
                    request.getHttpURI().getQuery(),
                    peer);
            if (answer.delayMillis() == 0) {
                send(answer, response, callback);
            } else {
                request.getComponents()
                        .getScheduler()
                        .schedule(() -> send(answer, response, callback), answer.delayMillis(), TimeUnit.MILLISECONDS);
            }
            return true;
        }

        private static void send(Answer answer, Response response, Callback callback) {
            response.setStatus(answer.status());
            response.getHeaders().put(HttpHeader.CONTENT_TYPE, answer.contentType());
            response.write(true, ByteBuffer.wrap(answer.bytes()), callback);
        }
    }
}
