/**
 * Limits concurrent connections per client IP address. Needs nothing but {@code java.base}; only the view for JMX needs
 * {@code java.management}.
 */
module io.github.connlimit {
    requires static transitive java.management;

    exports io.github.connlimit;
}
