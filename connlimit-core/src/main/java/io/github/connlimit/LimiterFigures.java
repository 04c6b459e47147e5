package io.github.connlimit;

import java.util.List;

/** The figures of a limiter for JMX. This class is thread-safe. */
final class LimiterFigures implements ConnectionLimiterMXBean {

    private final ConnectionLimiter limiter;

    LimiterFigures(ConnectionLimiter limiter) {
        this.limiter = limiter;
    }

    @Override
    public long getOpenConnections() {
        return limiter.snapshot(0).openConnections();
    }

    @Override
    public long getPendingConnections() {
        return limiter.snapshot(0).pendingConnections();
    }

    @Override
    public long getStreams() {
        return limiter.snapshot(0).streams();
    }

    @Override
    public long getClients() {
        return limiter.snapshot(0).clients();
    }

    @Override
    public int getLargestClient() {
        return limiter.snapshot(0).largestClient();
    }

    @Override
    public long getAdmitted() {
        return limiter.snapshot(0).admitted();
    }

    @Override
    public long getRefused() {
        return limiter.snapshot(0).refused();
    }

    @Override
    public long getRefusedPending() {
        return limiter.snapshot(0).refusedPending();
    }

    @Override
    public long getRefusedStreams() {
        return limiter.snapshot(0).refusedStreams();
    }

    @Override
    public long getRefusedTotal() {
        return limiter.snapshot(0).refusedTotal();
    }

    @Override
    public long getRefusedRate() {
        return limiter.snapshot(0).refusedRate();
    }

    @Override
    public long getRefusedNetwork() {
        return limiter.snapshot(0).refusedNetwork();
    }

    @Override
    public long getRefusedCluster() {
        return limiter.snapshot(0).refusedCluster();
    }

    @Override
    public long getTimedOut() {
        return limiter.snapshot(0).timedOut();
    }

    @Override
    public long getTimedOutHandshake() {
        return limiter.snapshot(0).timeOuts().get(ConnectionPhase.HANDSHAKE);
    }

    @Override
    public long getTimedOutFirstByte() {
        return limiter.snapshot(0).timeOuts().get(ConnectionPhase.FIRST_BYTE);
    }

    @Override
    public long getTimedOutHeader() {
        return limiter.snapshot(0).timeOuts().get(ConnectionPhase.HEADER);
    }

    @Override
    public long getDryRunRefused() {
        return limiter.snapshot(0).dryRunRefused();
    }

    @Override
    public long getDryRunTimedOut() {
        return limiter.snapshot(0).dryRunTimedOut();
    }

    @Override
    public long getResponded() {
        return limiter.snapshot(0).responded();
    }

    @Override
    public int getTarpitOpen() {
        return limiter.snapshot(0).tarpitOpen();
    }

    @Override
    public long getTarpitted() {
        return limiter.snapshot(0).tarpitted();
    }

    @Override
    public long getReset() {
        return limiter.snapshot(0).reset();
    }

    @Override
    public long getErrors() {
        return limiter.snapshot(0).errors();
    }

    @Override
    public long getForgotten() {
        return limiter.snapshot(0).forgotten();
    }

    @Override
    public boolean isClusterConnected() {
        return cluster().connected();
    }

    @Override
    public long getClusterMillisSinceLastAnswer() {
        return cluster().sinceLastAnswer().toMillis();
    }

    @Override
    public int getClusterReservations() {
        return cluster().reservations();
    }

    @Override
    public long getClusterReserved() {
        return cluster().reserved();
    }

    @Override
    public long getClusterRequests() {
        return cluster().requests();
    }

    @Override
    public long getClusterGranted() {
        return cluster().granted();
    }

    @Override
    public long getClusterDenied() {
        return cluster().denied();
    }

    private ClusterSnapshot cluster() {
        return limiter.cluster().orElse(ClusterSnapshot.NONE);
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
