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

    /** Connections refused since the limiter was made. */
    long getRefused();

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

        /** How many it may have open; 0 means any number. */
        int getLimit();
    }
}
