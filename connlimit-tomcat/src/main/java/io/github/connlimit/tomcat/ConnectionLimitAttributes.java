package io.github.connlimit.tomcat;

import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionPhase;
import io.github.connlimit.LimiterSnapshot;

/**
 * The attributes that the protocols and the Valve of this package have in common, for {@code server.xml} and JMX: the
 * settings and the figures. Before the start, a setting is kept as it is given, and an invalid one keeps the component from
 * starting; from then on, a change is in force at once, or {@link IllegalArgumentException} is thrown and nothing has
 * changed.
 *
 * @since 0.1.0
 */
public interface ConnectionLimitAttributes extends SettingAttributes {

    /** {@return the limiter that counts, or {@code null} before the first start} */
    ConnectionLimiter getLimiter();

    /** {@return how many connections are open and counted, by all that the limiter counts for} */
    default long getOpenConnections() {
        return LimiterSettings.figure(getLimiter(), LimiterSnapshot::openConnections);
    }

    /** {@return how many open connections have neither completed their handshake nor sent a first byte} */
    default long getPendingConnections() {
        return LimiterSettings.figure(getLimiter(), LimiterSnapshot::pendingConnections);
    }

    /** {@return how many open connections are long-lived streams} */
    default long getStreams() {
        return LimiterSettings.figure(getLimiter(), LimiterSnapshot::streams);
    }

    /** {@return how many clients have at least one open connection} */
    default long getClients() {
        return LimiterSettings.figure(getLimiter(), LimiterSnapshot::clients);
    }

    /** {@return how many connections the largest client has that no rule exempts} */
    default long getLargestClient() {
        return LimiterSettings.figure(getLimiter(), LimiterSnapshot::largestClient);
    }

    /** {@return how many connections have been admitted since the limiter was made} */
    default long getAdmitted() {
        return LimiterSettings.figure(getLimiter(), LimiterSnapshot::admitted);
    }

    /** {@return how many connections have been refused because their client was at its limit} */
    default long getRefused() {
        return LimiterSettings.figure(getLimiter(), LimiterSnapshot::refused);
    }

    /** {@return how many connections have been refused because their client had too many pending} */
    default long getRefusedPending() {
        return LimiterSettings.figure(getLimiter(), LimiterSnapshot::refusedPending);
    }

    /** {@return how many streams have been refused} */
    default long getRefusedStreams() {
        return LimiterSettings.figure(getLimiter(), LimiterSnapshot::refusedStreams);
    }

    /** {@return how many connections have been refused because of {@code maxTotal}} */
    default long getRefusedTotal() {
        return LimiterSettings.figure(getLimiter(), LimiterSnapshot::refusedTotal);
    }

    /** {@return how many connections have been refused because of {@code maxRatePerClient}} */
    default long getRefusedRate() {
        return LimiterSettings.figure(getLimiter(), LimiterSnapshot::refusedRate);
    }

    /** {@return how many connections have been refused because of {@code networkLimits}} */
    default long getRefusedNetwork() {
        return LimiterSettings.figure(getLimiter(), LimiterSnapshot::refusedNetwork);
    }

    /** {@return how many connections have been refused because the other nodes of the cluster had the rest of the limit} */
    default long getRefusedCluster() {
        return LimiterSettings.figure(getLimiter(), LimiterSnapshot::refusedCluster);
    }

    /** {@return how many connections have been closed at a deadline} */
    default long getTimedOut() {
        return LimiterSettings.figure(getLimiter(), LimiterSnapshot::timedOut);
    }

    /** {@return how many of these did not complete their handshake in time} */
    default long getTimedOutHandshake() {
        return LimiterSettings.figure(getLimiter(), now -> now.timeOuts().get(ConnectionPhase.HANDSHAKE));
    }

    /** {@return how many of these did not send a first byte in time} */
    default long getTimedOutFirstByte() {
        return LimiterSettings.figure(getLimiter(), now -> now.timeOuts().get(ConnectionPhase.FIRST_BYTE));
    }

