/**
 * Limits concurrent connections per client IP address. Needs nothing but {@code java.base}. The view for JMX needs
 * {@code java.management}, the events for Flight Recorder {@code jdk.jfr}; both may be absent.
 */
module io.github.connlimit {
    requires static transitive java.management;
    requires static jdk.jfr;

    exports io.github.connlimit;

    uses io.github.connlimit.ClusterProvider;
}
