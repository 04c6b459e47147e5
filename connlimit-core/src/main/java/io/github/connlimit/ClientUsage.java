package io.github.connlimit;

import java.util.Objects;

/**
 * What one client had open at some moment.
 *
 * @param client the client: an address, or the block of addresses that counts as one client
 * @param openConnections how many connections it had open
 * @param pendingConnections how many of these had neither completed their handshake nor sent a first byte
 * @param streams how many of these were long-lived streams
 * @param limit how many connections it may have open; 0 means any number
 */
public record ClientUsage(Cidr client, int openConnections, int pendingConnections, int streams, int limit) {

    /** Checks that the client is not null. */
    public ClientUsage {
        Objects.requireNonNull(client, "client");
    }
}
