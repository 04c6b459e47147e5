package io.github.connlimit.jetty;

import io.github.connlimit.ConnectionGate;
import io.github.connlimit.RefusalBudget;
import io.github.connlimit.Rejection;
import java.net.InetAddress;
import java.nio.channels.SocketChannel;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.eclipse.jetty.server.ServerConnector;

/**
 * The refused connections of one connector that are being answered. Each is in this table until Jetty has finished with
 * it, or the connector has stopped. This class is thread-safe.
 */
final class RefusedChannels {

    /** How long a refused client may take for its handshake and its request. */
    private static final long MAX_HANDSHAKE_MILLIS = 2000;

    private final ConnectionGate<SocketChannel> gate;
    private final ConcurrentHashMap<SocketChannel, RefusedChannel> answering = new ConcurrentHashMap<>();

    /** {@code null} unless the connector is running and refused connections can be answered there. */
    private volatile ServerConnector connector;

    RefusedChannels(ConnectionGate<SocketChannel> gate) {
        this.gate = gate;
    }

    void start(ServerConnector starting) {
        connector = starting;
    }

    /** Resets all connections that are being answered. Their places are free again. */
    void stop() {
        connector = null;
        answering.values().forEach(RefusedChannel::reset);
        answering.clear();
    }

    /** The connector, or {@code null} if nothing can be answered now. */
    ServerConnector running() {
        return connector;
    }

    /**
     * Takes a place for a refused connection and starts its deadline. Does not block.
     *
     * @param running what {@link #running} has returned
     * @param rejection what the client is told
     * @param client whom the refusal is counted for
     * @param tls whether a handshake comes before the answer
     * @return {@code null} if too many are being answered already
     */
    RefusedChannel begin(
            ServerConnector running, SocketChannel channel, Rejection rejection, InetAddress client, boolean tls) {
        Optional<RefusalBudget.Place> place = gate.tryRespond(client, tls);
        if (place.isEmpty()) {
            return null;
        }
        RefusedChannel refused = new RefusedChannel(channel, rejection, place.get(), running);
        answering.put(channel, refused);
        try {
            refused.startDeadline((tls ? handshakeMillis() : 0) + RefusalBudget.MAX_LINGER_MILLIS);
        } catch (Throwable error) {
            refused.reset();
            gate.report("answering a refused connection failed", error);
        }
        // Only after the put: stop() clears the field first and then the table, so one of the two finds this
        // connection.
        if (connector == null) {
            // Jetty does not report the end of a connection that it accepted while stopping.
            refused.reset();
            answering.remove(channel);
        }
        return refused;
    }

    private long handshakeMillis() {
        long millis = gate.limiter().limits().handshakeTimeout().toMillis();
        return millis == 0 ? MAX_HANDSHAKE_MILLIS : Math.min(millis, MAX_HANDSHAKE_MILLIS);
    }

    /** The connection, or {@code null} if it is not being answered. */
    RefusedChannel get(SocketChannel channel) {
        return answering.isEmpty() ? null : answering.get(channel);
    }

    /** To be called when Jetty has finished with a connection. */
    void closed(SocketChannel channel) {
        RefusedChannel refused = answering.isEmpty() ? null : answering.remove(channel);
        if (refused != null) {
            refused.close();
        }
    }

    @Override
    public String toString() {
        return getClass().getSimpleName() + "{answering=" + answering.size() + "}";
    }
}
