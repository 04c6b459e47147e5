package io.github.connlimit.examples;

import io.github.connlimit.jetty.ConnectionLimitConnector;
import io.github.connlimit.jetty.ConnectionLimitInstaller;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.eclipse.jetty.alpn.server.ALPNServerConnectionFactory;
import org.eclipse.jetty.http2.server.HTTP2CServerConnectionFactory;
import org.eclipse.jetty.http2.server.HTTP2ServerConnectionFactory;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.server.ConnectionFactory;
import org.eclipse.jetty.server.ConnectionMetaData;
import org.eclipse.jetty.server.ForwardedRequestCustomizer;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.ProxyConnectionFactory;
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
        ServerConnector connector = connector(server, settings);
        connector.setHost(settings.address().getAddress().getHostAddress());
        connector.setPort(settings.address().getPort());
        connector.setIdleTimeout(ServerSettings.IDLE_MILLIS);
        settings.limiter().ifPresent(limiter -> server.addBean(new ConnectionLimitInstaller(limiter)));
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

    private static ServerConnector connector(Server server, ServerSettings settings) {
        ConnectionFactory[] factories = connectionFactories(settings).toArray(ConnectionFactory[]::new);
        return settings.limiter().isPresent()
                ? new ConnectionLimitConnector(server, settings.limiter().get(), factories)
                : new ServerConnector(server, factories);
    }

    private static List<ConnectionFactory> connectionFactories(ServerSettings settings) {
        HttpConfiguration configuration = new HttpConfiguration();
        if (!settings.trustedProxies().isEmpty()) {
            configuration.addCustomizer(new ForwardedRequestCustomizer());
        }
        HttpConnectionFactory http1 = new HttpConnectionFactory(configuration);
        List<ConnectionFactory> factories = new ArrayList<>();
        if (settings.proxyProtocol()) {
            factories.add(new ProxyConnectionFactory());
        }
        if (settings.tls().isEmpty()) {
            factories.addAll(List.of(http1, new HTTP2CServerConnectionFactory(configuration)));
            return factories;
        }
        // The certificate has loopback names only, and people may use any other name.
        configuration.addCustomizer(new SecureRequestCustomizer(false));
        SslContextFactory.Server tls = new SslContextFactory.Server();
        tls.setKeyStore(settings.tls().get().keyStore());
        tls.setKeyStorePassword(SelfSignedCertificate.PASSWORD);
        ALPNServerConnectionFactory alpn = new ALPNServerConnectionFactory();
        alpn.setDefaultProtocol(http1.getProtocol());
        factories.addAll(List.of(
                new SslConnectionFactory(tls, alpn.getProtocol()),
                alpn,
                new HTTP2ServerConnectionFactory(configuration),
                http1));
        return factories;
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
            Answer answer = resources.answer(
                    request.getMethod(),
                    Request.getPathInContext(request),
                    request.getHttpURI().getQuery(),
                    isLocal(request.getConnectionMetaData()));
            if (answer.delayMillis() == 0) {
                send(answer, response, callback);
            } else {
                request.getComponents()
                        .getScheduler()
                        .schedule(() -> send(answer, response, callback), answer.delayMillis(), TimeUnit.MILLISECONDS);
            }
            return true;
        }

        /** By what a forwarded header says, by what a PROXY header says, and by the socket. */
        private static boolean isLocal(ConnectionMetaData metaData) {
            EndPoint endPoint = metaData.getConnection().getEndPoint();
            boolean local = isLoopback(metaData.getRemoteSocketAddress());
            while (endPoint instanceof EndPoint.Wrapper wrapper) {
                local &= isLoopback(endPoint.getRemoteSocketAddress());
                endPoint = wrapper.unwrap();
            }
            return local && isLoopback(endPoint.getRemoteSocketAddress());
        }

        private static boolean isLoopback(SocketAddress address) {
            // What a forwarded header says is unresolved.
            return address instanceof InetSocketAddress remote
                    && !remote.isUnresolved()
                    && remote.getAddress().isLoopbackAddress();
        }

        private static void send(Answer answer, Response response, Callback callback) {
            response.setStatus(answer.status());
            answer.headers().forEach((name, value) -> response.getHeaders().put(name, value));
            response.write(true, ByteBuffer.wrap(answer.bytes()), callback);
        }
    }
}
