package io.github.connlimit.micrometer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;

import io.github.connlimit.Cidr;
import io.github.connlimit.ClusterLimits;
import io.github.connlimit.ClusterMembership;
import io.github.connlimit.ClusterProvider;
import io.github.connlimit.ClusterSnapshot;
import io.github.connlimit.ConnectionGate;
import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.ConnectionPermit;
import io.github.connlimit.ConnectionPhase;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.lang.ref.Reference;
import java.lang.ref.WeakReference;
import java.net.InetAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What Prometheus scrapes: the real text of Micrometer's registry for it. */
class ConnectionLimitMetricsTest {

    private final ConnectionLimiter limiter = new ConnectionLimiter(
            ConnectionLimits.builder().maxPerClient(7).exempt("127.0.0.9").build());
    private final ConnectionGate<String> gate = new ConnectionGate<>(limiter);
    private final PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);

    @AfterEach
    void everythingEndsAtZero() {
        gate.releaseAll();
        assertThat(limiter.snapshot().openConnections()).isZero();
        assertThat(limiter.snapshot().clients()).isZero();
    }

    private static InetAddress client(int last) throws Exception {
        return InetAddress.getByAddress(new byte[] {127, 0, 0, (byte) last});
    }

    @Test
    void aNodeOfAClusterHasMetersOfItsOwn() {
        ClusterSnapshot figures = new ClusterSnapshot(true, Duration.ofMillis(1500), 2, 30, 4, 5, 6, 7, 8);
        limiter.reconfigure(limits ->
                limits.toBuilder().clusterUri("redis://user:secret@192.0.2.1").build());
        ClusterProvider provider = (node, uri) -> new ClusterLimits() {
            @Override
            public int allowed(Cidr client, int open, int limit) {
                return limit;
            }

            @Override
            public ClusterSnapshot snapshot() {
                return figures;
            }

            @Override
            public void close() {}
        };
        new ConnectionLimitMetrics(limiter, "web").bindTo(registry);
        assertThat(registry.scrape()).contains("connlimit_cluster_connected{name=\"web\"} 0.0\n");
        try (ClusterMembership node = limiter.joinCluster(provider)) {
            assertThat(node).isNotNull();
            assertThat(registry.scrape())
                    .contains(
                            "connlimit_cluster_answer_age_seconds{name=\"web\"} 1.5\n",
                            "connlimit_cluster_away{name=\"web\"} 8.0\n",
                            "connlimit_cluster_connected{name=\"web\"} 1.0\n",
                            "connlimit_cluster_denied_total{name=\"web\"} 6.0\n",
                            "connlimit_cluster_failed_total{name=\"web\"} 7.0\n",
                            "connlimit_cluster_granted_total{name=\"web\"} 5.0\n",
                            "connlimit_cluster_requests_total{name=\"web\"} 4.0\n",
                            "connlimit_cluster_reservations{name=\"web\"} 2.0\n",
                            "connlimit_cluster_reserved{name=\"web\"} 30.0\n")
                    .doesNotContain("secret");
        }
    }

    /** One that joins by a provider has no URI that would tell. */
    @Test
    void hasMetersOfAClusterIfAskedFor() {
        new ConnectionLimitMetrics(limiter, "web", Tags.of("zone", "a"))
                .withCluster()
                .bindTo(registry);
        assertThat(registry.scrape()).contains("connlimit_cluster_connected{name=\"web\",zone=\"a\"} 0.0\n");
    }

    @Test
    void saysThatASecondLimiterOfTheSameNameHasNoMeters() {
        List<String> log = new CopyOnWriteArrayList<>();
        Handler handler = new Handler() {
            @Override
            public void publish(LogRecord line) {
                log.add(line.getLevel() + " " + line.getMessage());
            }

            @Override
            public void flush() {}

            @Override
            public void close() {}
        };
        Logger logger = Logger.getLogger(ConnectionLimitMetrics.class.getName());
        logger.addHandler(handler);
        try {
            new ConnectionLimitMetrics(limiter, "web").bindTo(registry);
            new ConnectionLimitMetrics(limiter, "api").bindTo(registry);
            assertThat(log).isEmpty();
            new ConnectionLimitMetrics(new ConnectionLimiter(ConnectionLimits.defaults()), "web").bindTo(registry);
        } finally {
            logger.removeHandler(handler);
        }
        assertThat(log)
                .containsExactly("WARNING This limiter has no meters: there are some already with [tag(name=web)]. Give"
                        + " each limiter a name of its own in new ConnectionLimitMetrics(limiter, name)");
        assertThat(registry.scrape()).contains("connlimit_limit{name=\"web\"} 7.0\n");
    }

    @Test
    void scrapesUnderTheseNamesTypesAndDescriptions() {
        new ConnectionLimitMetrics(limiter, "web").bindTo(registry);
        assertThat(registry.scrape()).isEqualTo("""
                # HELP connlimit_client_connections_max Open connections of the largest client that no rule exempts
                # TYPE connlimit_client_connections_max gauge
                connlimit_client_connections_max{name="web"} 0.0
                # HELP connlimit_clients Clients with at least one open connection
                # TYPE connlimit_clients gauge
                connlimit_clients{name="web"} 0.0
                # HELP connlimit_clients_unnamed_total Connections and requests for which a trusted proxy named something else than an IP address
                # TYPE connlimit_clients_unnamed_total counter
                connlimit_clients_unnamed_total{name="web"} 0.0
                # HELP connlimit_connections_admitted_total Connections admitted
                # TYPE connlimit_connections_admitted_total counter
                connlimit_connections_admitted_total{name="web"} 0.0
                # HELP connlimit_connections_forgotten_total Connections that had ended and still counted, until the sweep found them
                # TYPE connlimit_connections_forgotten_total counter
                connlimit_connections_forgotten_total{name="web"} 0.0
                # HELP connlimit_connections_open Connections that are open and counted
                # TYPE connlimit_connections_open gauge
                connlimit_connections_open{name="web"} 0.0
                # HELP connlimit_connections_pending Open connections that have neither completed their handshake nor sent a first byte
                # TYPE connlimit_connections_pending gauge
                connlimit_connections_pending{name="web"} 0.0
                # HELP connlimit_connections_refused_total Connections and streams refused
                # TYPE connlimit_connections_refused_total counter
                connlimit_connections_refused_total{name="web",reason="cluster"} 0.0
                connlimit_connections_refused_total{name="web",reason="connections"} 0.0
                connlimit_connections_refused_total{name="web",reason="network"} 0.0
                connlimit_connections_refused_total{name="web",reason="pending"} 0.0
                connlimit_connections_refused_total{name="web",reason="rate"} 0.0
                connlimit_connections_refused_total{name="web",reason="streams"} 0.0
                connlimit_connections_refused_total{name="web",reason="total"} 0.0
                # HELP connlimit_connections_timedout_total Connections closed at a deadline
                # TYPE connlimit_connections_timedout_total counter
                connlimit_connections_timedout_total{name="web",phase="first_byte"} 0.0
                connlimit_connections_timedout_total{name="web",phase="handshake"} 0.0
                connlimit_connections_timedout_total{name="web",phase="header"} 0.0
                # HELP connlimit_dryrun 1 in a dry run, in which nothing is refused and nothing is closed; else 0
                # TYPE connlimit_dryrun gauge
                connlimit_dryrun{name="web"} 0.0
                # HELP connlimit_dryrun_refused_total Connections and streams that would have been refused but for the dry run
                # TYPE connlimit_dryrun_refused_total counter
                connlimit_dryrun_refused_total{name="web",reason="cluster"} 0.0
                connlimit_dryrun_refused_total{name="web",reason="connections"} 0.0
                connlimit_dryrun_refused_total{name="web",reason="network"} 0.0
                connlimit_dryrun_refused_total{name="web",reason="pending"} 0.0
                connlimit_dryrun_refused_total{name="web",reason="rate"} 0.0
                connlimit_dryrun_refused_total{name="web",reason="streams"} 0.0
                connlimit_dryrun_refused_total{name="web",reason="total"} 0.0
                # HELP connlimit_dryrun_timedout_total Connections that would have been closed at a deadline but for the dry run
                # TYPE connlimit_dryrun_timedout_total counter
                connlimit_dryrun_timedout_total{name="web",phase="first_byte"} 0.0
                connlimit_dryrun_timedout_total{name="web",phase="handshake"} 0.0
                connlimit_dryrun_timedout_total{name="web",phase="header"} 0.0
                # HELP connlimit_errors_total Errors in connlimit and in code it called
                # TYPE connlimit_errors_total counter
                connlimit_errors_total{name="web"} 0.0
                # HELP connlimit_limit How many connections a client may have open that no rule names; 0 means any number
                # TYPE connlimit_limit gauge
                connlimit_limit{name="web"} 7.0
                # HELP connlimit_responses_total Refused connections to be answered or held: let in to be answered, kept open for a while, or reset for want of room
                # TYPE connlimit_responses_total counter
                connlimit_responses_total{name="web",outcome="reset"} 0.0
                connlimit_responses_total{name="web",outcome="responded"} 0.0
                connlimit_responses_total{name="web",outcome="tarpitted"} 0.0
                # HELP connlimit_streams Open connections that are long-lived streams
                # TYPE connlimit_streams gauge
                connlimit_streams{name="web"} 0.0
                # HELP connlimit_tarpit_open Refused connections that are kept open
                # TYPE connlimit_tarpit_open gauge
                connlimit_tarpit_open{name="web"} 0.0
                """);
    }

    /** Each figure with a number of its own, so that none can stand in for another. */
    @Test
    void showsTheFigures() throws Exception {
        new ConnectionLimitMetrics(limiter, "web").bindTo(registry);
        limiter.reconfigure(limits ->
                limits.toBuilder().maxPendingPerClient(2).reservedConnections(1).build());
        List<ConnectionPermit> permits = new ArrayList<>();
        for (int i = 0; i < 2; i++) {
            gate.admit("pending " + i, client(2), ConnectionPhase.HANDSHAKE);
        }
        gate.admit("pending over", client(2), ConnectionPhase.HANDSHAKE);
        for (int i = 0; i < 5; i++) {
            gate.admit("established " + i, client(2));
            permits.add(gate.permit("established " + i).orElseThrow());
        }
        for (int i = 0; i < 3; i++) {
            gate.admit("over", client(2));
        }
        for (int i = 0; i < 9; i++) {
            gate.admit("exempt " + i, client(9));
        }
        for (ConnectionPermit permit : permits) {
            assertThat(permit.tryBeginStream()).isPresent();
        }
        assertThat(gate.permit("pending 0").orElseThrow().tryBeginStream()).isPresent();
        for (int i = 0; i < 4; i++) {
            assertThat(gate.permit("pending 1").orElseThrow().tryBeginStream()).isEmpty();
        }
        for (int i = 0; i < 6; i++) {
            gate.admit("unknown", null);
        }
        for (int i = 0; i < 7; i++) {
            gate.namedClient(client(9), "unknown");
        }
        limiter.reconfigure(limits -> limits.toBuilder().dryRun(true).build());
        gate.admit("dry run", client(2));
        assertThat(registry.scrape().lines().filter(line -> !line.startsWith("#") && !line.endsWith(" 0.0")))
                .containsExactly(
                        "connlimit_client_connections_max{name=\"web\"} 8.0",
                        "connlimit_clients{name=\"web\"} 2.0",
                        "connlimit_clients_unnamed_total{name=\"web\"} 7.0",
                        "connlimit_connections_admitted_total{name=\"web\"} 17.0",
                        "connlimit_connections_open{name=\"web\"} 17.0",
                        "connlimit_connections_pending{name=\"web\"} 2.0",
                        "connlimit_connections_refused_total{name=\"web\",reason=\"connections\"} 3.0",
                        "connlimit_connections_refused_total{name=\"web\",reason=\"pending\"} 1.0",
                        "connlimit_connections_refused_total{name=\"web\",reason=\"streams\"} 4.0",
                        "connlimit_dryrun{name=\"web\"} 1.0",
                        "connlimit_dryrun_refused_total{name=\"web\",reason=\"connections\"} 1.0",
                        "connlimit_errors_total{name=\"web\"} 6.0",
                        "connlimit_limit{name=\"web\"} 7.0",
                        "connlimit_streams{name=\"web\"} 6.0");
    }

    @Test
    void limitersOfOneRegistryAreToldApartByTheirNames() throws Exception {
        ConnectionLimiter other = new ConnectionLimiter(ConnectionLimits.defaults());
        new ConnectionLimitMetrics(limiter, "web").bindTo(registry);
        new ConnectionLimitMetrics(other, "admin", Tags.of("zone", "a")).bindTo(new SimpleMeterRegistry());
        new ConnectionLimitMetrics(other, "admin").bindTo(registry);
        gate.admit("a", client(2));
        assertThat(registry.get("connlimit.connections.open")
                        .tag("name", "web")
                        .gauge()
                        .value())
                .isEqualTo(1);
        assertThat(registry.get("connlimit.connections.open")
                        .tag("name", "admin")
                        .gauge()
                        .value())
                .isZero();
    }

    @Test
    void moreTagsAreOnEveryMeter() {
        SimpleMeterRegistry simple = new SimpleMeterRegistry();
        new ConnectionLimitMetrics(limiter, "web", Tags.of("zone", "a")).bindTo(simple);
        assertThat(simple.getMeters())
                .hasSize(35)
                .allSatisfy(
                        meter -> assertThat(meter.getId().getTags()).containsAll(Tags.of("zone", "a", "name", "web")))
                .allSatisfy(meter -> assertThat(meter.getId().getDescription()).isNotBlank())
                .allSatisfy(meter -> assertThat(meter.getId().getBaseUnit()).isNull());
    }

    /** Micrometer refers to the object of a function weakly, which would make counters stop at the next collection. */
    @Test
    void theRegistryKeepsTheLimiter() {
        WeakReference<ConnectionLimiter> reference = bindOneThatNobodyHolds();
        System.gc();
        assertThat(reference.get()).isNotNull();
        assertThat(registry.get("connlimit.limit").gauge().value()).isEqualTo(3);
        assertThat(registry.get("connlimit.errors").functionCounter().count()).isZero();
        Reference.reachabilityFence(registry);
    }

    private WeakReference<ConnectionLimiter> bindOneThatNobodyHolds() {
        ConnectionLimiter alone =
                new ConnectionLimiter(ConnectionLimits.builder().maxPerClient(3).build());
        new ConnectionLimitMetrics(alone, "alone").bindTo(registry);
        return new WeakReference<>(alone);
    }

    @Test
    void refusesBadArguments() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new ConnectionLimitMetrics(limiter, " "))
                .withMessage("name: \" \" is not allowed; a text that is not blank");
        assertThatNullPointerException()
                .isThrownBy(() -> new ConnectionLimitMetrics(null, "web"))
                .withMessage("limiter");
    }
}
