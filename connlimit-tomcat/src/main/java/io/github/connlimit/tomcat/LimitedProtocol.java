package io.github.connlimit.tomcat;

import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionPermit;
import java.net.InetSocketAddress;
import java.util.Optional;

/** A protocol that limits connections at accept; what the Valve knows of it, whether NIO or NIO2. */
interface LimitedProtocol {

    /**
     * Makes the protocol count by the limiter of its Service, at once or from its start on.
     *
     * @throws IllegalStateException if the protocol runs already and has settings of its own
     */
    void useServiceLimiter(ConnectionLimiter limiter);

    /** The permit of an open connection, by its remote address. */
    Optional<ConnectionPermit> connectionPermit(InetSocketAddress remote);

    /** Runs the action when the connection with this remote address has ended; at once if it has. */
    void whenClosed(InetSocketAddress remote, Runnable action);
}
