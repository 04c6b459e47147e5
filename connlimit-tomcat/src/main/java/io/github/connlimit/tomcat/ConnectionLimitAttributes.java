package io.github.connlimit.tomcat;

import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.LimiterSnapshot;

/**
 * The attributes that the protocols and the Valve of this package have in common, for {@code server.xml} and JMX: each
 * setting of {@link ConnectionLimits} as text, by its name, and the figures. Before the start, a setting is kept as it
 * is given, and one that is not allowed keeps the component from being started; from then on, it is in force at once, or
 * {@link IllegalArgumentException} is thrown and nothing has changed.
 */
public interface ConnectionLimitAttributes {

    /** What counts, or {@code null} before the first start. */
    ConnectionLimiter getLimiter();

    /** The text of the setting with this name, or {@code null} if there is none. */
    String getProperty(String name);

    /**
     * Sets the setting with this name.
     *
     * @return whether there is one
     */
    boolean setProperty(String name, String value);

    /** See {@link ConnectionLimits#maxPerClient()}. */
    default String getMaxPerClient() {
        return getProperty("maxPerClient");
    }

    /** See {@link ConnectionLimits.Builder#maxPerClient}. */
    default void setMaxPerClient(String connections) {
        setProperty("maxPerClient", connections);
    }

    /** See {@link ConnectionLimits#rules()}. */
    default String getRules() {
        return getProperty("rules");
    }

    /** See {@link ConnectionLimits.Builder#rules}. */
    default void setRules(String rules) {
        setProperty("rules", rules);
    }

    /** See {@link ConnectionLimits#ipv4Prefix()}. */
    default String getIpv4Prefix() {
        return getProperty("ipv4Prefix");
    }

    /** See {@link ConnectionLimits.Builder#ipv4Prefix}. */
    default void setIpv4Prefix(String length) {
        setProperty("ipv4Prefix", length);
    }

    /** See {@link ConnectionLimits#ipv6Prefix()}. */
    default String getIpv6Prefix() {
        return getProperty("ipv6Prefix");
    }

    /** See {@link ConnectionLimits.Builder#ipv6Prefix}. */
    default void setIpv6Prefix(String length) {
        setProperty("ipv6Prefix", length);
    }

    /** See {@link ConnectionLimits#refuse()}. */
    default String getRefuse() {
        return getProperty("refuse");
    }

    /** See {@link ConnectionLimits.Builder#refuse}. */
    default void setRefuse(String how) {
        setProperty("refuse", how);
    }

    /** See {@link ConnectionLimits#onError()}. */
    default String getOnError() {
        return getProperty("onError");
    }

    /** See {@link ConnectionLimits.Builder#onError}. */
    default void setOnError(String policy) {
        setProperty("onError", policy);
    }

    /** See {@link ConnectionLimits#maxPendingPerClient()}. */
    default String getMaxPendingPerClient() {
        return getProperty("maxPendingPerClient");
    }

    /** See {@link ConnectionLimits.Builder#maxPendingPerClient}. */
    default void setMaxPendingPerClient(String connections) {
        setProperty("maxPendingPerClient", connections);
    }

    /** See {@link ConnectionLimits#reservedConnections()}. */
    default String getReservedConnections() {
        return getProperty("reservedConnections");
    }

    /** See {@link ConnectionLimits.Builder#reservedConnections}. */
    default void setReservedConnections(String connections) {
        setProperty("reservedConnections", connections);
    }

    /** See {@link ConnectionLimits#handshakeTimeout()}. */
    default String getHandshakeTimeout() {
        return getProperty("handshakeTimeout");
    }

    /** See {@link ConnectionLimits.Builder#handshakeTimeout}. */
    default void setHandshakeTimeout(String timeout) {
        setProperty("handshakeTimeout", timeout);
    }

    /** See {@link ConnectionLimits#dryRun()}. */
    default String getDryRun() {
        return getProperty("dryRun");
    }

    /** See {@link ConnectionLimits.Builder#dryRun}. */
    default void setDryRun(String only) {
        setProperty("dryRun", only);
    }

    /** See {@link ConnectionLimits#respondRate()}. */
    default String getRespondRate() {
        return getProperty("respondRate");
    }

    /** See {@link ConnectionLimits.Builder#respondRate}. */
    default void setRespondRate(String perSecond) {
        setProperty("respondRate", perSecond);
    }

    /** See {@link ConnectionLimits#respondBurst()}. */
    default String getRespondBurst() {
        return getProperty("respondBurst");
    }

    /** See {@link ConnectionLimits.Builder#respondBurst}. */
    default void setRespondBurst(String connections) {
        setProperty("respondBurst", connections);
    }

    /** See {@link ConnectionLimits#respondMaxOpen()}. */
    default String getRespondMaxOpen() {
        return getProperty("respondMaxOpen");
    }

    /** See {@link ConnectionLimits.Builder#respondMaxOpen}. */
    default void setRespondMaxOpen(String connections) {
        setProperty("respondMaxOpen", connections);
    }

    /** Connections that are open and counted, by all that the limiter counts for. */
    default long getOpenConnections() {
        return LimiterSettings.figure(getLimiter(), LimiterSnapshot::openConnections);
    }

    /** Clients with at least one open connection. */
    default long getClients() {
        return LimiterSettings.figure(getLimiter(), LimiterSnapshot::clients);
    }

    /** Connections admitted since the limiter was made. */
    default long getAdmitted() {
        return LimiterSettings.figure(getLimiter(), LimiterSnapshot::admitted);
    }

    /** Connections refused since the limiter was made, as their client had as many as it may have. */
    default long getRefused() {
        return LimiterSettings.figure(getLimiter(), LimiterSnapshot::refused);
    }

    /** Connections refused since the limiter was made, as their client had too many pending. */
    default long getRefusedPending() {
        return LimiterSettings.figure(getLimiter(), LimiterSnapshot::refusedPending);
    }

    /** Streams refused since the limiter was made. */
    default long getRefusedStreams() {
        return LimiterSettings.figure(getLimiter(), LimiterSnapshot::refusedStreams);
    }

    /** Connections closed since the limiter was made, as they had not done in time what they had to do. */
    default long getTimedOut() {
        return LimiterSettings.figure(getLimiter(), LimiterSnapshot::timedOut);
    }

    /** Connections and streams that would have been refused but for the dry run. */
    default long getDryRunRefused() {
        return LimiterSettings.figure(getLimiter(), LimiterSnapshot::dryRunRefused);
    }

    /** Connections that would have been closed at their deadline but for the dry run. */
    default long getDryRunTimedOut() {
        return LimiterSettings.figure(getLimiter(), LimiterSnapshot::dryRunTimedOut);
    }

    /** Refused connections that were let in so far as to be answered. */
    default long getResponded() {
        return LimiterSettings.figure(getLimiter(), LimiterSnapshot::responded);
    }

    /** Refused connections that were reset although they should have been answered. */
    default long getReset() {
        return LimiterSettings.figure(getLimiter(), LimiterSnapshot::reset);
    }

    /**
     * The clients with most open connections, the largest first, one text each.
     *
     * @param count how many to name, 0 or more
     */
    default String[] topClients(int count) {
        return LimiterSettings.topClients(getLimiter(), count);
    }
}
