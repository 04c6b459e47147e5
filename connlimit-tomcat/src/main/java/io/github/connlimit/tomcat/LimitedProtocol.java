package io.github.connlimit.tomcat;

import io.github.connlimit.ConnectionLimiter;

/** A protocol that limits connections at accept; what the Valve knows of it, whether NIO or NIO2. */
interface LimitedProtocol {

    /**
     * Makes the protocol count by the limiter of its Service, at once or from its start on.
     *
     * @throws IllegalStateException if the protocol runs already and has settings of its own
     */
    void useServiceLimiter(ConnectionLimiter limiter);
}
