package io.github.connlimit;

import java.util.List;

/** Expected figures, for tests in which nothing is pending, streamed, timed out or answered. */
final class Figured {

    private Figured() {}

    static LimiterSnapshot snapshot(
            long openConnections, long clients, long admitted, long refused, List<ClientUsage> topClients) {
        return new LimiterSnapshot(openConnections, clients, admitted, refused, 0, 0, 0, 0, 0, 0, 0, topClients);
    }

    static ClientUsage usage(Cidr client, int openConnections, int limit) {
        return new ClientUsage(client, openConnections, 0, 0, limit);
    }
}
