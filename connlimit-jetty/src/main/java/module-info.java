/** Limits concurrent connections per client IP address in Jetty 12. */
module io.github.connlimit.jetty {
    requires transitive io.github.connlimit;
    requires transitive org.eclipse.jetty.server;

    // Only if the limiter is to be seen by JMX.
    requires static java.management;

    exports io.github.connlimit.jetty;
}
