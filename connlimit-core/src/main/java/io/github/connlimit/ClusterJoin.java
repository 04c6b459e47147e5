package io.github.connlimit;

import java.util.List;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.function.Consumer;

/** Whether a limiter is a node of a cluster. Its methods are for the holder of the lock of changes only. */
final class ClusterJoin {

    /** What a node has joined by. */
    private static final List<Settings> FIXED =
            List.of(Settings.CLUSTER_URI, Settings.CLUSTER_NAME, Settings.LEASE_TIME);

    private int members;

    /** {@code null} if there are no members, or no URI. */
    private ClusterLimits joined;

    /**
     * @param provider {@code null} for the one on the class path
     * @param use takes what the node has joined, if it is the first member
     */
    void join(ClusterNode node, ClusterProvider provider, Consumer<ClusterLimits> use) {
        ConnectionLimits limits = node.limits();
        if (members == 0 && !limits.clusterUri().isEmpty()) {
            joined = (provider == null ? find(limits) : provider).join(node, limits.clusterUriWithPassword());
            use.accept(joined);
        }
        members++;
    }

    private static ClusterProvider find(ConnectionLimits limits) {
        Optional<ClusterProvider> found = ServiceLoader.load(
                        ClusterProvider.class, ClusterProvider.class.getClassLoader())
                .findFirst();
        return found.orElseThrow(() ->
                Settings.CLUSTER_URI.notAllowed(limits.clusterUri(), "connlimit-cluster is not on the class path"));
    }

    /** @return what there is to be closed, or {@code null} */
    ClusterLimits leave() {
        members--;
        if (members > 0) {
            return null;
        }
        ClusterLimits left = joined;
        joined = null;
        return left;
    }

    /** @throws IllegalArgumentException if the change is of something that a node has joined by */
    void check(ConnectionLimits before, ConnectionLimits after) {
        for (Settings setting : FIXED) {
            if (members > 0 && !before.get(setting).equals(after.get(setting))) {
                throw setting.notAllowed(
                        after.get(setting),
                        "it cannot be changed while the server runs, and is " + before.get(setting));
            }
        }
    }
}
