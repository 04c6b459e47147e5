package io.github.connlimit.jetty;

import io.github.connlimit.ConnectionLimiter;
import java.io.IOException;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.Objects;
import java.util.concurrent.Executor;
import org.eclipse.jetty.io.ByteBufferPool;
import org.eclipse.jetty.server.ConnectionFactory;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.util.thread.Scheduler;

/**
 * A Jetty connector that limits its connections as a {@code ServerConnector} with a {@link ConnectionLimitListener} does,
 * and refuses them at less cost: in {@link #accept}, before Jetty has begun anything with them, so that no selector is
 * woken. It has a listener of its own, which does all the rest. With {@code acceptors} 0, when selectors accept, there is
 * no difference. This class is thread-safe as far as {@code ServerConnector} is.
 *
 * @since 0.1.0
 */
public class ConnectionLimitConnector extends ServerConnector {

    private final ConnectionLimitListener listener;

    /**
     * Makes a connector with Jetty's defaults.
     *
     * @param server the server that the connector is for
     * @param limiter counts the connections of this connector, and perhaps of others too
     * @param factories as for a {@code ServerConnector}; none for HTTP/1.1 in clear text
     */
    public ConnectionLimitConnector(Server server, ConnectionLimiter limiter, ConnectionFactory... factories) {
        this(server, null, null, null, -1, -1, new ConnectionLimitListener(limiter), factories);
    }

    /**
     * Makes a connector. All but the listener are as for a {@code ServerConnector}.
     *
     * @param server the server that the connector is for
     * @param executor {@code null} for the server's
     * @param scheduler {@code null} for the server's
     * @param bufferPool {@code null} for the server's
     * @param acceptors how many threads accept; -1 for Jetty's default
     * @param selectors how many threads select; -1 for Jetty's default
     * @param listener not yet on any connector
     * @param factories none for HTTP/1.1 in clear text
     */
    // What a subclass overrides is called when the connector is started, not for adding a bean.
    @SuppressWarnings("this-escape")
    public ConnectionLimitConnector(
            Server server,
            Executor executor,
            Scheduler scheduler,
            ByteBufferPool bufferPool,
            int acceptors,
            int selectors,
            ConnectionLimitListener listener,
            ConnectionFactory... factories) {
        super(server, executor, scheduler, bufferPool, acceptors, selectors, orHttp(factories));
        this.listener = Objects.requireNonNull(listener, "listener");
        addBean(listener);
    }

    private static ConnectionFactory[] orHttp(ConnectionFactory... factories) {
        return factories.length > 0 ? factories : new ConnectionFactory[] {new HttpConnectionFactory()};
    }

    /** Accepts one connection, and ends it if it is over the limit. */
    @Override
    public void accept(int acceptorId) throws IOException {
        if (!(getTransport() instanceof ServerSocketChannel listening) || !listening.isOpen()) {
            return;
        }
        SocketChannel channel = listening.accept();
        // Jetty will call it once more for those that go on, which it knows by then.
        listener.onAccepting(channel);
        if (channel.isOpen()) {
            handOn(channel);
        }
    }

    /** As ServerConnector does it. */
    private void handOn(SocketChannel channel) throws IOException {
        try {
            channel.configureBlocking(false);
            configure(channel.socket());
            getSelectorManager().accept(channel);
        } catch (Throwable error) {
            // Jetty does not know it yet, and so will not report its end.
            channel.close();
            listener.onAcceptFailed(channel, error);
            throw error;
        }
    }
}
