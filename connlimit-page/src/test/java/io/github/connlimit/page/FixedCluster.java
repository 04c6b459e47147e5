package io.github.connlimit.page;

import io.github.connlimit.Cidr;
import io.github.connlimit.ClusterLimits;
import io.github.connlimit.ClusterProvider;
import io.github.connlimit.ClusterSnapshot;

/** A cluster that leaves the whole limit to this node, and has the figures that it is given. */
record FixedCluster(ClusterSnapshot snapshot) implements ClusterLimits {

    static ClusterProvider of(ClusterSnapshot snapshot) {
        return (node, uri) -> new FixedCluster(snapshot);
    }

    @Override
    public int allowed(Cidr client, int open, int limit) {
        return limit;
    }

    @Override
    public void close() {
        // Nothing is reserved.
    }
}
