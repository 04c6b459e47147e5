package io.github.connlimit.springboot;

import io.github.connlimit.ClusterSnapshot;
import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.LimiterSnapshot;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.springframework.boot.actuate.endpoint.Access;
import org.springframework.boot.actuate.endpoint.SecurityContext;
import org.springframework.boot.actuate.endpoint.annotation.Endpoint;
import org.springframework.boot.actuate.endpoint.annotation.ReadOperation;
import org.springframework.boot.actuate.endpoint.annotation.Selector;
import org.springframework.boot.actuate.endpoint.annotation.WriteOperation;
import org.springframework.boot.actuate.endpoint.web.WebEndpointResponse;

/**
 * The Actuator endpoint {@code connlimit}: figures and settings to read, and one setting at a time to write where access is
 * unrestricted. This class is thread-safe.
 *
 * @since 0.1.0
 */
@Endpoint(id = "connlimit", defaultAccess = Access.READ_ONLY)
public final class ConnectionLimitEndpoint {

    private static final int CLIENTS = 20;

    private final ConnectionLimiter limiter;
    private final ConnectionLimitEndpointProperties properties;

    ConnectionLimitEndpoint(ConnectionLimiter limiter, ConnectionLimitEndpointProperties properties) {
        this.limiter = limiter;
        this.properties = properties;
    }

    /**
     * Figures and settings.
     *
     * @param settings all settings as text
     * @param figures totals since the start, and what is open now
     * @param cluster what this node of a cluster has; {@code null} if it is none
     * @param topClients the clients with most connections; {@code null} unless they may be shown
     * @param topNetworks the fullest networks; {@code null} unless clients may be shown
     * @since 0.1.0
     */
    public record Limits(
            Map<String, String> settings,
            Figures figures,
            Cluster cluster,
            List<Client> topClients,
            List<Network> topNetworks) {}

    /**
     * The figures, as {@link LimiterSnapshot} has them.
     *
     * @param openConnections see there
     * @param pendingConnections see there
     * @param streams see there
     * @param clients see there
     * @param largestClient see there
     * @param admitted see there
     * @param refused by reason
     * @param timedOut by phase
     * @param dryRunRefused by reason
     * @param dryRunTimedOut by phase
     * @param responded see there
     * @param tarpitOpen see there
     * @param tarpitted see there
     * @param reset see there
     * @param unnamedClients see there
     * @param errors see there
     * @param forgotten see there
     * @since 0.1.0
     */
    public record Figures(
            long openConnections,
            long pendingConnections,
            long streams,
            long clients,
            int largestClient,
            long admitted,
            Map<String, Long> refused,
            Map<String, Long> timedOut,
            Map<String, Long> dryRunRefused,
            Map<String, Long> dryRunTimedOut,
            long responded,
            int tarpitOpen,
            long tarpitted,
            long reset,
            long unnamedClients,
            long errors,
            long forgotten) {

        private static Figures of(LimiterSnapshot now) {
            return new Figures(
                    now.openConnections(),
                    now.pendingConnections(),
                    now.streams(),
                    now.clients(),
                    now.largestClient(),
                    now.admitted(),
                    byName(now.refusals()),
                    byName(now.timeOuts()),
                    byName(now.dryRunRefusals()),
                    byName(now.dryRunTimeOuts()),
                    now.responded(),
                    now.tarpitOpen(),
                    now.tarpitted(),
                    now.reset(),
                    now.unnamedClients(),
                    now.errors(),
                    now.forgotten());
        }

        private static Map<String, Long> byName(Map<? extends Enum<?>, Long> totals) {
            Map<String, Long> byName = new TreeMap<>();
            totals.forEach((constant, total) -> byName.put(constant.name().toLowerCase(Locale.ROOT), total));
            return byName;
        }
    }

    /**
     * The figures of a node, as {@link ClusterSnapshot} has them.
     *
     * @param connected see there
     * @param millisSinceLastAnswer see there, in milliseconds
     * @param reservations see there
     * @param reserved see there
     * @param requests see there
     * @param granted see there
     * @param denied see there
     * @param failed see there
     * @param away see there
     * @since 0.1.0
     */
    public record Cluster(
            boolean connected,
            long millisSinceLastAnswer,
            int reservations,
            long reserved,
            long requests,
            long granted,
            long denied,
            long failed,
            int away) {

        private static Cluster of(ClusterSnapshot now) {
            return new Cluster(
                    now.connected(),
                    now.sinceLastAnswer().toMillis(),
                    now.reservations(),
                    now.reserved(),
                    now.requests(),
                    now.granted(),
                    now.denied(),
                    now.failed(),
                    now.away());
        }
    }

    /**
     * One client.
     *
     * @param client the block of addresses that counts as one
     * @param openConnections how many connections it has open
     * @param pendingConnections how many of these have proved nothing yet
     * @param streams how many of these are long-lived streams
     * @param limit how many it may have open; 0 means any number
     * @since 0.1.0
     */
    public record Client(String client, int openConnections, int pendingConnections, int streams, int limit) {}

    /**
     * One network.
     *
     * @param network its addresses
     * @param openConnections how many connections are open that count for it
     * @param limit how many it may have open
     * @since 0.1.0
     */
    public record Network(String network, int openConnections, int limit) {}

    /**
     * A setting that was refused.
     *
     * @param error what is wrong with it, and what is allowed
     * @since 0.1.0
     */
    public record Refused(String error) {}

    /**
     * {@return figures and settings}
     *
     * @param security who asks
     */
    @ReadOperation
    public Limits limits(SecurityContext security) {
        return limits(properties.showClients().isShown(security, properties.roles()));
    }

    private Limits limits(boolean withClients) {
        LimiterSnapshot now = limiter.snapshot(withClients ? CLIENTS : 0);
        Map<String, String> settings = limiter.limits().toSettings();
        Cluster cluster = limiter.cluster().map(Cluster::of).orElse(null);
        if (!withClients) {
            return new Limits(settings, Figures.of(now), cluster, null, null);
        }
        List<Client> clients = now.topClients().stream()
                .map(usage -> new Client(
                        usage.client().toString(),
                        usage.openConnections(),
                        usage.pendingConnections(),
                        usage.streams(),
                        usage.limit()))
                .toList();
        List<Network> networks = now.topNetworks().stream()
                .map(usage -> new Network(usage.network().toString(), usage.openConnections(), usage.limit()))
                .toList();
        return new Limits(settings, Figures.of(now), cluster, clients, networks);
    }

    /**
     * Changes one setting, in force at once.
     *
     * @param setting its name, as in {@code maxPerClient}
     * @param value its new value as text
     * @return status 200 with the settings then in force, or 400 with what is wrong; then nothing has changed
     */
    @WriteOperation
    public WebEndpointResponse<Object> set(@Selector String setting, String value) {
        try {
            limiter.reconfigure(limits -> limits.toBuilder().set(setting, value).build());
            return new WebEndpointResponse<>(limits(false), WebEndpointResponse.STATUS_OK);
        } catch (IllegalArgumentException bad) {
            return new WebEndpointResponse<>(new Refused(bad.getMessage()), WebEndpointResponse.STATUS_BAD_REQUEST);
        }
    }
}
