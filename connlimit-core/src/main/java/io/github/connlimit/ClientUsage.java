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
 * @since 0.1.0
 */
public record ClientUsage(Cidr client, int openConnections, int pendingConnections, int streams, int limit) {

    /**
     * Makes the usage of a client.
     *
     * @param client not {@code null}
     * @param openConnections 0 or more
     * @param pendingConnections 0 or more
     * @param streams 0 or more
     * @param limit 0 or more
     */
    public ClientUsage {
        Objects.requireNonNull(client, "client");
    }
}
