package io.github.connlimit.jetty;

import io.github.connlimit.ConnectionGate;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.ConnectionPhase;
import io.github.connlimit.Refusal;
import io.github.connlimit.Rejection;
import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.util.List;
import org.eclipse.jetty.io.AbstractConnection;
import org.eclipse.jetty.io.Connection;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.io.ssl.SslConnection;
import org.eclipse.jetty.server.ConnectionFactory;
import org.eclipse.jetty.server.Connector;
import org.eclipse.jetty.server.DetectorConnectionFactory;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.server.SslConnectionFactory;
import org.eclipse.jetty.util.thread.Invocable;

/**
 * Stands in front of a connector's default protocol or right behind PROXY protocol (see {@link FrontPlacement}) and
 * passes new connections on to the next protocol. Three kinds are treated differently:
 *
 * <ul>
 *   <li>Refused connections that are answered ({@link Refusal#RESPOND}). What the client has sent must be read before the
 *       connection is closed, and an accept hook can keep a connection from Jetty only by closing it. So such a
 *       connection goes on into Jetty, and gets a {@link RefusedConnection} here instead of one that serves requests. With
 *       TLS the {@link RefusedConnection} is inside of it: Jetty does the handshake and agrees on HTTP/1.1 or HTTP/2.
 *   <li>Connections whose client a PROXY header has just named. If they are refused, nothing that they have sent is
 *       served.
 *   <li>Connections whose first byte has to be noticed at once, because {@code maxPendingPerClient} is set.
 * </ul>
 *
 * This class is thread-safe.
 */
final class FrontConnectionFactory implements ConnectionFactory {

    private final ConnectionGate<SocketChannel> gate;
    private final ConnectionProgress progress;
    private final ProxyHeader proxyHeader;
    private final RefusedChannels refused;

    /** False if a RefusalHandler ends refused connections. */
    private final boolean mayAnswer;

    /** This factory's name among the connector's protocols. */
    private volatile String protocol;

    /** What connections are passed on to. Written before {@link #refused} is started, and read after asking that. */
    private volatile ConnectionFactory next;

    FrontConnectionFactory(
            ConnectionGate<SocketChannel> gate,
            ConnectionProgress progress,
            ProxyHeader proxyHeader,
            RefusedChannels refused,
            boolean mayAnswer) {
        this.gate = gate;
        this.progress = progress;
        this.proxyHeader = proxyHeader;
        this.refused = refused;
        this.mayAnswer = mayAnswer;
    }

    void setProtocol(String name) {
        protocol = name;
    }

    /**
     * To be called when the connector starts.
     *
     * @param following what connections are passed on to; {@code null} if this factory has no place in the connector, and
     *     so nothing can be answered
     */
    void start(ServerConnector starting, ConnectionFactory following) {
        next = following;
        if (following != null) {
            refused.start(starting);
        }
    }

    /** {@return what connections of the connector have to do first} */
    ConnectionPhase firstPhase(ServerConnector starting) {
        ConnectionFactory first = starting.getDefaultConnectionFactory();
        if (first == this) {
            first = next;
        }
        // ProxyConnectionFactory is a DetectorConnectionFactory too.
        return first instanceof SslConnectionFactory || first instanceof DetectorConnectionFactory
                ? ConnectionPhase.HANDSHAKE
                : ConnectionPhase.FIRST_BYTE;
    }

    /**
     * Lets a refused connection go on into Jetty, to be answered there. Does not block.
     *
     * @return false if the connection has to be reset: nothing can be answered here, or too many are being answered
     */
    boolean answer(SocketChannel channel, InetAddress peer, Rejection rejection) {
        ServerConnector running = refused.running();
        return running != null
                && running.getDefaultConnectionFactory() == this
                && refused.begin(running, channel, rejection, peer, isBeforeTls()) != null;
    }

    private boolean isBeforeTls() {
        return next instanceof SslConnectionFactory;
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
        Rejection rejection = proxied ? proxyHeader.admit(channel, endPoint) : null;
        if (rejection != null) {
            return refusing(from, endPoint, channel, rejection);
        }
        if (isBeforeTls()) {
            return following(from, endPoint);
        }
        if (proxied) {
            gate.handshakeCompleted(channel);
        }
        // Behind a PROXY header always: the bytes that a connection counts do not include what came with the header.
        return proxied || gate.limiter().limits().maxPendingPerClient() > 0
                ? waiting(from, endPoint, channel)
                : following(from, endPoint);
    }

    private Connection following(Connector from, EndPoint endPoint) {
        Connection connection = next.newConnection(from, endPoint);
        // The header has been dealt with in newConnection.
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
        if (!isBeforeTls()) {
            return new RefusedConnection(
                    endPoint, from.getExecutor(), answered, Answer.ofHttp1(answered.rejection()), gate);
        }
        Connection connection = following(from, endPoint);
        if (connection instanceof SslConnection tls) {
            EndPoint inner = tls.getSslEndPoint();
            Answer answer = new TlsAnswer(tls.getSSLEngine(), answered.rejection());
            inner.setConnection(new RefusedConnection(inner, from.getExecutor(), answered, answer, gate));
            return connection;
        }
        answered.opened(endPoint);
        return new ClosingConnection(endPoint, from);
    }

    private Connection refusing(Connector from, EndPoint endPoint, SocketChannel channel, Rejection rejection) {
        ConnectionLimits limits = gate.limiter().limits();
        ServerConnector running = refused.running();
        if (mayAnswer && limits.refuse() == Refusal.RESPOND && running != null) {
            RefusedChannel answered =
                    refused.begin(running, channel, rejection, ProxyHeader.client(endPoint), isBeforeTls());
            if (answered != null) {
                // Until now it counted for the proxy.
                gate.release(channel);
                return answering(from, endPoint, answered);
            }
        }
        proxyHeader.refuse(channel, endPoint);
        return new ClosingConnection(endPoint, from);
    }

    /** Closes itself when it is opened. */
    private static final class ClosingConnection extends AbstractConnection implements Connection.UpgradeTo {

        ClosingConnection(EndPoint endPoint, Connector connector) {
            super(endPoint, connector.getExecutor());
        }

        @Override
        public void onUpgradeTo(ByteBuffer buffer) {
            // Discarded: it must not be served.
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
        return getClass().getSimpleName() + "{" + refused + "}";
    }
}
