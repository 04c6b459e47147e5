package io.github.connlimit;

/**
 * What a client may have on a node of a cluster whose reservations have ended because it cannot renew them.
 *
 * @since 0.1.0
 */
public enum ClusterErrorPolicy {

    /** Its whole limit on this node, as without a cluster. */
    LOCAL,

    /** {@link ConnectionLimits#freePerClient()}. */
    FREE
}
