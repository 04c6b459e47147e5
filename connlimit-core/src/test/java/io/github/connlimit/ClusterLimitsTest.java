package io.github.connlimit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.net.InetAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What a cluster has to say, and how the limiter takes it. */
class ClusterLimitsTest {

    private static final InetAddress PEER = Addresses.ip("192.0.2.1");
    private static final InetAddress OTHER = Addresses.ip("192.0.2.2");
    private static final Cidr CLIENT = Cidr.parse("192.0.2.1/32");

    private final RecordedLimits cluster = new RecordedLimits();
    private final RecordingLogger logger = new RecordingLogger();
    private final ConnectionLimiter limiter = new ConnectionLimiter(
            ConnectionLimits.builder()
                    .maxPerClient(100)
                    .clusterUri("redis://user:secret@192.0.2.9")
                    .build(),
            System::nanoTime,
            logger);
    private final List<ConnectionPermit> permits = new ArrayList<>();

    /** Lets each client have what it is told. */
    private static final class RecordedLimits implements ClusterLimits, ClusterProvider {

        private final Map<Cidr, Integer> allowed = new ConcurrentHashMap<>();
        private final List<String> asked = new ArrayList<>();
        private ClusterNode node;
        private String uri;
        private int joined;
        private int closed;
        private RuntimeException error;

        @Override
        public ClusterLimits join(ClusterNode node, String uri) {
            this.node = node;
            this.uri = uri;
            joined++;
            return this;
        }

        @Override
        public int allowed(Cidr client, int open, int limit) {
            asked.add(client + " " + open + "/" + limit);
            if (error != null) {
                throw error;
            }
            return allowed.getOrDefault(client, 10);
        }

        @Override
        public ClusterSnapshot snapshot() {
            return new ClusterSnapshot(true, Duration.ofMillis(7), 1, 2, 3, 4, 5, 6, 7);
        }

        @Override
        public void close() {
            closed++;
        }
    }

    private int open(InetAddress peer, int attempts) {
        int before = permits.size();
        for (int i = 0; i < attempts; i++) {
            limiter.tryAcquire(peer).ifPresent(permits::add);
        }
        return permits.size() - before;
    }

    @AfterEach
    void nothingStays() {
        permits.forEach(ConnectionPermit::close);
        assertThat(limiter.snapshot().openConnections()).isZero();
        assertThat(limiter.snapshot().clients()).isZero();
    }

    @Test
    void halfIsUsedFromTheSmallerHalfOn() {
        assertThat(ClusterLimits.usesHalf(4, 9)).isTrue();
        assertThat(ClusterLimits.usesHalf(3, 9)).isFalse();
        assertThat(ClusterLimits.usesHalf(4, 8)).isTrue();
        assertThat(ClusterLimits.usesHalf(3, 8)).isFalse();
    }

    @Test
    void aClientHasWhatTheClusterAllows() {
        limiter.joinCluster(cluster);
        assertThat(cluster.uri).isEqualTo("redis://user:secret@192.0.2.9");
        assertThat(open(PEER, 20)).isEqualTo(10);
        assertThat(limiter.snapshot().refusedCluster()).isEqualTo(10);
        cluster.allowed.put(CLIENT, 30);
        assertThat(open(PEER, 30)).isEqualTo(20);
        cluster.allowed.put(CLIENT, 1000);
        assertThat(open(PEER, 100)).isEqualTo(70);
        assertThat(limiter.snapshot().refused()).isEqualTo(30);
        assertThat(open(OTHER, 20)).isEqualTo(10);
        assertThat(cluster.node.open(CLIENT)).isEqualTo(100);
        assertThat(cluster.node.open(Cidr.parse("192.0.2.3/32"))).isZero();
        assertThat(cluster.node.limits()).isSameAs(limiter.limits());
        assertThat(limiter.cluster()).contains(cluster.snapshot());
    }

    @Test
    void aClientThatIsNeitherLimitedNorNearWhatIsFreeIsNotAskedAbout() {
        limiter.joinCluster(cluster);
        assertThat(open(PEER, 5)).isEqualTo(5);
        assertThat(cluster.asked).isEmpty();
        limiter.reconfigure(limits -> limits.toBuilder().exempt("192.0.2.2").build());
        assertThat(open(OTHER, 200)).isEqualTo(200);
        limiter.reconfigure(limits -> limits.toBuilder().limit("192.0.2.3", 8).build());
        assertThat(open(Addresses.ip("192.0.2.3"), 20)).isEqualTo(8);
        assertThat(cluster.asked).isEmpty();
        assertThat(open(PEER, 1)).isEqualTo(1);
        assertThat(cluster.asked).isNotEmpty().containsOnly("192.0.2.1/32 5/100");
    }

    @Test
    void anErrorOfTheClusterLeavesTheLimitOfTheNode() {
        limiter.joinCluster(cluster);
        cluster.error = new IllegalStateException("on purpose");
        assertThat(open(PEER, 150)).isEqualTo(100);
        assertThat(limiter.snapshot().errors()).isPositive();
        assertThat(logger.messages()).anyMatch(message -> message.contains("the limit holds for this node alone"));
    }

    @Test
    void inADryRunTheClusterIsReportedAndAdmits() {
        limiter.joinCluster(cluster);
        limiter.reconfigure(limits -> limits.toBuilder().dryRun(true).build());
        assertThat(open(PEER, 20)).isEqualTo(20);
        assertThat(limiter.snapshot().dryRunRefusals()).containsEntry(RefusalReason.CLUSTER, 10L);
    }

