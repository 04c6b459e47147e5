package io.github.connlimit.cluster;

/**
 * What a node asks for.
 *
 * @param slice of the client
 * @param node a name that no other node has, and none has had before: letters, digits and hyphens
 * @param client as it is to be known by all nodes
 * @param number larger than that of each earlier request of this node
 * @param wanted connections at once, 0 to give all of them back. If it is less than what the node holds, the node must have
 *     ceased to use the rest
 * @param needed what it would miss if it had less; other nodes learn what is missing. At most what is wanted
 * @param least fewer are of no use to this node, 1 or more
 * @param held what the node has now, by an earlier reservation whose lease has not ended, or had until an engine that has
 *     forgotten everything gave it to another; at most what is wanted
 * @param limit what the client may have on all nodes together
 */
record ReservationRequest(
        int slice, String node, String client, long number, int wanted, int needed, int least, int held, int limit) {}
