package io.github.connlimit;

/**
 * What a cluster has to know of one of its nodes, which is a {@link ConnectionLimiter}. Implementations are thread-safe.
 *
 * @since 0.1.0
 */
public interface ClusterNode {

    /**
     * {@return how many connections a client has open on this node} Waits for decisions about it that are under way: what they
     * admit by what {@link ClusterLimits#allowed} said until now is in it. Not to be called from there.
     *
     * @param client as {@link ClusterLimits#allowed} gets it
     */
    int open(Cidr client);

    /** {@return the limits in force} */
    ConnectionLimits limits();

    /**
     * Logs an error, at most a few of the same kind in a minute, and counts it in {@link LimiterSnapshot#errors()}.
     *
     * @param what has failed
     * @param error why
     */
    void report(String what, Throwable error);
}
