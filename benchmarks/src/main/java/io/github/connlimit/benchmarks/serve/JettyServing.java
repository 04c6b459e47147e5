package io.github.connlimit.benchmarks.serve;

import io.github.connlimit.jetty.ConnectionLimitConnector;
import io.github.connlimit.jetty.ConnectionLimitListener;
import io.github.connlimit.testing.TestCertificate;
import java.io.IOException;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SelectableChannel;
import java.nio.channels.SocketChannel;
import java.security.GeneralSecurityException;
import java.util.ArrayList;
import java.util.List;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.io.SelectorManager;
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
import org.eclipse.jetty.server.handler.DoSHandler;
import org.eclipse.jetty.server.handler.ThreadLimitHandler;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.ssl.SslContextFactory;

/** Jetty with HTTP/1.1. */
final class JettyServing {

    private JettyServing() {}

    /** Returns its port. */
    static int start(Setup setup) throws Exception {
        Server server = new Server();
        ServerConnector connector = connector(server, setup);
        connector.setHost(setup.address().getHostAddress());
        connector.setPort(setup.port());
        connector.setAcceptQueueSize(Setup.BACKLOG);
        connector.setIdleTimeout(Setup.IDLE_MILLIS);
        server.addConnector(connector);
        server.setHandler(handler(setup));
        server.start();
        return connector.getLocalPort();
    }

    private static ServerConnector connector(Server server, Setup setup) throws Exception {
        ConnectionFactory[] factories = factories(setup).toArray(ConnectionFactory[]::new);
        return switch (setup.protection()) {
            case CONNLIMIT -> {
                ServerConnector connector = new ServerConnector(server, factories);
                connector.addBean(new ConnectionLimitListener(setup.limiter()));
                yield connector;
            }
            case BARE_LISTENER -> {
                ServerConnector connector = new ServerConnector(server, factories);
                connector.addBean(new ResettingListener());
                yield connector;
            }
            case CONNLIMIT_CONNECTOR, TARPIT, RATE, NETWORKS, HEADERS ->
                new ConnectionLimitConnector(server, setup.limiter(), factories);
            default -> new ServerConnector(server, factories);
        };
    }

    private static List<ConnectionFactory> factories(Setup setup) throws Exception {
        HttpConfiguration configuration = new HttpConfiguration();
        HttpConnectionFactory http = new HttpConnectionFactory(configuration);
        List<ConnectionFactory> factories = new ArrayList<>();
        if (setup.tls()) {
            configuration.addCustomizer(new SecureRequestCustomizer(false));
            factories.add(new SslConnectionFactory(tls(), http.getProtocol()));
        }
        factories.add(http);
        return factories;
    }

    private static SslContextFactory.Server tls() throws GeneralSecurityException, IOException {
        SslContextFactory.Server tls = new SslContextFactory.Server();
        tls.setKeyStore(TestCertificate.keyStore());
        tls.setKeyStorePassword(TestCertificate.PASSWORD);
        return tls;
    }

    private static Handler handler(Setup setup) {
        Handler answer = new Answer();
        return switch (setup.protection()) {
            case THREAD_LIMIT -> {
                ThreadLimitHandler limit = new ThreadLimitHandler();
                limit.setThreadLimit(setup.maxPerClient());
                limit.setHandler(answer);
                yield limit;
            }
            case DOS -> {
                DoSHandler limit =
                        new DoSHandler(new DoSHandler.LeakingBucketTrackerFactory(Protection.REQUESTS_PER_SECOND));
                limit.setHandler(answer);
                yield limit;
            }
            case NONE, CONNLIMIT, CONNLIMIT_CONNECTOR, TARPIT, RATE, NETWORKS, HEADERS, BARE_LISTENER -> answer;
            default ->
                throw new IllegalArgumentException(
                        "protection: \"" + setup.protection() + "\" is not allowed; Jetty has no such thing");
        };
    }

    private static final class ResettingListener implements SelectorManager.AcceptListener {

        @Override
        public void onAccepting(SelectableChannel channel) {
            try (SocketChannel accepted = (SocketChannel) channel) {
                accepted.setOption(StandardSocketOptions.SO_LINGER, 0);
            } catch (IOException gone) {
                // The client was faster.
            }
        }
    }

    private static final class Answer extends Handler.Abstract.NonBlocking {

        @Override
        public boolean handle(Request request, Response response, Callback callback) {
            response.getHeaders().put(HttpHeader.CONTENT_TYPE, Setup.CONTENT_TYPE);
            response.write(true, ByteBuffer.wrap(Setup.body()), callback);
            return true;
        }
    }
}
