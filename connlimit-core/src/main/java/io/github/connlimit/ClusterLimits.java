package io.github.connlimit;

/**
 * Says what clients may have open on this node of a cluster. {@link ClusterProvider} makes one for each node. Implementations
 * are thread-safe.
 *
 * @since 0.1.0
 */
public interface ClusterLimits extends AutoCloseable {

    /**
     * Tells how many connections a client may have open on this node now. It is asked by threads that accept connections, for
     * clients that {@linkplain #usesHalf use half} of {@link ConnectionLimits#freeOf}, with locks held: it must not wait, nor call the
     * limiter. If it throws, the whole limit holds.
     *
     * @param client as {@link ConnectionLimits#clientOf} gives it
     * @param open how many it has open on this node
     * @param limit what it may have on all nodes together, 1 or more
     * @return 0 to {@code limit}
     */
    int allowed(Cidr client, int open, int limit);

    /**
     * {@return whether a client has used half of what it may have on a node, so that more should be asked for}
     *
     * @param open how many connections it has there
     * @param allowed how many it may have there
     */
    static boolean usesHalf(int open, int allowed) {
        return open >= allowed / 2;
    }

    /** {@return the figures of now} */
    ClusterSnapshot snapshot();

    /** Leaves the cluster: what is reserved is given back, or its lease ends. Does not wait. */
    @Override
    void close();
}
