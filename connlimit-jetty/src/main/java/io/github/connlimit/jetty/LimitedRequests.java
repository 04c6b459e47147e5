package io.github.connlimit.jetty;

import io.github.connlimit.ConnectionGate;
import io.github.connlimit.ConnectionPermit;
import io.github.connlimit.ErrorPolicy;
import io.github.connlimit.Rejection;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.channels.SocketChannel;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.eclipse.jetty.io.Connection;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.server.ConnectionMetaData;
import org.eclipse.jetty.server.HttpStream;
import org.eclipse.jetty.server.Request;

/**
 * The requests of one connector that are counted in addition to their connection: for the client that a trusted proxy
 * names, or as a stream. This class is thread-safe.
 */
final class LimitedRequests {

    private final ConnectionGate<SocketChannel> connections;

    /** Counts for clients behind proxies. */
    private final ConnectionGate<Counted> forwarded;

    /**
     * What ends when its connection does, if nothing ends it before: requests that count for a client behind a proxy, as an
     * application may never complete them, and requests that have upgraded their connection or HTTP/2 stream.
     */
    private final Set<Counted> watched = ConcurrentHashMap.newKeySet();

    /** Whether the connector runs: nothing is counted without anybody to end it. */
    private volatile boolean running;

    LimitedRequests(ConnectionGate<SocketChannel> connections) {
        this.connections = connections;
        this.forwarded = new ConnectionGate<>(connections.limiter());
    }

    /**
     * Counts a request, if it is one to be counted.
     *
     * @param stream whether it asks for a stream
     * @return {@code null} if it may go on
     */
    Rejection admit(Request request, SocketChannel channel, boolean stream) {
        Counted counted = new Counted(request);
        try {
            Rejection rejection = counted.begin(channel, stream);
            if (rejection != null) {
                counted.end();
            } else if (counted.isAny()) {
                counted.watch();
                Request.addCompletionListener(request, counted::completed);
            }
            return rejection;
        } catch (Throwable error) {
            counted.end();
            connections.report("finding out the client of a request failed, onError decides", error);
            ErrorPolicy policy = connections.limiter().limits().onError();
            return policy == ErrorPolicy.ADMIT ? null : Rejection.SERVER_LIMIT;
        }
    }

    /** Ends what Jetty does not report the end of, such as WebSocket over HTTP/2. To be called periodically. */
    void endClosed() {
        for (Counted counted : watched) {
            if (!counted.endPoint.isOpen()) {
                counted.end();
            }
        }
    }

    /** To be called when the connector starts. */
    void start() {
        running = true;
    }

    /** To be called when the connector has stopped. */
    void stop() {
        running = false;
        watched.forEach(Counted::end);
    }

    /** What is counted for one request. */
    private final class Counted implements Connection.Listener {

        private final Request request;
        private final Connection connection;

        /** Whether it counts for the client that a proxy names. */
        private boolean isForwarded;

        /** {@code null} if it is none. */
        private ConnectionPermit.Stream stream;

        /** Of its connection, or of what it has upgraded that to. */
        private volatile EndPoint endPoint;

        Counted(Request request) {
            this.request = request;
            this.connection = request.getConnectionMetaData().getConnection();
            this.endPoint = connection.getEndPoint();
        }

        Rejection begin(SocketChannel channel, boolean asStream) {
            InetAddress client = forwardedClient(request.getConnectionMetaData());
            if (client != null) {
                Rejection rejection = forwarded.tryAdmitRequest(this, client);
                if (rejection != null) {
                    return rejection;
                }
                isForwarded = true;
            }
            Optional<ConnectionPermit> permit =
                    !asStream ? Optional.empty() : isForwarded ? forwarded.permit(this) : connections.permit(channel);
            if (permit.isPresent()) {
                stream = permit.get().tryBeginStream().orElse(null);
                return stream == null ? Rejection.CLIENT_LIMIT : null;
            }
            return null;
        }

        boolean isAny() {
            return isForwarded || stream != null;
        }

        /** Sees to it that what is counted for a forwarded client ends with the connection at the latest. */
        void watch() {
            if (isForwarded) {
                connection.addEventListener(this);
                watchEnd();
            }
        }

        private void watchEnd() {
            watched.add(this);
            if (!running || !endPoint.isOpen()) {
                // Its end may have come before, and the sweep may have stopped with the connector.
                end();
            }
        }

        /** The response is complete; an upgrade, if there is one, comes next. */
        void completed(Throwable failure) {
            if (isForwarded) {
                // An upgrade closes this one, but not what it carries.
                connection.removeEventListener(this);
            }
            if (failure == null
                    && request.getAttribute(HttpStream.UPGRADE_CONNECTION_ATTRIBUTE) instanceof Connection next) {
                endPoint = next.getEndPoint();
                next.addEventListener(this);
                watchEnd();
            } else {
                end();
            }
        }

        @Override
        public void onClosed(Connection closed) {
            end();
        }

        void end() {
            watched.remove(this);
            if (stream != null) {
                stream.close();
            }
            forwarded.release(this);
        }
    }

    /** {@return the client that a trusted proxy names, or {@code null} if the request counts with its connection} */
    private InetAddress forwardedClient(ConnectionMetaData metaData) {
        if (metaData == metaData.getConnection()) {
            return null;
        }
        EndPoint endPoint = metaData.getConnection().getEndPoint();
        SocketAddress named = metaData.getRemoteSocketAddress();
        InetAddress sender = address(endPoint.getRemoteSocketAddress());
        // The sender may be known from a PROXY header only. Then the peer that sent that one has to be trusted too.
        InetAddress peer = address(Channels.lowest(endPoint).getRemoteSocketAddress());
        if (sender == null
                || !(named instanceof InetSocketAddress client)
                || named.equals(endPoint.getRemoteSocketAddress())
                || !connections.limiter().limits().isExempt(peer)) {
            return null;
        }
        return connections
                .namedClient(sender, client.isUnresolved() ? client.getHostString() : literal(client))
                .filter(address -> !address.equals(sender))
                .orElse(null);
    }

    private static String literal(InetSocketAddress resolved) {
        return resolved.getAddress().getHostAddress();
    }

    private static InetAddress address(SocketAddress of) {
        return of instanceof InetSocketAddress remote ? remote.getAddress() : null;
    }
}
