package io.github.connlimit.cluster;

/** What clients may have on a node whose engine has not answered for as long as a lease lasts. */
enum OnClusterError {

    /** The whole limit on this node, as without a cluster. */
    LOCAL,

    /** What they may have without a reservation. */
    FREE
}
