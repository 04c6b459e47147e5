/**
 * One limit for each client over several nodes, by Redis or Valkey. It is enough that this module is on the class path, and
 * that {@link io.github.connlimit.ConnectionLimits#clusterUri()} says where the engine is.
 *
 * <p>Each client may have {@link io.github.connlimit.ConnectionLimits#freePerClient()} connections on each node, and more by
 * reservations, which the nodes ask for in the background.
 */
package io.github.connlimit.cluster;
