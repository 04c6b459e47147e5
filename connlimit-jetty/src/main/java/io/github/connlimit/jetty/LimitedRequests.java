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
 * The requests of a connector that count, besides their connection: for the client that a trusted proxy names, or as a
 * stream. This class is thread-safe.
 */
final class LimitedRequests {

    private final ConnectionGate<SocketChannel> gate;

    /** Those that have upgraded their connection, or the HTTP/2 stream that they came by, until that is closed. */
    private final Set<Counted> upgraded = ConcurrentHashMap.newKeySet();

    LimitedRequests(ConnectionGate<SocketChannel> gate) {
        this.gate = gate;
    }

    /**
     * Counts a request if that is to be done.
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

    /** Ends what has been closed without a word, such as WebSockets over HTTP/2. To be called now and then. */
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

    /** What one request holds. */
    private final class Counted implements Connection.Listener {

        private final Request request;

        /** For the client that a proxy names, or {@code null}. */
        private ConnectionPermit permit;

        /** {@code null} if it is none. */
        private ConnectionPermit.Stream stream;

        /** What it has upgraded, or {@code null}. */
        private volatile EndPoint endPoint;

        Counted(Request request) {
            this.request = request;
        }

        boolean begin(SocketChannel channel, boolean asStream) {
            InetAddress client = forwardedClient(request.getConnectionMetaData());
            if (client != null) {
                permit = gate.limiter().tryAcquire(client).orElse(null);
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
                    // Perhaps the connector has stopped, and nobody looks any more.
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

    /** The client that a trusted proxy names, or {@code null} if the request counts with its connection. */
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
        // Who sent the header may be known by a PROXY header only, and then who sent that one has to be trusted too.
        ConnectionLimits limits = gate.limiter().limits();
        InetAddress peer = address(Channels.lowest(endPoint).getRemoteSocketAddress());
        return limits.isExempt(sender) && limits.isExempt(peer) ? named : null;
    }

    /** Reads a literal if need be; a header may well hold a name, and nobody's name servers are to be asked for that. */
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
