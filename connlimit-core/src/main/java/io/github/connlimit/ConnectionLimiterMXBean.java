package io.github.connlimit;

import java.util.List;

/**
 * A {@link ConnectionLimiter} for JMX: figures to read, settings to read and write, each change in force at once. A bad
 * value is refused with {@link IllegalArgumentException} and changes nothing.
 */
public interface ConnectionLimiterMXBean {

    /** Connections that are open and counted. */
    long getOpenConnections();

    /** Clients with at least one open connection. */
    long getClients();

    /** Connections admitted since the limiter was made. */
    long getAdmitted();

    /** See {@link LimiterSnapshot#refused()}. */
    long getRefused();

    /** See {@link LimiterSnapshot#refusedPending()}. */
    long getRefusedPending();

    /** See {@link LimiterSnapshot#refusedStreams()}. */
    long getRefusedStreams();

    /** See {@link LimiterSnapshot#timedOut()}. */
    long getTimedOut();

    /** See {@link LimiterSnapshot#dryRunRefused()}. */
    long getDryRunRefused();

    /** See {@link LimiterSnapshot#dryRunTimedOut()}. */
    long getDryRunTimedOut();

    /** See {@link LimiterSnapshot#responded()}. */
    long getResponded();

    /** See {@link LimiterSnapshot#reset()}. */
    long getReset();

    /** See {@link ConnectionLimits#maxPerClient()}. */
    int getMaxPerClient();

    /** See {@link ConnectionLimits.Builder#maxPerClient}. */
    void setMaxPerClient(int connections);

    /** See {@link ConnectionLimits#rules()}; as text. */
    String getRules();

    /** See {@link ConnectionLimits.Builder#rules}. */
    void setRules(String rules);

    /** See {@link ConnectionLimits#ipv4Prefix()}. */
    int getIpv4Prefix();

    /** See {@link ConnectionLimits.Builder#ipv4Prefix}. */
    void setIpv4Prefix(int length);

    /** See {@link ConnectionLimits#ipv6Prefix()}. */
    int getIpv6Prefix();

    /** See {@link ConnectionLimits.Builder#ipv6Prefix}. */
    void setIpv6Prefix(int length);

    /** See {@link ConnectionLimits#refuse()}; in lower case. */
    String getRefuse();

    /** See {@link ConnectionLimits.Builder#refuse}. */
    void setRefuse(String refusal);

    /** See {@link ConnectionLimits#onError()}; in lower case. */
    String getOnError();

    /** See {@link ConnectionLimits.Builder#onError}. */
    void setOnError(String policy);

    /** See {@link ConnectionLimits#maxPendingPerClient()}. */
    int getMaxPendingPerClient();

    /** See {@link ConnectionLimits.Builder#maxPendingPerClient}. */
    void setMaxPendingPerClient(int connections);

    /** See {@link ConnectionLimits#reservedConnections()}. */
    int getReservedConnections();

    /** See {@link ConnectionLimits.Builder#reservedConnections}. */
    void setReservedConnections(int connections);

    /** See {@link ConnectionLimits#handshakeTimeout()}; as text, such as {@code 5000ms}. */
    String getHandshakeTimeout();

    /** See {@link ConnectionLimits.Builder#handshakeTimeout}; as text, such as {@code 5s}. */
    void setHandshakeTimeout(String timeout);

    /** See {@link ConnectionLimits#dryRun()}. */
    boolean isDryRun();

    /** See {@link ConnectionLimits.Builder#dryRun}. */
    void setDryRun(boolean only);

    /** See {@link ConnectionLimits#respondRate()}. */
    int getRespondRate();

    /** See {@link ConnectionLimits.Builder#respondRate}. */
    void setRespondRate(int perSecond);

    /** See {@link ConnectionLimits#respondBurst()}. */
    int getRespondBurst();

    /** See {@link ConnectionLimits.Builder#respondBurst}. */
    void setRespondBurst(int connections);

    /** See {@link ConnectionLimits#respondMaxOpen()}. */
    int getRespondMaxOpen();

    /** See {@link ConnectionLimits.Builder#respondMaxOpen}. */
    void setRespondMaxOpen(int connections);

    /**
     * The clients with most open connections, the largest first.
     *
     * @param count how many to name, 0 or more
     */
    List<Client> topClients(int count);

    /** What one client has open. */
    interface Client {

        /** The client: the block of addresses that counts as one. */
        String getAddress();

        /** How many connections it has open. */
        int getOpenConnections();

        /** How many of these have neither completed their handshake nor sent a first byte. */
        int getPendingConnections();

        /** How many of these are long-lived streams. */
        int getStreams();

        /** How many it may have open; 0 means any number. */
        int getLimit();
    }
}
