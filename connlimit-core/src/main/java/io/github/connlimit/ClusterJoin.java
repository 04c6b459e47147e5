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

    /** Also those for whom there is no cluster. */
    private int memberships;

    /** Those for whom there is one. */
    private int members;

    /** {@code null} if there are no members. */
    private ClusterLimits joined;

    /**
     * @param provider {@code null} for the one on the class path, if there is a URI
     * @param use takes what the node has joined, if it is the first member
     * @return whether there is a cluster for this membership
     */
    boolean join(ClusterNode node, ClusterProvider provider, Consumer<ClusterLimits> use) {
        ConnectionLimits limits = node.limits();
        boolean member = provider != null || !limits.clusterUri().isEmpty();
        if (member && members == 0) {
            joined = (provider == null ? find(limits) : provider).join(node, limits.clusterUriWithPassword());
            use.accept(joined);
        }
        memberships++;
        members += member ? 1 : 0;
        return member;
    }

    private static ClusterProvider find(ConnectionLimits limits) {
        Optional<ClusterProvider> found = ServiceLoader.load(
                        ClusterProvider.class, ClusterProvider.class.getClassLoader())
                .findFirst();
        return found.orElseThrow(() ->
                Settings.CLUSTER_URI.notAllowed(limits.clusterUri(), "connlimit-cluster is not on the class path"));
    }

    /**
     * @param member whether there was a cluster for this membership
     * @return what there is to be closed, or {@code null}
     */
    ClusterLimits leave(boolean member) {
        memberships--;
        members -= member ? 1 : 0;
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
            if (memberships > 0 && !before.get(setting).equals(after.get(setting))) {
                throw setting.notAllowed(
                        after.toSettings().get(setting.key()),
                        "it cannot be changed while the server runs, and is "
                                + before.toSettings().get(setting.key()));
            }
        }
    }
}
