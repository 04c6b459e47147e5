package io.github.connlimit.tomcat;

import io.github.connlimit.Cidr;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.Optional;
import org.apache.coyote.ActionCode;
import org.apache.coyote.Request;

/**
 * Which connection a request has come over, by its two ends, which is all that a request tells. The other end alone may be
 * that of several connections: a client may use a port of its own for one connection to each address of the server. The
 * server's end is asked for only then. To be used while the request is processed.
 */
final class ConnectionEnds {

    private final Request request;
    private final InetSocketAddress remote;

    private ConnectionEnds(Request request, InetSocketAddress remote) {
        this.request = request;
        this.remote = remote;
    }

    /** {@return those of a request; empty if its connection has been closed, and NIO2 cannot tell any more} */
    static Optional<ConnectionEnds> of(Request request) {
        request.action(ActionCode.REQ_PEER_ADDR_ATTRIBUTE, request);
        request.action(ActionCode.REQ_REMOTEPORT_ATTRIBUTE, request);
        String peer = request.peerAddr().toString();
        int port = request.getRemotePort();
        return peer == null || port < 0
                ? Optional.empty()
                : Optional.of(new ConnectionEnds(request, new InetSocketAddress(address(peer), port)));
    }

    InetSocketAddress remote() {
        return remote;
    }

    /** {@code null} if that cannot be told any more. */
    InetSocketAddress local() {
        request.action(ActionCode.REQ_LOCAL_ADDR_ATTRIBUTE, request);
        request.action(ActionCode.REQ_LOCALPORT_ATTRIBUTE, request);
        String here = request.localAddr().toString();
        int port = request.getLocalPort();
        return here == null || port < 0 ? null : new InetSocketAddress(address(here), port);
    }

    /** Reads a literal that Tomcat has made of an address. */
    static InetAddress address(String literal) {
        int scope = literal.indexOf('%');
        return Cidr.parse(scope < 0 ? literal : literal.substring(0, scope)).address();
    }
}
