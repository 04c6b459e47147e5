package io.github.connlimit;

import java.util.List;

/**
 * The figures of a limiter at about one moment: each is right, but while connections come and go they need not be of
 * exactly the same instant. A total counts since the limiter was made.
 *
 * @param openConnections connections that are open and counted
 * @param clients clients with at least one open connection
 * @param admitted total of connections admitted, those of a dry run included
 * @param refused total of connections refused because of {@link RefusalReason#CONNECTIONS}
 * @param refusedPending total of connections refused because of {@link RefusalReason#PENDING}
 * @param refusedStreams total of streams refused
 * @param timedOut total of connections closed because their handshake or first byte did not come in time
 * @param dryRunRefused total of connections and streams that would have been refused but for the dry run
 * @param dryRunTimedOut total of connections that would have been closed but for the dry run
 * @param responded total of refused connections that were let in to be answered
 * @param reset total of refused connections that were reset although {@link Refusal#RESPOND} was asked for
 * @param topClients the clients with most open connections, the largest first
 * @since 0.1.0
 */
public record LimiterSnapshot(
        long openConnections,
        long clients,
        long admitted,
        long refused,
        long refusedPending,
        long refusedStreams,
        long timedOut,
        long dryRunRefused,
        long dryRunTimedOut,
        long responded,
        long reset,
        List<ClientUsage> topClients) {

    /**
     * Makes a snapshot. Keeps a copy of the list that cannot be changed.
     *
     * @param openConnections 0 or more
     * @param clients 0 or more
     * @param admitted 0 or more
     * @param refused 0 or more
     * @param refusedPending 0 or more
     * @param refusedStreams 0 or more
     * @param timedOut 0 or more
     * @param dryRunRefused 0 or more
     * @param dryRunTimedOut 0 or more
     * @param responded 0 or more
     * @param reset 0 or more
     * @param topClients none {@code null}
     */
    public LimiterSnapshot {
        topClients = List.copyOf(topClients);
    }
}
