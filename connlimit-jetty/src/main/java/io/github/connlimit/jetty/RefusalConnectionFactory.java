package io.github.connlimit.jetty;

import io.github.connlimit.ConnectionGate;
import io.github.connlimit.RefusalBudget;
import java.net.InetAddress;
import java.nio.channels.SocketChannel;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.eclipse.jetty.http.HttpVersion;
import org.eclipse.jetty.io.Connection;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.server.ConnectionFactory;
import org.eclipse.jetty.server.Connector;
import org.eclipse.jetty.server.ServerConnector;

/**
 * Answers refused connections ({@link io.github.connlimit.Refusal#RESPOND}). An answer needs somebody to read what the
 * client has sent, before the connection is closed. And a hook in the accept loop can keep a connection from Jetty only
 * by closing it. So a connection that is answered goes on into Jetty, and here, in front of the connector's default
 * protocol, it is given a {@link RefusedConnection} in place of one that serves requests. All others are passed on to
 * the default protocol. This class is thread-safe.
 */
final class RefusalConnectionFactory implements ConnectionFactory {

    static final String PROTOCOL = "connlimit";

    private static final String HTTP = HttpVersion.HTTP_1_1.asString();

    private final ConnectionGate<?> gate;

    /** Connections that are being answered, until Jetty has done with them. */
    private final ConcurrentHashMap<SocketChannel, RefusedChannel> refused = new ConcurrentHashMap<>();

    /** The connector that this factory is in front of, while it runs; otherwise {@code null}. */
    private volatile ServerConnector connector;

    /** The factory of the connector's default protocol. Written before {@link #connector}. */
    private volatile ConnectionFactory next;

    RefusalConnectionFactory(ConnectionGate<?> gate) {
        this.gate = gate;
    }

    /**
     * Puts this factory in front of a stopped connector if its default protocol is HTTP/1.1. To be called again after
     * the connector's factories may have been changed.
     */
    void putInFront(ServerConnector stopped) {
        remove(stopped);
        String first = stopped.getDefaultProtocol();
        if (first != null && HTTP.equalsIgnoreCase(first) && stopped.getConnectionFactory(PROTOCOL) == null) {
            // Last in order, for whatever looks for the protocol that follows another one.
            stopped.addConnectionFactory(this);
            stopped.setDefaultProtocol(PROTOCOL);
        }
    }

    /** Undoes {@link #putInFront}. */
    void remove(ServerConnector stopped) {
        if (stopped.getConnectionFactory(PROTOCOL) == this) {
            stopped.removeConnectionFactory(PROTOCOL);
            if (PROTOCOL.equals(stopped.getDefaultProtocol())) {
                List<String> others = stopped.getProtocols();
                stopped.setDefaultProtocol(stopped.getConnectionFactory(HTTP) != null ? HTTP : others.get(0));
            }
        }
    }

    /**
     * To be called when the connector starts.
     *
     * @return whether this factory is in front of it, so that it can answer
     */
    boolean start(ServerConnector starting) {
        boolean inFront = isInFront(starting);
        if (inFront) {
            next = starting.getConnectionFactory(HTTP);
            if (next == null) {
                throw new IllegalStateException("no connection factory for " + HTTP + " in " + starting
                        + ", which was its default protocol when its ConnectionLimitListener was added");
            }
            connector = starting;
        }
        return inFront;
    }

    private boolean isInFront(ServerConnector of) {
        return of != null && of.getDefaultConnectionFactory() == this;
    }

    /** To be called when the connector has stopped: ends all answers and gives their places back. */
    void stop() {
        connector = null;
        refused.values().forEach(RefusedChannel::reset);
        refused.clear();
    }

    /**
     * Lets a refused connection go on into Jetty, to be answered there. Does not block.
     *
     * @return false if the connection is to be reset: nothing can be answered here, or too much is being answered already
     */
    boolean answer(SocketChannel channel, InetAddress peer) {
        ServerConnector running = connector;
        if (!isInFront(running)) {
            return false;
        }
        Optional<RefusalBudget.Place> place = gate.tryRespond(peer);
        if (place.isEmpty()) {
            return false;
        }
        RefusedChannel answered = new RefusedChannel(channel, place.get(), running);
        refused.put(channel, answered);
        try {
            answered.startDeadline();
        } catch (Throwable error) {
            answered.reset();
            gate.report("answering a refused connection failed", error);
        }
        if (connector == null) {
            // Stopped in the meantime: Jetty does not report the end of this one.
            answered.reset();
            refused.remove(channel);
        }
        return true;
    }

    /** To be called when Jetty has done with a connection. */
    void closed(SocketChannel channel) {
        RefusedChannel answered = refused.remove(channel);
        if (answered != null) {
            answered.close();
        }
    }

    @Override
    public String getProtocol() {
        return PROTOCOL;
    }

    @Override
    public List<String> getProtocols() {
        return List.of(PROTOCOL);
    }

    @Override
    public Connection newConnection(Connector from, EndPoint endPoint) {
        RefusedChannel answered =
                endPoint.getTransport() instanceof SocketChannel channel ? refused.get(channel) : null;
        return answered == null
                ? next.newConnection(from, endPoint)
                : new RefusedConnection(endPoint, from.getExecutor(), answered, gate);
    }

    @Override
    public String toString() {
        return getClass().getSimpleName() + "{answering=" + refused.size() + "}";
    }
}
