package io.github.connlimit.jetty;

import io.github.connlimit.ConnectionGate;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.ConnectionPhase;
import io.github.connlimit.Refusal;
import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import org.eclipse.jetty.http.HttpVersion;
import org.eclipse.jetty.io.AbstractConnection;
import org.eclipse.jetty.io.Connection;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.io.ssl.SslConnection;
import org.eclipse.jetty.server.ConnectionFactory;
import org.eclipse.jetty.server.Connector;
import org.eclipse.jetty.server.DetectorConnectionFactory;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.ProxyConnectionFactory;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.server.SslConnectionFactory;
import org.eclipse.jetty.util.thread.Invocable;

/**
 * Stands in front of a connector's default protocol, HTTP/1.1 or TLS, or between PROXY protocol and what follows it. It
 * passes connections on, but for these:
 *
 * <ul>
 *   <li>Refused connections that are answered ({@link Refusal#RESPOND}). A hook in the accept loop can keep a connection
 *       from Jetty only by closing it, and an answer needs somebody to read what the client has sent. So the connection
 *       goes on into Jetty, and gets a {@link RefusedConnection} here instead of one that serves requests. On TLS it gets
 *       it inside, so that Jetty does the handshake and agrees on HTTP/1.1 or HTTP/2 as ever.
 *   <li>Connections whose client a PROXY header has just named, and who is at its limit. Refused here, nothing of what
 *       they have sent is served.
 *   <li>Connections before their first byte, where {@code maxPendingPerClient} needs to know when it comes.
 * </ul>
 *
 * This class is thread-safe.
 */
final class FrontConnectionFactory implements ConnectionFactory {

    static final String PROTOCOL = "connlimit";

    /** In front of TLS: by this prefix Jetty tells that the scheme of such a connector is https. */
    static final String TLS_PROTOCOL = "SSL-connlimit";

    private static final String HTTP = HttpVersion.HTTP_1_1.asString();

    private final ConnectionGate<SocketChannel> gate;
    private final ConnectionProgress progress;
    private final ProxyHeader proxyHeader;

    /** Whether refused connections are ended in no other way. */
    private final boolean mayAnswer;

    private final RefusedChannels refused;

    private volatile String protocol = PROTOCOL;

    /** The default protocol that this factory has taken the place of, or {@code null}. */
    private String displaced;

    /** The connector that this factory is part of, while it runs; otherwise {@code null}. */
    private volatile ServerConnector connector;

    /** What connections are passed on to. Written before {@link #connector}. */
    private volatile ConnectionFactory next;

    FrontConnectionFactory(
            ConnectionGate<SocketChannel> gate,
            ConnectionProgress progress,
            ProxyHeader proxyHeader,
            boolean mayAnswer) {
        this.gate = gate;
        this.progress = progress;
        this.proxyHeader = proxyHeader;
        this.mayAnswer = mayAnswer;
        this.refused = new RefusedChannels(gate);
    }

    /**
     * Puts this factory where it belongs in a stopped connector, if its protocols are known. To be called again after
     * the connector's factories may have been changed.
     */
    void putInFront(ServerConnector stopped) {
        remove(stopped);
        String first = stopped.getDefaultProtocol();
        ConnectionFactory factory = first == null ? null : stopped.getConnectionFactory(first);
        if (factory == null || isTaken(stopped)) {
            return;
        }
        if (factory instanceof ProxyConnectionFactory) {
            protocol = PROTOCOL;
            insertAfter(factory, stopped);
        } else if (factory instanceof SslConnectionFactory || HTTP.equalsIgnoreCase(first)) {
            protocol = HTTP.equalsIgnoreCase(first) ? PROTOCOL : TLS_PROTOCOL;
            displaced = first;
            // Last in order, for whatever looks for the protocol that follows another one.
            stopped.addConnectionFactory(this);
            stopped.setDefaultProtocol(protocol);
        }
    }

    private static boolean isTaken(ServerConnector by) {
        return by.getConnectionFactory(PROTOCOL) != null || by.getConnectionFactory(TLS_PROTOCOL) != null;
    }

    private void insertAfter(ConnectionFactory before, ServerConnector stopped) {
        String first = stopped.getDefaultProtocol();
        List<ConnectionFactory> all = new ArrayList<>(new LinkedHashSet<>(stopped.getConnectionFactories()));
        int index = all.indexOf(before) + 1;
        if (index < all.size()) {
            all.add(index, this);
            stopped.setConnectionFactories(all);
            stopped.setDefaultProtocol(first);
        }
    }

    /** Undoes {@link #putInFront}. */
    void remove(ServerConnector stopped) {
        if (stopped.getConnectionFactory(protocol) == this) {
            stopped.removeConnectionFactory(protocol);
            if (protocol.equalsIgnoreCase(stopped.getDefaultProtocol())) {
                List<String> others = stopped.getProtocols();
                boolean back = stopped.getConnectionFactory(displaced) != null;
                stopped.setDefaultProtocol(back ? displaced : others.get(0));
            }
        }
        displaced = null;
    }

    /**
     * To be called when the connector starts.
     *
     * @return whether refused connections can be answered
     */
    boolean start(ServerConnector starting) {
        if (starting.getConnectionFactory(protocol) != this) {
            return false;
        }
        boolean inFront = starting.getDefaultConnectionFactory() == this;
        List<String> protocols = starting.getProtocols();
        int index = protocols.indexOf(protocol.toLowerCase(Locale.ROOT)) + 1;
        String following = inFront ? displaced : index < protocols.size() ? protocols.get(index) : null;
        next = following == null ? null : starting.getConnectionFactory(following);
        if (next == null && inFront) {
            throw new IllegalStateException("no connection factory for " + following + " in " + starting
                    + ", which was its default protocol when its ConnectionLimitListener was added");
        }
        refused.start();
        connector = next == null ? null : starting;
        return next != null;
    }