    @Test
    void isNotEnforcedBelowEnforceAbove() {
        limiter.joinCluster(cluster);
        limiter.reconfigure(limits -> limits.toBuilder().enforceAbove(15).build());
        assertThat(open(PEER, 20)).isEqualTo(15);
        assertThat(limiter.snapshot().refusedCluster()).isEqualTo(5);
    }

    @Test
    void streamsLeaveTheSamePartOfItFree() {
        limiter.joinCluster(cluster);
        limiter.reconfigure(limits -> limits.toBuilder().reservedConnections(30).build());
        assertThat(open(PEER, 10)).isEqualTo(10);
        assertThat(permits.stream().filter(permit -> permit.tryBeginStream().isPresent()))
                .hasSize(7);
        assertThat(limiter.snapshot().refusedStreams()).isEqualTo(3);
        cluster.allowed.put(CLIENT, 100);
        assertThat(open(PEER, 90)).isEqualTo(90);
        assertThat(permits.stream()
                        .skip(10)
                        .filter(permit -> permit.tryBeginStream().isPresent()))
                .hasSize(63);
    }

    @Test
    void thatPartIsRoundedDown() {
        limiter.joinCluster(cluster);
        limiter.reconfigure(limits -> limits.toBuilder().reservedConnections(30).build());
        cluster.allowed.put(CLIENT, 13);
        assertThat(open(PEER, 13)).isEqualTo(13);
        assertThat(permits.stream().filter(permit -> permit.tryBeginStream().isPresent()))
                .as("3.9 of 13 are kept free")
                .hasSize(10);
    }

    @Test
    void itIsLeftWhenAllHaveLeft() {
        ClusterMembership first = limiter.joinCluster(cluster);
        ClusterMembership second = limiter.joinCluster(cluster);
        assertThat(cluster.joined).isEqualTo(1);
        first.close();
        first.close();
        assertThat(cluster.closed).isZero();
        assertThat(open(PEER, 20)).isEqualTo(10);
        second.close();
        assertThat(cluster.closed).isEqualTo(1);
        assertThat(limiter.cluster()).isEmpty();
        assertThat(open(PEER, 100)).isEqualTo(90);
        try (ClusterMembership again = limiter.joinCluster(cluster)) {
            assertThat(cluster.joined).isEqualTo(2);
            assertThat(open(OTHER, 20)).isEqualTo(10);
            assertThat(again).isNotNull();
        }
        assertThat(cluster.closed).isEqualTo(2);
    }

    @Test
    void whatItWasJoinedByCannotBeChanged() {
        ClusterMembership membership = limiter.joinCluster(cluster);
        ConnectionLimits before = limiter.limits();
        assertThatIllegalArgumentException()
                .isThrownBy(() -> limiter.reconfigure(limits -> limits.toBuilder()
                        .clusterUri("redis://:hidden@192.0.2.10")
                        .build()))
                .withMessage(
                        "clusterUri: \"redis://***@192.0.2.10\" is not allowed; it cannot be changed while the server"
                                + " runs, and is redis://***@192.0.2.9");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> limiter.reconfigure(
                        limits -> limits.toBuilder().clusterName("other").build()))
                .withMessageStartingWith("clusterName: \"other\" is not allowed; ");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> limiter.reconfigure(limits ->
                        limits.toBuilder().leaseTime(Duration.ofSeconds(5)).build()))
                .withMessage("leaseTime: \"5000ms\" is not allowed; it cannot be changed while the server runs, and is"
                        + " 10000ms");
        assertThat(limiter.limits()).isSameAs(before);
        membership.close();
        limiter.reconfigure(limits -> limits.toBuilder().clusterName("other").build());
        assertThat(logger.messages()).noneMatch(message -> message.contains("secret"));
    }

    @Test
    void withoutAUriThereIsNoCluster() {
        ConnectionLimiter alone = new ConnectionLimiter(ConnectionLimits.defaults());
        try (ClusterMembership none = alone.joinCluster()) {
            assertThat(none).isNotNull();
            assertThat(alone.cluster()).isEmpty();
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> alone.reconfigure(limits ->
                            limits.toBuilder().clusterUri("redis://192.0.2.9").build()))
                    .withMessageStartingWith("clusterUri: ");
        }
    }

    /** A server joins when it starts, and leaves when it is destroyed; whoever brings a provider may come and go meanwhile. */
    @Test
    void aProviderNeedsNoUriAndIsLeftByWhoBroughtIt() {
        ConnectionLimiter node = new ConnectionLimiter(ConnectionLimits.defaults());
        ClusterMembership server = node.joinCluster();
        assertThat(node.cluster()).isEmpty();
        ClusterMembership membership = node.joinCluster(cluster);
        assertThat(cluster.uri).isEmpty();
        assertThat(node.cluster()).isPresent();
        membership.close();
        assertThat(cluster.closed).isEqualTo(1);
        assertThat(node.cluster()).isEmpty();
        server.close();
        assertThat(cluster.closed).isEqualTo(1);
    }

    @Test
    void itNeedsItsModule() {
        assertThatIllegalArgumentException()
                .isThrownBy(limiter::joinCluster)
                .withMessage(
                        "clusterUri: \"redis://***@192.0.2.9\" is not allowed; connlimit-cluster is not on the class"
                                + " path");
        assertThat(open(PEER, 150)).isEqualTo(100);
    }
}
