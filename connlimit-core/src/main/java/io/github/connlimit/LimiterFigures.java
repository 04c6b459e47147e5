package io.github.connlimit;

import java.util.List;
import java.util.function.Supplier;

/** The figures of a limiter for JMX. This class is thread-safe. */
final class LimiterFigures implements ConnectionLimiterMXBean {

    private final ConnectionLimiter limiter;
    private final Supplier<LimiterSnapshot> snapshot;
    private final Supplier<ClusterSnapshot> cluster;

    /** The figures of the moment in which each is asked for. */
    LimiterFigures(ConnectionLimiter limiter) {
        this(limiter, () -> limiter.snapshot(0), () -> clusterOf(limiter));
    }

    private LimiterFigures(
            ConnectionLimiter limiter, Supplier<LimiterSnapshot> snapshot, Supplier<ClusterSnapshot> cluster) {
        this.limiter = limiter;
        this.snapshot = snapshot;
        this.cluster = cluster;
    }

    /** The figures of now, which fit each other. */
    static LimiterFigures ofNow(ConnectionLimiter limiter) {
        LimiterSnapshot snapshot = limiter.snapshot(0);
        ClusterSnapshot cluster = clusterOf(limiter);
        return new LimiterFigures(limiter, () -> snapshot, () -> cluster);
    }

    private static ClusterSnapshot clusterOf(ConnectionLimiter limiter) {
        return limiter.cluster().orElse(ClusterSnapshot.NONE);
    }

    @Override
    public long getOpenConnections() {
        return snapshot.get().openConnections();
    }

    @Override
    public long getPendingConnections() {
        return snapshot.get().pendingConnections();
    }

    @Override
    public long getStreams() {
        return snapshot.get().streams();
    }

    @Override
    public long getClients() {
        return snapshot.get().clients();
    }

    @Override
    public int getLargestClient() {
        return snapshot.get().largestClient();
    }

    @Override
    public long getAdmitted() {
        return snapshot.get().admitted();
    }

    @Override
    public long getRefused() {
        return snapshot.get().refused();
    }

    @Override
    public long getRefusedPending() {
        return snapshot.get().refusedPending();
    }

    @Override
    public long getRefusedStreams() {
        return snapshot.get().refusedStreams();
    }

    @Override
    public long getRefusedTotal() {
        return snapshot.get().refusedTotal();
    }

    @Override
    public long getRefusedRate() {
        return snapshot.get().refusedRate();
    }

    @Override
    public long getRefusedNetwork() {
        return snapshot.get().refusedNetwork();
    }

    @Override
    public long getRefusedCluster() {
        return snapshot.get().refusedCluster();
    }

    @Override
    public long getTimedOut() {
        return snapshot.get().timedOut();
    }

    @Override
    public long getTimedOutHandshake() {
        return snapshot.get().timeOuts().get(ConnectionPhase.HANDSHAKE);
    }

    @Override
    public long getTimedOutFirstByte() {
        return snapshot.get().timeOuts().get(ConnectionPhase.FIRST_BYTE);
    }

    @Override
    public long getTimedOutHeader() {
        return snapshot.get().timeOuts().get(ConnectionPhase.HEADER);
    }

    @Override
    public long getDryRunRefused() {
        return snapshot.get().dryRunRefused();
    }

    @Override
    public long getDryRunTimedOut() {
        return snapshot.get().dryRunTimedOut();
    }

    @Override
    public long getResponded() {
        return snapshot.get().responded();
    }

    @Override
    public int getTarpitOpen() {
        return snapshot.get().tarpitOpen();
    }

    @Override
    public long getTarpitted() {
        return snapshot.get().tarpitted();
    }

    @Override
    public long getReset() {
        return snapshot.get().reset();
    }

    @Override
    public long getUnnamedClients() {
        return limiter.snapshot(0).unnamedClients();
    }

    @Override
    public long getErrors() {
        return snapshot.get().errors();
    }

    @Override
    public long getForgotten() {
        return snapshot.get().forgotten();
    }

    @Override
    public boolean isClusterConnected() {
        return cluster.get().connected();
    }

    @Override
    public long getClusterMillisSinceLastAnswer() {
        return cluster.get().sinceLastAnswer().toMillis();
    }

    @Override
    public int getClusterReservations() {
        return cluster.get().reservations();
    }

    @Override
    public long getClusterReserved() {
        return cluster.get().reserved();
    }

    @Override
    public long getClusterRequests() {
        return cluster.get().requests();
    }

    @Override
    public long getClusterGranted() {
        return cluster.get().granted();
    }

    @Override
    public long getClusterDenied() {
        return cluster.get().denied();
    }

    @Override
    public long getClusterFailed() {
        return cluster.get().failed();
    }

    @Override
    public int getClusterAway() {
        return cluster.get().away();
    }

    @Override
    public List<Client> topClients(int count) {
        return limiter.snapshot(count).topClients().stream()
                .<Client>map(UsageView::new)
                .toList();
    }

    @Override
    public List<Network> topNetworks(int count) {
        return limiter.snapshot(count).topNetworks().stream()
                .<Network>map(NetworkView::new)
                .toList();
    }

    private record NetworkView(NetworkUsage usage) implements Network {

        @Override
        public String getAddresses() {
            return usage.network().toString();
        }

        @Override
        public int getOpenConnections() {
            return usage.openConnections();
        }

        @Override
        public int getLimit() {
            return usage.limit();
        }
    }

    private record UsageView(ClientUsage usage) implements Client {

        @Override
        public String getAddress() {
            return usage.client().toString();
        }

        @Override
        public int getOpenConnections() {
            return usage.openConnections();
        }

        @Override
        public int getPendingConnections() {
            return usage.pendingConnections();
        }

        @Override
        public int getStreams() {
            return usage.streams();
        }

        @Override
        public int getLimit() {
            return usage.limit();
        }
    }
}
