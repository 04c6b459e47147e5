package io.github.connlimit.jetty;

import io.github.connlimit.Cidr;
import io.github.connlimit.ConnectionGate;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.ConnectionPermit;
import io.github.connlimit.ErrorPolicy;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.channels.SocketChannel;
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

    private final ConnectionGate<SocketChannel> gate;

    /** Requests that have upgraded their connection or HTTP/2 stream, until that is closed. */
    private final Set<Counted> upgraded = ConcurrentHashMap.newKeySet();

    LimitedRequests(ConnectionGate<SocketChannel> gate) {
        this.gate = gate;
    }

    /**
     * Counts a request, if it is one to be counted.
     *
     * @param stream whether it asks for a stream
     * @return whether it may go on
     */
    boolean admit(Request request, SocketChannel channel, boolean stream) {
        Counted counted = new Counted(request);
        try {
            if (!counted.begin(channel, stream)) {
                counted.end();
                return false;
            }
            if (counted.isAny()) {
                Request.addCompletionListener(request, counted::completed);
            }
            return true;
        } catch (Throwable error) {
            counted.end();
            gate.report("finding out the client of a request failed, onError decides", error);
            return gate.limiter().limits().onError() == ErrorPolicy.ADMIT;
        }
    }

    /** Ends upgrades whose end Jetty does not report, such as WebSocket over HTTP/2. To be called periodically. */
    void endClosed() {
        for (Counted counted : upgraded) {
            if (!counted.endPoint.isOpen()) {
                counted.end();
            }
        }
    }

    /** To be called when the connector has stopped. */
    void stop() {
        upgraded.forEach(Counted::end);
    }

    /** What is counted for one request. */
    private final class Counted implements Connection.Listener {

        private final Request request;

        /** For the client that a proxy names, or {@code null}. */
        private ConnectionPermit permit;

        /** {@code null} if it is none. */
        private ConnectionPermit.Stream stream;

        /** What the request has upgraded, or {@code null}. */
        private volatile EndPoint endPoint;

        Counted(Request request) {
            this.request = request;
        }

        boolean begin(SocketChannel channel, boolean asStream) {
            InetAddress client = forwardedClient(request.getConnectionMetaData());
            if (client != null) {
                permit = gate.limiter().tryAcquireForRequest(client).orElse(null);
                if (permit == null) {
                    return false;
                }
            }
            if (asStream) {
                ConnectionPermit of =
                        permit != null ? permit : gate.permit(channel).orElse(null);
                if (of != null) {
                    stream = of.tryBeginStream().orElse(null);
                    return stream != null;
                }
            }
            return true;
        }

        boolean isAny() {
            return permit != null || stream != null;
        }

        /** The response is complete; an upgrade, if there is one, comes next. */
        void completed(Throwable failure) {
            if (failure == null
                    && request.getAttribute(HttpStream.UPGRADE_CONNECTION_ATTRIBUTE) instanceof Connection next) {
                endPoint = next.getEndPoint();
                upgraded.add(this);
                next.addEventListener(this);
                if (!endPoint.isOpen()) {
                    // Its end may have come before the listener, and the sweep may have stopped with the connector.
                    end();
                }
            } else {
                end();
            }
        }

        @Override
        public void onClosed(Connection connection) {
            end();
        }

        void end() {
            upgraded.remove(this);
            if (stream != null) {
                stream.close();
            }
            if (permit != null) {
                permit.close();
            }
        }
    }

    /** {@return the client that a trusted proxy names, or {@code null} if the request counts with its connection} */
    private InetAddress forwardedClient(ConnectionMetaData metaData) {
        if (metaData == metaData.getConnection()) {
            return null;
        }
        EndPoint endPoint = metaData.getConnection().getEndPoint();
        InetAddress sender = address(endPoint.getRemoteSocketAddress());
        InetAddress named = address(metaData.getRemoteSocketAddress());
        if (sender == null || named == null || named.equals(sender)) {
            return null;
        }
        // The sender may be known from a PROXY header only. Then the peer that sent that one has to be trusted too.
        ConnectionLimits limits = gate.limiter().limits();
        InetAddress peer = address(Channels.lowest(endPoint).getRemoteSocketAddress());
        return limits.isExempt(sender) && limits.isExempt(peer) ? named : null;
    }

    /** {@return the address; a header may hold a host name, which is never resolved} */
    private static InetAddress address(SocketAddress of) {
        if (!(of instanceof InetSocketAddress remote)) {
            return null;
        }
        if (!remote.isUnresolved()) {
            return remote.getAddress();
        }
        String literal = remote.getHostString();
        if (literal.startsWith("[") && literal.endsWith("]")) {
            literal = literal.substring(1, literal.length() - 1);
        }
        int scope = literal.indexOf('%');
        return Cidr.parse(scope < 0 ? literal : literal.substring(0, scope)).address();
    }
}