    /** What connections of the connector have to do first. */
    ConnectionPhase firstPhase(ServerConnector starting) {
        ConnectionFactory first = starting.getDefaultConnectionFactory();
        if (first == this) {
            first = next;
        }
        // PROXY protocol is one that is detected, too.
        return first instanceof SslConnectionFactory || first instanceof DetectorConnectionFactory
                ? ConnectionPhase.HANDSHAKE
                : ConnectionPhase.FIRST_BYTE;
    }

    /** To be called when the connector has stopped: ends all answers and gives their places back. */
    void stop() {
        connector = null;
        refused.stop();
    }

    /**
     * Lets a refused connection go on into Jetty, to be answered there. Does not block.
     *
     * @return false if the connection is to be reset: nothing can be answered here, or too much is being answered already
     */
    boolean answer(SocketChannel channel, InetAddress peer) {
        ServerConnector running = connector;
        return running != null
                && running.getDefaultConnectionFactory() == this
                && beginAnswer(running, channel, peer) != null;
    }

    private RefusedChannel beginAnswer(ServerConnector running, SocketChannel channel, InetAddress client) {
        return refused.begin(running, channel, client, next instanceof SslConnectionFactory);
    }

    boolean isAnswering(SocketChannel channel) {
        return refused.get(channel) != null;
    }

    /** To be called when Jetty has done with a connection. */
    void closed(SocketChannel channel) {
        refused.closed(channel);
    }

    @Override
    public String getProtocol() {
        return protocol;
    }

    @Override
    public List<String> getProtocols() {
        return List.of(protocol);
    }

    @Override
    public Connection newConnection(Connector from, EndPoint endPoint) {
        SocketChannel channel = Channels.of(endPoint);
        if (channel == null) {
            return next.newConnection(from, endPoint);
        }
        RefusedChannel answered = refused.get(channel);
        if (answered != null) {
            return answering(from, endPoint, answered);
        }
        boolean proxied = ProxyHeader.precedes(endPoint);
        if (proxied && !proxyHeader.admit(channel, endPoint)) {
            return refusing(from, endPoint, channel);
        }
        if (next instanceof SslConnectionFactory) {
            return following(from, endPoint);
        }
        if (proxied) {
            gate.handshakeCompleted(channel);
        }
        // Behind a PROXY header always: what came together with it is not among the bytes that a connection counts.
        return proxied || gate.limiter().limits().maxPendingPerClient() > 0
                ? waiting(from, endPoint, channel)
                : following(from, endPoint);
    }

    private Connection following(Connector from, EndPoint endPoint) {
        Connection connection = next.newConnection(from, endPoint);
        // Done already.
        connection.removeEventListener(proxyHeader);
        return connection;
    }

    private Connection waiting(Connector from, EndPoint endPoint, SocketChannel channel) {
        FirstByteConnection waiting = new FirstByteConnection(
                endPoint,
                from.getExecutor(),
                next instanceof HttpConnectionFactory
                        ? Invocable.InvocationType.NON_BLOCKING
                        : Invocable.InvocationType.BLOCKING,
                () -> gate.established(channel),
                upgraded -> following(from, upgraded));
        waiting.addEventListener(progress);
        return waiting;
    }

    private Connection answering(Connector from, EndPoint endPoint, RefusedChannel answered) {
        if (!(next instanceof SslConnectionFactory)) {
            return new RefusedConnection(endPoint, from.getExecutor(), answered, Answer.ofHttp1(), gate);
        }
        Connection connection = following(from, endPoint);
        if (connection instanceof SslConnection tls) {
            EndPoint inner = tls.getSslEndPoint();
            Answer answer = Answer.ofTls(tls.getSSLEngine());
            inner.setConnection(new RefusedConnection(inner, from.getExecutor(), answered, answer, gate));
            return connection;
        }
        answered.opened(endPoint);
        return new ClosingConnection(endPoint, from);
    }

    private Connection refusing(Connector from, EndPoint endPoint, SocketChannel channel) {
        ConnectionLimits limits = gate.limiter().limits();
        ServerConnector running = connector;
        if (mayAnswer && limits.refuse() == Refusal.RESPOND && running != null) {
            RefusedChannel answered = beginAnswer(running, channel, ProxyHeader.client(endPoint));
            if (answered != null) {
                // It still counted for the proxy.
                gate.release(channel);
                return answering(from, endPoint, answered);
            }
        }
        proxyHeader.refuse(channel, endPoint);
        return new ClosingConnection(endPoint, from);
    }

    /** Is closed when it is opened. */
    private static final class ClosingConnection extends AbstractConnection implements Connection.UpgradeTo {

        ClosingConnection(EndPoint endPoint, Connector connector) {
            super(endPoint, connector.getExecutor());
        }

        @Override
        public void onUpgradeTo(ByteBuffer buffer) {
            // Nobody is to serve it.
        }

        @Override
        public void onOpen() {
            close();
        }

        @Override
        public void onFillable() {}
    }

    @Override
    public String toString() {
        return getClass().getSimpleName() + "{answering=" + refused.size() + "}";
    }
}