    /** {@return how many of these did not complete a header in time} */
    default long getTimedOutHeader() {
        return LimiterSettings.figure(getLimiter(), now -> now.timeOuts().get(ConnectionPhase.HEADER));
    }

    /** {@return how many connections and streams would have been refused but for the dry run} */
    default long getDryRunRefused() {
        return LimiterSettings.figure(getLimiter(), LimiterSnapshot::dryRunRefused);
    }

    /** {@return how many connections would have been closed at a deadline but for the dry run} */
    default long getDryRunTimedOut() {
        return LimiterSettings.figure(getLimiter(), LimiterSnapshot::dryRunTimedOut);
    }

    /** {@return how many refused connections were let in to be answered} */
    default long getResponded() {
        return LimiterSettings.figure(getLimiter(), LimiterSnapshot::responded);
    }

    /** {@return how many refused connections are kept open now} */
    default long getTarpitOpen() {
        return LimiterSettings.figure(getLimiter(), LimiterSnapshot::tarpitOpen);
    }

    /** {@return how many refused connections were kept open for a while} */
    default long getTarpitted() {
        return LimiterSettings.figure(getLimiter(), LimiterSnapshot::tarpitted);
    }

    /** {@return how many refused connections were reset because there was no room to answer or to hold them} */
    default long getReset() {
        return LimiterSettings.figure(getLimiter(), LimiterSnapshot::reset);
    }

    /**
     * {@return for how many connections and requests a trusted proxy named something else than an IP address; they count for
     * the proxy}
     */
    default long getUnnamedClients() {
        return LimiterSettings.figure(getLimiter(), LimiterSnapshot::unnamedClients);
    }

    /** {@return how many errors there were in connlimit and in code it called; the log has them} */
    default long getErrors() {
        return LimiterSettings.figure(getLimiter(), LimiterSnapshot::errors);
    }

    /** {@return how many connections had ended and still counted, until the sweep found them: a fault of Tomcat or connlimit} */
    default long getForgotten() {
        return LimiterSettings.figure(getLimiter(), LimiterSnapshot::forgotten);
    }

    /** {@return whether the Redis or Valkey of the cluster has done all that it was asked for lately; false without a cluster} */
    default boolean isClusterConnected() {
        return LimiterSettings.cluster(getLimiter()).connected();
    }

    /** {@return how long ago it did for the last time, in milliseconds} */
    default long getClusterMillisSinceLastAnswer() {
        return LimiterSettings.cluster(getLimiter()).sinceLastAnswer().toMillis();
    }

    /** {@return for how many clients this node has a reservation, or wants one} */
    default int getClusterReservations() {
        return LimiterSettings.cluster(getLimiter()).reservations();
    }

    /** {@return how many connections these reservations allow} */
    default long getClusterReserved() {
        return LimiterSettings.cluster(getLimiter()).reserved();
    }

    /** {@return how many requests for a reservation there were, renewals included} */
    default long getClusterRequests() {
        return LimiterSettings.cluster(getLimiter()).requests();
    }

    /** {@return how many of these gave this node more than it had} */
    default long getClusterGranted() {
        return LimiterSettings.cluster(getLimiter()).granted();
    }

    /** {@return how many of these gave it nothing more, though it wanted more} */
    default long getClusterDenied() {
        return LimiterSettings.cluster(getLimiter()).denied();
    }

    /** {@return how many requests for a reservation were not answered in time, or with an error} */
    default long getClusterFailed() {
        return LimiterSettings.cluster(getLimiter()).failed();
    }

    /** {@return for how many clients onClusterError holds} */
    default int getClusterAway() {
        return LimiterSettings.cluster(getLimiter()).away();
    }

    /**
     * {@return the clients with most open connections, the largest first, one text each}
     *
     * @param count how many to name, 0 or more
     */
    default String[] topClients(int count) {
        return LimiterSettings.topClients(getLimiter(), count);
    }

    /**
     * {@return the networks with most of what {@code networkLimits} allows, the fullest first, one text each}
     *
     * @param count how many to name, 0 or more
     */
    default String[] topNetworks(int count) {
        return LimiterSettings.topNetworks(getLimiter(), count);
    }
}
