package io.github.connlimit.cluster;

import io.github.connlimit.ClusterLimits;
import io.github.connlimit.ClusterNode;
import io.github.connlimit.ClusterProvider;
import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.lettuce.core.AbstractRedisClient;
import java.util.Objects;
import java.util.UUID;
import java.util.function.Supplier;

/**
 * Joins clusters by Redis or Valkey. Found by {@link java.util.ServiceLoader} where this module is on the class path, for
 * limits with a {@link ConnectionLimits#clusterUri()}. This class is thread-safe.
 *
 * @since 0.1.0
 */
public final class RedisClusterProvider implements ClusterProvider {

    /** {@code null} for one of its own, by the URI. */
    private final Supplier<? extends AbstractRedisClient> client;

    /** Makes a provider that connects to {@link ConnectionLimits#clusterUri()}. */
    public RedisClusterProvider() {
        client = null;
    }

    /**
     * Makes a provider that uses a client of the application, for {@link ConnectionLimiter#joinCluster(ClusterProvider)}. It
     * has a connection of its own, and never shuts the client down. Options of the client hold; how long it waits for an
     * answer, and what it does while it is not connected, does not matter.
     *
     * @param client asked for each connection, by a thread that may wait; gives a {@code RedisClusterClient}, or a
     *     {@code RedisClient} that was created with a URI
     */
    public RedisClusterProvider(Supplier<? extends AbstractRedisClient> client) {
        this.client = Objects.requireNonNull(client, "client");
    }

    /**
     * {@inheritDoc}
     *
     * @throws IllegalArgumentException if Lettuce cannot read the URI, unless there is a client of the application
     */
    @Override
    public ClusterLimits join(ClusterNode node, String uri) {
        ConnectionLimits limits = node.limits();
        String name = UUID.randomUUID().toString();
        RedisConnection connection = client == null ? connect(uri, limits) : RedisConnection.by(client);
        String engine = client == null ? limits.clusterUri() : "the Redis of the application";
        return ClusterMember.join(
                node, name, engine, new RedisReservationStore(connection, limits.clusterName(), limits.leaseTime()));
    }

    private static RedisConnection connect(String uri, ConnectionLimits limits) {
        try {
            return RedisConnection.to(uri);
        } catch (IllegalArgumentException unreadable) {
            // Without a cause: its message may have the password.
            throw new IllegalArgumentException("clusterUri: \"" + limits.clusterUri()
                    + "\" is not allowed; Lettuce cannot read it: redis://user:password@host:6379, several hosts for a"
                    + " Redis Cluster, redis-sentinel://host1,host2#name for Sentinel");
        }
    }
}
