package io.github.connlimit;

import java.util.List;

/**
 * The figures of a limiter at about one moment: each is right, but while connections come and go they need not be of
 * exactly the same instant.
 *
 * @param openConnections connections that are open and counted
 * @param clients clients with at least one open connection
 * @param admitted connections admitted since the limiter was made
 * @param refused connections refused since the limiter was made
 * @param topClients the clients with most open connections, the largest first
 */
public record LimiterSnapshot(
        long openConnections, long clients, long admitted, long refused, List<ClientUsage> topClients) {

    /** Keeps a copy of the list that cannot be changed. */
    public LimiterSnapshot {
        topClients = List.copyOf(topClients);
    }
}
