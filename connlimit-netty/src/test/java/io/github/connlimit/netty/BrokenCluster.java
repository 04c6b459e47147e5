package io.github.connlimit.netty;

import io.github.connlimit.ClusterLimits;
import io.github.connlimit.ClusterNode;
import io.github.connlimit.ClusterProvider;

/** As one on a class path where something is missing that it needs, or has another version. */
public final class BrokenCluster implements ClusterProvider {

    @Override
    public ClusterLimits join(ClusterNode node, String uri) {
        throw new NoClassDefFoundError("io/lettuce/core/RedisClient");
    }
}
