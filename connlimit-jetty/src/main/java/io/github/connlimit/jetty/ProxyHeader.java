package io.github.connlimit.jetty;

import io.github.connlimit.ConnectionGate;
import io.github.connlimit.Refusal;
import io.github.connlimit.RefusalHandler;
import io.github.connlimit.Rejection;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.channels.SocketChannel;
import org.eclipse.jetty.io.Connection;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.io.ssl.SslConnection;
import org.eclipse.jetty.server.ProxyConnectionFactory;

/**
 * Counts a connection for the client that its PROXY protocol header names. {@link FrontConnectionFactory} calls it where
 * it stands behind the {@code ProxyConnectionFactory}. Where that was configured with its next protocol, nothing can
 * stand between the two, and this class works as a listener. This class is thread-safe.
 */
final class ProxyHeader implements Connection.Listener {

    private final ConnectionGate<SocketChannel> gate;

    /** {@code null} for what the limits say. */
    private final RefusalHandler<? super SocketChannel> refusalHandler;

    ProxyHeader(ConnectionGate<SocketChannel> gate, RefusalHandler<? super SocketChannel> refusalHandler) {
        this.gate = gate;
        this.refusalHandler = refusalHandler;
    }

    /** {@return whether the EndPoint comes right after a PROXY header} */
    static boolean precedes(EndPoint endPoint) {
        return endPoint instanceof ProxyConnectionFactory.ProxyEndPoint;
    }

    /** {@return the client that the header names, or {@code null} if it names no IP address} */
    static InetAddress client(EndPoint endPoint) {
        return endPoint.getRemoteSocketAddress() instanceof InetSocketAddress remote ? remote.getAddress() : null;
    }

    /**
     * Counts a connection for the client in its header, right after the header.
     *
     * @return {@code null} if it may go on; if not, the caller has to end it
     */
    Rejection admit(SocketChannel channel, EndPoint endPoint) {
        InetAddress peer;
        try {
            SocketAddress remote = channel.getRemoteAddress();
            peer = remote instanceof InetSocketAddress tcp ? tcp.getAddress() : null;
        } catch (IOException closed) {
            return null;
        }
        if (peer == null || !(endPoint.getRemoteSocketAddress() instanceof InetSocketAddress named)) {
            return null;
        }
        // Jetty has asked a resolver for what is no literal, and has perhaps found nothing.
        InetAddress client = named.isUnresolved()
                ? gate.namedClient(peer, named.getHostString()).orElse(null)
                : named.getAddress();
        // For a header without an address (LOCAL, UNKNOWN), Jetty gives the peer's own.
        return client == null || client.equals(peer) ? null : gate.tryReassign(channel, peer, client);
    }

    /** Prepares a refused connection for being closed, as configured. */
    void refuse(SocketChannel channel, EndPoint endPoint) {
        try {
            if (refusalHandler != null) {
                refusalHandler.refuse(channel, client(endPoint));
            } else if (gate.limiter().limits().refuse() != Refusal.CLOSE) {
                Resetting.prepare(channel);
            }
        } catch (Throwable error) {
            gate.report("refusing a connection failed", error);
        }
    }

    @Override
    public void onOpened(Connection connection) {
        EndPoint endPoint = connection.getEndPoint();
        SocketChannel channel = precedes(endPoint) ? Channels.of(endPoint) : null;
        if (channel == null) {
            return;
        }
        if (admit(channel, endPoint) == null) {
            if (!(connection instanceof SslConnection)) {
                gate.handshakeCompleted(channel);
            }
            return;
        }
        if (connection instanceof Connection.UpgradeFrom reader) {
            // Discards what came together with the header: Jetty would serve it although the connection is closed.
            reader.onUpgradeFrom();
        }
        refuse(channel, endPoint);
        endPoint.close();
    }

    @Override
    public String toString() {
        return getClass().getSimpleName();
    }
}
