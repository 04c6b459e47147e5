package io.github.connlimit;

/**
 * Which limit a refused connection or stream would have exceeded.
 *
 * @since 0.1.0
 */
public enum RefusalReason {

    /** The limit of the client's connections: {@link ConnectionLimits#maxPerClient()} or a rule. */
    CONNECTIONS("connections over the limit"),

    /** The limit of its connections that have proved nothing yet: {@link ConnectionLimits#maxPendingPerClient()}. */
    PENDING("pending connections over the limit"),

    /** The limit of its streams, which leaves {@link ConnectionLimits#reservedConnections()} free. */
    STREAMS("streams over the limit"),

    /** The limit of all connections together: {@link ConnectionLimits#maxTotal()}. */
    TOTAL("connections in all over the limit"),

    /** The limit of how many connections the client opens in a time: {@link ConnectionLimits#maxRatePerClient()} or a rule. */
    RATE("connections over the rate"),

    /** The limit of all connections of one of the client's networks: {@link ConnectionLimits#networkLimits()}. */
    NETWORK("connections over the limit of their network"),

    /**
     * What the client may have on this node of a cluster, while other nodes have the rest of its limit or have not answered
     * yet; see {@link ConnectionLimits#clusterUri()}.
     */
    CLUSTER("connections over what the cluster leaves to this node");

    private final String what;

    RefusalReason(String what) {
        this.what = what;
    }

    /** {@return what was refused, in the plural, for the log} */
    String what() {
        return what;
    }
}
