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
 * A Jetty connector that limits its connections and refuses them at the lowest cost. It limits as a
 * {@code ServerConnector} with a {@link ConnectionLimitListener} does, but refuses in {@link #accept}, before Jetty does
 * any work on the connection and without waking a selector. It has a listener of its own, which does everything else.
 * With 0 acceptors the selectors accept, and there is no difference. This class is as thread-safe as
 * {@code ServerConnector}.
 *
 * @since 0.1.0
 */
public class ConnectionLimitConnector extends ServerConnector {

    private final ConnectionLimitListener listener;

    /**
     * Creates a connector with Jetty's defaults.
     *
     * @param server the server that the connector is for; it still has to be added to it
     * @param limiter counts the connections; other connectors may share it
     * @param factories as for a {@code ServerConnector}; none for HTTP/1.1 in clear text
     */
    public ConnectionLimitConnector(Server server, ConnectionLimiter limiter, ConnectionFactory... factories) {
        this(server, null, null, null, -1, -1, new ConnectionLimitListener(limiter), factories);
    }

    /**
     * Creates a connector. All parameters but the listener are those of {@code ServerConnector}.
     *
     * @param server the server that the connector is for; it still has to be added to it
     * @param executor runs the connector's tasks, or {@code null} for the server's thread pool
     * @param scheduler schedules time-outs, or {@code null} for the server's
     * @param bufferPool the buffers, or {@code null} for the server's
     * @param acceptors how many threads accept; 0 for none (the selectors accept), -1 for Jetty's default
     * @param selectors how many selectors there are, or -1 for Jetty's default
     * @param listener limits this connector; it must not be on another one
     * @param factories the protocols; none for HTTP/1.1 in clear text
     */
    // Adding a bean calls no method that a subclass is expected to override.
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

    /**
     * Accepts one connection and, if it is over the limit, refuses it.
     *
     * @param acceptorId the number of the acceptor that calls
     * @throws IOException if accepting or configuring the connection fails
     */
    @Override
    public void accept(int acceptorId) throws IOException {
        if (!(getTransport() instanceof ServerSocketChannel listening) || !listening.isOpen()) {
            return;
        }
        SocketChannel channel = listening.accept();
        // Jetty calls it again for a connection that goes on. By then it is counted, and the second call does nothing.
        if (listener.accepting(channel) && channel.isOpen()) {
            handOn(channel);
        }
    }

    /** Does what ServerConnector does with an accepted connection. */
    private void handOn(SocketChannel channel) throws IOException {
        try {
            channel.configureBlocking(false);
            configure(channel.socket());
            getSelectorManager().accept(channel);
        } catch (Throwable error) {
            // Jetty does not know the connection yet, so it will not report its end.
            channel.close();
            listener.onAcceptFailed(channel, error);
            throw error;
        }
    }
}
