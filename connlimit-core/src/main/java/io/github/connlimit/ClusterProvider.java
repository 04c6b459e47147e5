package io.github.connlimit;

/**
 * Makes a {@link ConnectionLimiter} one of several nodes that hold their limits together. The one of connlimit-cluster is found
 * by {@link java.util.ServiceLoader}; {@link ConnectionLimiter#joinCluster(ClusterProvider)} takes any other.
 *
 * @since 0.1.0
 */
public interface ClusterProvider {

    /**
     * Joins the cluster, without waiting for the network.
     *
     * @param node this one
     * @param uri {@link ConnectionLimits#clusterUri()} with its password, which is not to be shown to anybody; empty if there is
     *     none
     * @return what clients may have, until it is closed
     * @throws IllegalArgumentException if there can be no such cluster, with a message that names the setting and the value
     */
    ClusterLimits join(ClusterNode node, String uri);
}
