package io.github.connlimit.jetty;

import java.nio.channels.SocketChannel;
import org.eclipse.jetty.io.EndPoint;

/** The TCP connection below an EndPoint. */
final class Channels {

    private Channels() {}

    /** {@return the EndPoint of the TCP connection itself, below TLS and PROXY protocol} */
    static EndPoint lowest(EndPoint endPoint) {
        EndPoint lowest = endPoint;
        while (lowest instanceof EndPoint.Wrapper wrapper) {
            lowest = wrapper.unwrap();
        }
        return lowest;
    }

    /** {@return the channel of a TCP connection, or {@code null} if it is something else} */
    static SocketChannel of(EndPoint endPoint) {
        return endPoint != null && lowest(endPoint).getTransport() instanceof SocketChannel channel ? channel : null;
    }
}
