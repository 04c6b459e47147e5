package io.github.connlimit.jetty;

import io.github.connlimit.ConnectionGate;
import io.github.connlimit.RefusalBudget;
import java.net.InetAddress;
import java.nio.channels.SocketChannel;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.eclipse.jetty.server.ServerConnector;

/**
 * The refused connections of one connector that are being answered, within the budget of its limiter. They have no permit.
 * This class is thread-safe; no call blocks.
 */
final class RefusedChannels {

    /** How long a refused client may take for its handshake and its request. */
    private static final long MAX_HANDSHAKE_MILLIS = 2000;

    private final ConnectionGate<SocketChannel> gate;

    /** Until Jetty has done with them. */
    private final ConcurrentHashMap<SocketChannel, RefusedChannel> open = new ConcurrentHashMap<>();

    private volatile boolean stopped;

    RefusedChannels(ConnectionGate<SocketChannel> gate) {
        this.gate = gate;
    }

    void start() {
        stopped = false;
    }

    /** Ends all answers and gives their places back. */
    void stop() {
        stopped = true;
        open.values().forEach(RefusedChannel::reset);
        open.clear();
    }

    /**
     * Begins to answer a connection.
     *
     * @param overTls whether that costs a handshake
     * @return {@code null} if too much is being answered already
     */
    RefusedChannel begin(ServerConnector connector, SocketChannel channel, InetAddress client, boolean overTls) {
        Optional<RefusalBudget.Place> place = gate.tryRespond(client, overTls);
        if (place.isEmpty()) {
            return null;
        }
        RefusedChannel answered = new RefusedChannel(channel, place.get(), connector);
        open.put(channel, answered);
        try {
            answered.startDeadline((overTls ? handshakeMillis() : 0) + RefusalBudget.MAX_LINGER_MILLIS);
        } catch (Throwable error) {
            answered.reset();
            gate.report("answering a refused connection failed", error);
        }
        if (stopped) {
            // In the meantime: Jetty does not report the end of this one.
            answered.reset();
            open.remove(channel);
        }
        return answered;
    }

    private long handshakeMillis() {
        long millis = gate.limiter().limits().handshakeTimeout().toMillis();
        return millis == 0 ? MAX_HANDSHAKE_MILLIS : Math.min(millis, MAX_HANDSHAKE_MILLIS);
    }

    /** The connection, if it is being answered; otherwise {@code null}. */
    RefusedChannel get(SocketChannel channel) {
        return open.isEmpty() ? null : open.get(channel);
    }

    /** To be called when Jetty has done with a connection, refused or not. */
    void closed(SocketChannel channel) {
        RefusedChannel answered = open.isEmpty() ? null : open.remove(channel);
        if (answered != null) {
            answered.close();
        }
    }

    int size() {
        return open.size();
    }
}
