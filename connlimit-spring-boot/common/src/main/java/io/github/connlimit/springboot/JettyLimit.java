package io.github.connlimit.springboot;

import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.RefusalHandler;
import io.github.connlimit.ServerSupport;
import io.github.connlimit.jetty.ConnectionLimitInstaller;
import io.github.connlimit.jetty.ConnectionLimitListener;
import java.nio.channels.SocketChannel;
import java.util.List;
import java.util.stream.Stream;
import org.eclipse.jetty.server.Connector;
import org.eclipse.jetty.server.NetworkConnector;
import org.eclipse.jetty.server.Server;

/**
 * Limits the embedded Jetty of one application context. For the adapters of this project; used by the thread that starts the
 * server.
 *
 * @since 0.1.0
 */
public final class JettyLimit implements ServerLimit {

    private final ConnectionLimiter limiter;

    /** {@code null} for the way that the limits say. */
    private final RefusalHandler<? super SocketChannel> refusalHandler;

    /** {@code null} while there is no Jetty. */
    private Server server;

    JettyLimit(ConnectionLimiter limiter, RefusalHandler<? super SocketChannel> refusalHandler) {
        this.limiter = limiter;
        this.refusalHandler = refusalHandler;
    }

    /**
     * Limits a server that has not been started.
     *
     * @param jetty the server; Spring Boot may still replace its connectors
     */
    public void install(Server jetty) {
        server = jetty;
        jetty.addBean(
                refusalHandler == null
                        ? new ConnectionLimitInstaller(limiter)
                        : new ConnectionLimitInstaller(limiter, refusalHandler));
    }

    @Override
    public boolean isUsed() {
        return server != null;
    }

    private static boolean isLimited(Connector connector) {
        return connector.getContainedBeans(ConnectionLimitListener.class).size() == 1
                || connector.getBean(ConnectionLimitListener.class) != null;
    }

    private static String port(Connector connector) {
        return connector instanceof NetworkConnector network ? " on port " + network.getLocalPort() : ", " + connector;
    }

    @Override
    public List<String> limited(int port) {
        return Stream.of(server.getConnectors())
                .filter(JettyLimit::isLimited)
                .map(connector -> "Jetty" + port(connector))
                .toList();
    }

    @Override
    public ServerSupport support() {
        return ServerSupport.JETTY;
    }

    @Override
    public boolean findsForwardedClients() {
        return true;
    }

    @Override
    public boolean hasRejectionHandler() {
        return refusalHandler != null;
    }

    @Override
    public String rejectionHandlerType() {
        return "RefusalHandler<SocketChannel>";
    }

    @Override
    public List<String> unlimited() {
        return Stream.of(server.getConnectors())
                .filter(connector -> !isLimited(connector))
                .map(connector -> "Jetty's connections" + port(connector)
                        + " are not limited: its connector is a "
                        + connector.getClass().getName()
                        + ", and only a ServerConnector can be")
                .toList();
    }
}
