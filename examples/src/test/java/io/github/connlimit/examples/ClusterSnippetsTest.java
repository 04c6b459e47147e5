package io.github.connlimit.examples;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.connlimit.ClusterMembership;
import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.ConnectionPermit;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What docs/cluster.md shows. */
class ClusterSnippetsTest {

    /** The Redis is away: each client has what is free, which is the first thing that it has in any case. */
    @Test
    void limitsOfACluster() throws Exception {
        // tag::cluster[]
        ConnectionLimits limits = ConnectionLimits.builder()
                .maxPerClient(100)
                .clusterUri("redis://10.0.0.5:6379")
                .build();
        // end::cluster[]
        ConnectionLimiter limiter = new ConnectionLimiter(
                limits.toBuilder().clusterUri("redis://127.0.0.1:1").build());
        try (ClusterMembership node = limiter.joinCluster()) {
            assertThat(node).isNotNull();
            assertThat(limiter.cluster())
                    .hasValueSatisfying(
                            figures -> assertThat(figures.connected()).isFalse());
            InetAddress client = InetAddress.getByName("127.0.0.2");
            List<ConnectionPermit> permits = new ArrayList<>();
            for (int i = 0; i < 20; i++) {
                limiter.tryAcquire(client).ifPresent(permits::add);
            }
            assertThat(permits).hasSize(10);
            permits.forEach(ConnectionPermit::close);
        }
        assertThat(limiter.snapshot().openConnections()).isZero();
    }
}
