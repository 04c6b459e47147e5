/** One limit over several nodes, by reservations in an engine that they share. Not complete: nothing uses it yet. */
package io.github.connlimit.cluster;
