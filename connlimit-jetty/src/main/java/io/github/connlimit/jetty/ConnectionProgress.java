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
 * Follows the connections of a connector through handshake and first byte, and closes those that miss a deadline. Jetty
 * reports the end of a handshake. The first byte is looked for only when its deadline has passed: by then most
 * connections have sent it, and so they pay nothing. This class is thread-safe.
 */
final class ConnectionProgress
        implements ConnectionGate.Channels<SocketChannel>, Connection.Listener, SslHandshakeListener {

    private final ConnectionGate<SocketChannel> gate;
    private final RequestHeaders headers;

    /** To be closed as soon as Jetty has opened them: Jetty would never forget an EndPoint closed earlier. */
    private final Set<SocketChannel> overdue = ConcurrentHashMap.newKeySet();

    /** {@code null} unless the connector is running. */
    private volatile ServerConnector connector;

    ConnectionProgress(ConnectionGate<SocketChannel> gate, RequestHeaders headers) {
        this.gate = gate;
        this.headers = headers;
    }

    void start(ServerConnector starting) {
        connector = starting;
    }

    void stop() {
        connector = null;
        overdue.clear();
    }

    /** To be called when Jetty has finished with a connection. */
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
        if (phase == ConnectionPhase.HEADER) {
            return endPoint != null && RequestHeaders.closeLate(endPoint);
        }
        if (endPoint == null) {
            overdue.add(channel);
            // Jetty may have opened or closed it since the first look.
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

    /** {@return the EndPoint of a connection, or {@code null} if Jetty has not opened it yet or has closed it} */
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
        // -1 if the protocol does not count bytes.
        long bytes = connection.getBytesIn();
        if (phase == ConnectionPhase.HANDSHAKE) {
            // Jetty's readers of a PROXY header, and its detector of TLS, do not count bytes: these still wait.
            return bytes >= 0;
        }
        if (connection instanceof NegotiatingServerConnection) {
            return false;
        }
        return bytes < 0 || hasRead(connection);
    }

    /** The bytes do not include what came together with a PROXY header, but the messages include every request. */
    private static boolean hasRead(Connection connection) {
        return connection.getBytesIn() > 0 || connection.getMessagesIn() > 0;
    }

    private static void close(SocketChannel channel, EndPoint endPoint) {
        Resetting.prepare(channel);
        endPoint.close();
    }

    @Override
    public void onOpened(Connection connection) {
        headers.opened(connection);
        if (!overdue.isEmpty()) {
            SocketChannel channel = Channels.of(connection.getEndPoint());
            if (channel != null && overdue.remove(channel)) {
                close(channel, Channels.lowest(connection.getEndPoint()));
            }
        }
    }

    /** Takes note of the first byte at an upgrade: the new connection may not have counted any byte yet. */
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
