package io.github.connlimit.cluster;

import io.github.connlimit.ClusterLimits;
import io.github.connlimit.ClusterNode;
import io.github.connlimit.ClusterProvider;
import io.github.connlimit.ConnectionLimits;
import java.util.UUID;

/**
 * Joins clusters by Redis or Valkey. Found by {@link java.util.ServiceLoader} where this module is on the class path, for
 * limits with a {@link ConnectionLimits#clusterUri()}. This class is thread-safe.
 *
 * @since 0.1.0
 */
public final class RedisClusterProvider implements ClusterProvider {

    /** Makes a provider, which connects to nothing yet. */
    public RedisClusterProvider() {}

    @Override
    public ClusterLimits join(ClusterNode node, String uri) {
        ConnectionLimits limits = node.limits();
        String name = UUID.randomUUID().toString();
        RedisConnection connection = connect(uri, limits);
        return ClusterMember.join(
                node, name, new RedisReservationStore(connection, limits.clusterName(), name, limits.leaseTime()));
    }

    private static RedisConnection connect(String uri, ConnectionLimits limits) {
        try {
            return RedisConnection.to(uri, ClusterCoordinator.patience(limits.leaseTime()));
        } catch (IllegalArgumentException unreadable) {
            // Without a cause: its message may have the password.
            throw new IllegalArgumentException("clusterUri: \"" + limits.clusterUri()
                    + "\" is not allowed; Lettuce cannot read it: redis://user:password@host:6379, several hosts for a"
                    + " Redis Cluster, redis-sentinel://host1,host2#name for Sentinel");
        }
    }
}
