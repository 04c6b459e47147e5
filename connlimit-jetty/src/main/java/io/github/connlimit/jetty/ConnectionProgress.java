package io.github.connlimit.jetty;

import io.github.connlimit.ConnectionGate;
import io.github.connlimit.ConnectionPhase;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.eclipse.jetty.io.Connection;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.io.ManagedSelector;
import org.eclipse.jetty.io.ssl.SslConnection;
import org.eclipse.jetty.io.ssl.SslHandshakeListener;
import org.eclipse.jetty.server.NegotiatingServerConnection;
import org.eclipse.jetty.server.ServerConnector;

/**
 * Knows how far the connections of a connector have come, and closes those that come no further in time. The end of a
 * handshake is told by Jetty. The first byte is looked for only when its deadline has passed: most connections have sent
 * many by then, and it costs them nothing. This class is thread-safe.
 */
final class ConnectionProgress
        implements ConnectionGate.Channels<SocketChannel>, Connection.Listener, SslHandshakeListener {

    private final ConnectionGate<SocketChannel> gate;

    /** To be closed as soon as Jetty has opened them: closed earlier, they would stay in Jetty's books. */
    private final Set<SocketChannel> overdue = ConcurrentHashMap.newKeySet();

    /** {@code null} unless the connector runs. */
    private volatile ServerConnector connector;

    ConnectionProgress(ConnectionGate<SocketChannel> gate) {
        this.gate = gate;
    }

    void start(ServerConnector starting) {
        connector = starting;
    }

    void stop() {
        connector = null;
        overdue.clear();
    }

    /** To be called when Jetty has done with a connection. */
    void closed(SocketChannel channel) {
        overdue.remove(channel);
    }

    @Override
    public boolean isOpen(SocketChannel channel) {
        return channel.isOpen();
    }

    @Override
    public boolean closeExpired(SocketChannel channel, ConnectionPhase phase) {
        EndPoint endPoint = opened(channel);
        if (endPoint == null) {
            overdue.add(channel);
            // It may have been opened, or closed, in between.
            endPoint = opened(channel);
            if (endPoint != null || !channel.isOpen()) {
                overdue.remove(channel);
            }
        }
        if (endPoint != null) {
            if (hasPassed(endPoint.getConnection(), phase)) {
                return false;
            }
            close(channel, endPoint);
        }
        return true;
    }

    /** The EndPoint of a connection, or {@code null} if Jetty has not opened it yet, or has closed it. */
    private EndPoint opened(SocketChannel channel) {
        ServerConnector running = connector;
        if (running == null) {
            return null;
        }
        for (ManagedSelector managed : running.getSelectorManager().getBeans(ManagedSelector.class)) {
            Selector selector = managed.getSelector();
            SelectionKey key = selector == null ? null : channel.keyFor(selector);
            if (key != null
                    && key.attachment() instanceof EndPoint endPoint
                    && running.getConnectedEndPoints().contains(endPoint)) {
                return endPoint;
            }
        }
        return null;
    }

    private static boolean hasPassed(Connection current, ConnectionPhase phase) {
        Connection connection = current;
        if (connection instanceof SslConnection tls) {
            if (phase == ConnectionPhase.HANDSHAKE) {
                return false;
            }
            connection = tls.getSslEndPoint().getConnection();
        }
        // A protocol that does not count bytes says -1.
        long bytes = connection.getBytesIn();
        if (phase == ConnectionPhase.HANDSHAKE) {
            // Jetty's readers of a PROXY header, and of what tells TLS from clear text, do not count: these wait still.
            return bytes >= 0;
        }
        if (connection instanceof NegotiatingServerConnection) {
            return false;
        }
        return bytes < 0 || hasRead(connection);
    }

    /** What came together with a PROXY header is not among the bytes, but a request is a message. */
    private static boolean hasRead(Connection connection) {
        return connection.getBytesIn() > 0 || connection.getMessagesIn() > 0;
    }

    private static void close(SocketChannel channel, EndPoint endPoint) {
        Resetting.prepare(channel);
        endPoint.close();
    }

    @Override
    public void onOpened(Connection connection) {
        if (!overdue.isEmpty()) {
            SocketChannel channel = Channels.of(connection.getEndPoint());
            if (channel != null && overdue.remove(channel)) {
                close(channel, Channels.lowest(connection.getEndPoint()));
            }
        }
    }

    /** An upgrade closes the old connection on an open EndPoint; the new one may have counted nothing yet. */
    @Override
    public void onClosed(Connection connection) {
        EndPoint endPoint = connection.getEndPoint();
        if (endPoint.isOpen() && hasRead(connection) && !(connection instanceof SslConnection)) {
            SocketChannel channel = Channels.of(endPoint);
            if (channel != null) {
                gate.established(channel);
            }
        }
    }

    @Override
    public void handshakeSucceeded(Event event) {
        SocketChannel channel = Channels.of(event.getEndPoint());
        if (channel != null) {
            gate.handshakeCompleted(channel);
        }
    }

    @Override
    public String toString() {
        return getClass().getSimpleName() + "{overdue=" + overdue.size() + "}";
    }
}
