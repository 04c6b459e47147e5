package io.github.connlimit;

import java.util.Collections;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/**
 * The figures of a limiter at about one moment: each is right, but while connections come and go they need not be of
 * exactly the same instant. A total counts since the limiter was made.
 *
 * @param openConnections connections that are open and counted
 * @param pendingConnections open connections that have neither completed their handshake nor sent a first byte
 * @param streams open connections that are long-lived streams
 * @param clients clients with at least one open connection
 * @param largestClient how many connections the largest client has, without those that a rule exempts; no more than 65,536
 * @param admitted total of connections admitted, those of a dry run included
 * @param refusals totals of connections and streams refused, for each reason
 * @param timeOuts totals of connections closed because they were past a deadline, for each phase
 * @param dryRunRefusals totals of connections and streams that would have been refused but for the dry run
 * @param dryRunTimeOuts totals of connections that would have been closed but for the dry run
 * @param responded total of refused connections that were let in to be answered
 * @param tarpitOpen refused connections that are kept open now; they are not among the open connections
 * @param tarpitted total of refused connections that were kept open for a while
 * @param reset total of refused connections that were reset although {@link Refusal#RESPOND} or {@link Refusal#TARPIT} was
 *     asked for
 * @param unnamedClients total of connections and requests for which a trusted proxy named something else than an IP address;
 *     they count for the proxy
 * @param errors total of errors in connlimit and in code it called; the log has them
 * @param forgotten total of connections that had ended and still counted, as neither the server nor its adapter had reported
 *     the end. The sweep has given them back, after some ten seconds. It stays 0 unless one of the two has a fault, or the
 *     server has no thread left to report an end.
 * @param topClients the clients with most open connections, the largest first
 * @param topNetworks the networks with most of what their limits allow, the fullest first
 * @since 0.1.0
 */
public record LimiterSnapshot(
        long openConnections,
        long pendingConnections,
        long streams,
        long clients,
        int largestClient,
        long admitted,
        Map<RefusalReason, Long> refusals,
        Map<ConnectionPhase, Long> timeOuts,
        Map<RefusalReason, Long> dryRunRefusals,
        Map<ConnectionPhase, Long> dryRunTimeOuts,
        long responded,
        int tarpitOpen,
        long tarpitted,
        long reset,
        long unnamedClients,
        long errors,
        long forgotten,
        List<ClientUsage> topClients,
        List<NetworkUsage> topNetworks) {

    /**
     * Makes a snapshot. Keeps copies of the maps and the lists that cannot be changed.
     *
     * @param openConnections 0 or more
     * @param pendingConnections 0 or more
     * @param streams 0 or more
     * @param clients 0 or more
     * @param largestClient 0 or more
     * @param admitted 0 or more
     * @param refusals a reason that is missing counts 0
     * @param timeOuts a phase that is missing counts 0
     * @param dryRunRefusals a reason that is missing counts 0
     * @param dryRunTimeOuts a phase that is missing counts 0
     * @param responded 0 or more
     * @param tarpitOpen 0 or more
     * @param tarpitted 0 or more
     * @param reset 0 or more
     * @param unnamedClients 0 or more
     * @param errors 0 or more
     * @param forgotten 0 or more
     * @param topClients none {@code null}
     * @param topNetworks none {@code null}
     */
    public LimiterSnapshot {
        refusals = whole(RefusalReason.class, refusals);
        timeOuts = whole(ConnectionPhase.class, timeOuts);
        dryRunRefusals = whole(RefusalReason.class, dryRunRefusals);
        dryRunTimeOuts = whole(ConnectionPhase.class, dryRunTimeOuts);
        topClients = List.copyOf(topClients);
        topNetworks = List.copyOf(topNetworks);
    }

    private static <E extends Enum<E>> Map<E, Long> whole(Class<E> type, Map<E, Long> totals) {
        Map<E, Long> whole = new EnumMap<>(type);
        for (E constant : type.getEnumConstants()) {
            whole.put(constant, totals.getOrDefault(constant, 0L));
        }
        return Collections.unmodifiableMap(whole);
    }

    /** {@return total of connections refused because of {@link RefusalReason#CONNECTIONS}} */
    public long refused() {
        return refusals.get(RefusalReason.CONNECTIONS);
    }

    /** {@return total of connections refused because of {@link RefusalReason#PENDING}} */
    public long refusedPending() {
        return refusals.get(RefusalReason.PENDING);
    }

    /** {@return total of streams refused} */
    public long refusedStreams() {
        return refusals.get(RefusalReason.STREAMS);
    }

    /** {@return total of connections refused because of {@link RefusalReason#TOTAL}} */
    public long refusedTotal() {
        return refusals.get(RefusalReason.TOTAL);
    }

    /** {@return total of connections refused because of {@link RefusalReason#RATE}} */
    public long refusedRate() {
        return refusals.get(RefusalReason.RATE);
    }

    /** {@return total of connections refused because of {@link RefusalReason#NETWORK}} */
    public long refusedNetwork() {
        return refusals.get(RefusalReason.NETWORK);
    }

    /** {@return total of connections refused because of {@link RefusalReason#CLUSTER}} */
    public long refusedCluster() {
        return refusals.get(RefusalReason.CLUSTER);
    }

    /** {@return total of connections closed because they were past a deadline, in any phase} */
    public long timedOut() {
        return sum(timeOuts);
    }

    /** {@return total of connections and streams that would have been refused but for the dry run, for any reason} */
    public long dryRunRefused() {
        return sum(dryRunRefusals);
    }

    /** {@return total of connections that would have been closed but for the dry run, in any phase} */
    public long dryRunTimedOut() {
        return sum(dryRunTimeOuts);
    }

    private static long sum(Map<?, Long> totals) {
        return totals.values().stream().mapToLong(Long::longValue).sum();
    }
}
