package io.github.connlimit;

import java.util.List;

/**
 * The figures of a {@link ConnectionLimiter} for JMX. {@link ConnectionLimiter#mxBean()} has these and all settings as
 * attributes. This interface is what {@code JMX.newMXBeanProxy} takes; implementations are thread-safe.
 *
 * @since 0.1.0
 */
public interface ConnectionLimiterMXBean {

    /** {@return how many connections are open and counted} */
    long getOpenConnections();

    /** {@return see {@link LimiterSnapshot#pendingConnections()}} */
    long getPendingConnections();

    /** {@return see {@link LimiterSnapshot#streams()}} */
    long getStreams();

    /** {@return how many clients have at least one open connection} */
    long getClients();

    /** {@return see {@link LimiterSnapshot#largestClient()}} */
    int getLargestClient();

    /** {@return how many connections have been admitted since the limiter was made} */
    long getAdmitted();

    /** {@return see {@link LimiterSnapshot#refused()}} */
    long getRefused();

    /** {@return see {@link LimiterSnapshot#refusedPending()}} */
    long getRefusedPending();

    /** {@return see {@link LimiterSnapshot#refusedStreams()}} */
    long getRefusedStreams();

    /** {@return see {@link LimiterSnapshot#refusedTotal()}} */
    long getRefusedTotal();

    /** {@return see {@link LimiterSnapshot#refusedRate()}} */
    long getRefusedRate();

    /** {@return see {@link LimiterSnapshot#refusedNetwork()}} */
    long getRefusedNetwork();

    /** {@return see {@link LimiterSnapshot#refusedCluster()}} */
    long getRefusedCluster();

    /** {@return see {@link LimiterSnapshot#timedOut()}} */
    long getTimedOut();

    /** {@return how many of these were in {@link ConnectionPhase#HANDSHAKE}} */
    long getTimedOutHandshake();

    /** {@return how many of these were in {@link ConnectionPhase#FIRST_BYTE}} */
    long getTimedOutFirstByte();

    /** {@return how many of these were in {@link ConnectionPhase#HEADER}} */
    long getTimedOutHeader();

    /** {@return see {@link LimiterSnapshot#dryRunRefused()}} */
    long getDryRunRefused();

    /** {@return see {@link LimiterSnapshot#dryRunTimedOut()}} */
    long getDryRunTimedOut();

    /** {@return see {@link LimiterSnapshot#responded()}} */
    long getResponded();

    /** {@return see {@link LimiterSnapshot#tarpitOpen()}} */
    int getTarpitOpen();

    /** {@return see {@link LimiterSnapshot#tarpitted()}} */
    long getTarpitted();

    /** {@return see {@link LimiterSnapshot#reset()}} */
    long getReset();

    /** {@return see {@link LimiterSnapshot#unnamedClients()}} */
    long getUnnamedClients();

    /** {@return see {@link LimiterSnapshot#errors()}} */
    long getErrors();

    /** {@return see {@link LimiterSnapshot#forgotten()}} */
    long getForgotten();

    /** {@return see {@link ClusterSnapshot#connected()}; false without a cluster} */
    boolean isClusterConnected();

    /** {@return see {@link ClusterSnapshot#sinceLastAnswer()}, in milliseconds; 0 without a cluster} */
    long getClusterMillisSinceLastAnswer();

    /** {@return see {@link ClusterSnapshot#reservations()}; 0 without a cluster} */
    int getClusterReservations();

    /** {@return see {@link ClusterSnapshot#reserved()}; 0 without a cluster} */
    long getClusterReserved();

    /** {@return see {@link ClusterSnapshot#requests()}; 0 without a cluster} */
    long getClusterRequests();

    /** {@return see {@link ClusterSnapshot#granted()}; 0 without a cluster} */
    long getClusterGranted();

    /** {@return see {@link ClusterSnapshot#denied()}; 0 without a cluster} */
    long getClusterDenied();

    /** {@return see {@link ClusterSnapshot#failed()}; 0 without a cluster} */
    long getClusterFailed();

    /** {@return see {@link ClusterSnapshot#away()}; 0 without a cluster} */
    int getClusterAway();

    /**
     * {@return the clients with most open connections, the largest first}
     *
     * @param count how many to name, 0 or more
     */
    List<Client> topClients(int count);

    /**
     * {@return the networks with most of what their limits allow, the fullest first; none without
     * {@link ConnectionLimits#networkLimits()}}
     *
     * @param count how many to name, 0 or more
     */
    List<Network> topNetworks(int count);

    /**
     * What one client has open.
     *
     * @since 0.1.0
     */
    interface Client {

        /** {@return the client: the block of addresses that counts as one} */
        String getAddress();

        /** {@return how many connections it has open} */
        int getOpenConnections();

        /** {@return how many of these have neither completed their handshake nor sent a first byte} */
        int getPendingConnections();

        /** {@return how many of these are long-lived streams} */
        int getStreams();

        /** {@return how many it may have open; 0 means any number} */
        int getLimit();
    }

    /**
     * What the clients of one network have open.
     *
     * @since 0.1.0
     */
    interface Network {

        /** {@return the addresses of the network} */
        String getAddresses();

        /** {@return how many connections are open that count for it} */
        int getOpenConnections();

        /** {@return how many it may have open} */
        int getLimit();
    }
}
