package io.github.connlimit.micrometer;

import io.github.connlimit.ClusterSnapshot;
import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.LimiterSnapshot;
import io.github.connlimit.RefusalReason;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tag;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.binder.MeterBinder;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;

/**
 * The figures of one limiter as meters: {@code new ConnectionLimitMetrics(limiter, "web").bindTo(registry)}. This class is
 * immutable and thread-safe.
 *
 * <p>All meters have the tag {@code name}. None has the address of a client: whoever can make addresses could make meters
 * without end. Reading one takes the same time however many clients there are. A registry keeps the limiter reachable.
 *
 * @since 0.1.0
 */
public final class ConnectionLimitMetrics implements MeterBinder {

    private static final System.Logger LOGGER = System.getLogger(ConnectionLimitMetrics.class.getName());

    private final ConnectionLimiter limiter;
    private final Tags tags;

    /** Whether there are meters of the cluster also if no {@code clusterUri} names one. */
    private final boolean withCluster;

    /**
     * Makes a binder that has bound nothing yet.
     *
     * @param limiter whose figures to show
     * @param name tells this limiter from others in the same registry: the value of the tag {@code name}
     * @throws IllegalArgumentException if the name is blank
     */
    public ConnectionLimitMetrics(ConnectionLimiter limiter, String name) {
        this(limiter, name, List.of());
    }

    /**
     * Makes a binder that has bound nothing yet.
     *
     * @param limiter whose figures to show
     * @param name tells this limiter from others in the same registry: the value of the tag {@code name}
     * @param tags more tags for every meter
     * @throws IllegalArgumentException if the name is blank
     */
    public ConnectionLimitMetrics(ConnectionLimiter limiter, String name, Iterable<Tag> tags) {
        this.limiter = Objects.requireNonNull(limiter, "limiter");
        if (name.isBlank()) {
            throw new IllegalArgumentException("name: \"" + name + "\" is not allowed; a text that is not blank");
        }
        this.tags = Tags.of(tags).and("name", name);
        this.withCluster = false;
    }

    private ConnectionLimitMetrics(ConnectionLimiter limiter, Tags tags, boolean withCluster) {
        this.limiter = limiter;
        this.tags = tags;
        this.withCluster = withCluster;
    }

    /**
     * {@return the same binder, but with the meters of the cluster in any case} Without, there are such meters if the limiter
     * has a {@code clusterUri} when the meters are bound. A limiter that {@linkplain
     * ConnectionLimiter#joinCluster(io.github.connlimit.ClusterProvider) joins by a provider} needs this.
     */
    public ConnectionLimitMetrics withCluster() {
        return new ConnectionLimitMetrics(limiter, tags, true);
    }

    /** Binds the meters. If the registry has some of another limiter by the same tags, they stay, and the log says so. */
    @Override
    public void bindTo(MeterRegistry registry) {
        if (registry.find("connlimit.limit").tags(tags).gauge() != null) {
            LOGGER.log(
                    System.Logger.Level.WARNING,
                    "This limiter has no meters: there are some already with " + tags
                            + ". Give each limiter a name of its own in new ConnectionLimitMetrics(limiter, name)");
        }
        new Binding(registry).bind();
    }

    /** Binds the meters to one registry. */
    private final class Binding {

        private final MeterRegistry registry;

        private Binding(MeterRegistry registry) {
            this.registry = registry;
        }

        private void bind() {
            gauge("connections.open", "Connections that are open and counted", LimiterSnapshot::openConnections);
            gauge(
                    "connections.pending",
                    "Open connections that have neither completed their handshake nor sent a first byte",
                    LimiterSnapshot::pendingConnections);
            gauge("streams", "Open connections that are long-lived streams", LimiterSnapshot::streams);
            gauge("clients", "Clients with at least one open connection", LimiterSnapshot::clients);
            gauge("tarpit.open", "Refused connections that are kept open", LimiterSnapshot::tarpitOpen);
            gauge(
                    "client.connections.max",
                    "Open connections of the largest client that no rule exempts",
                    LimiterSnapshot::largestClient);
            setting(
                    "limit",
                    "How many connections a client may have open that no rule names; 0 means any number",
                    now -> now.limits().maxPerClient());
            setting(
                    "dryrun",
                    "1 in a dry run, in which nothing is refused and nothing is closed; else 0",
                    now -> now.limits().dryRun() ? 1 : 0);

            counter("connections.admitted", "Connections admitted", Tags.empty(), LimiterSnapshot::admitted);
            counter(
                    "connections.forgotten",
                    "Connections that had ended and still counted, until the sweep found them",
                    Tags.empty(),
                    LimiterSnapshot::forgotten);
            counters("connections.refused", "Connections and streams refused", LimiterSnapshot::refusals);
            counters("connections.timedout", "Connections closed at a deadline", LimiterSnapshot::timeOuts);
            counters(
                    "dryrun.refused",
                    "Connections and streams that would have been refused but for the dry run",
                    LimiterSnapshot::dryRunRefusals);
            counters(
                    "dryrun.timedout",
                    "Connections that would have been closed at a deadline but for the dry run",
                    LimiterSnapshot::dryRunTimeOuts);
            String responses =
                    "Refused connections to be answered or held: let in to be answered, kept open for a while, or"
                            + " reset for want of room";
            counter("responses", responses, Tags.of("outcome", "responded"), LimiterSnapshot::responded);
            counter("responses", responses, Tags.of("outcome", "tarpitted"), LimiterSnapshot::tarpitted);
            counter("responses", responses, Tags.of("outcome", "reset"), LimiterSnapshot::reset);
            counter(
                    "clients.unnamed",
                    "Connections and requests for which a trusted proxy named something else than an IP address",
                    Tags.empty(),
                    LimiterSnapshot::unnamedClients);
            counter("errors", "Errors in connlimit and in code it called", Tags.empty(), LimiterSnapshot::errors);
            if (withCluster || !limiter.limits().clusterUri().isEmpty()) {
                bindCluster();
            }
        }

        private void bindCluster() {
            cluster(
                    "connected",
                    "1 if the Redis or Valkey of the cluster has done all that it was asked for lately; else 0",
                    now -> now.connected() ? 1 : 0);
            gauge(
                    "cluster.answer.age",
                    "Seconds since the Redis or Valkey has answered for the last time",
                    "seconds",
                    now -> cluster(now).sinceLastAnswer().toMillis() / 1000.0);
            cluster(
                    "reservations",
                    "Clients that this node has a reservation for, or wants one",
                    ClusterSnapshot::reservations);
            cluster("reserved", "Connections that these reservations allow", ClusterSnapshot::reserved);
            clusterTotal("requests", "Requests for a reservation, renewals included", ClusterSnapshot::requests);
            clusterTotal(
                    "granted",
                    "Requests for a reservation that gave this node more than it had",
                    ClusterSnapshot::granted);
            clusterTotal(
                    "denied",
                    "Requests for a reservation that gave it nothing more, though it wanted more",
                    ClusterSnapshot::denied);
            clusterTotal(
                    "failed",
                    "Requests that the Redis or Valkey of the cluster did not answer in time, or with an error",
                    ClusterSnapshot::failed);
            cluster("away", "Clients that onClusterError holds for", ClusterSnapshot::away);
        }

        private void cluster(String name, String description, ToDoubleFunction<ClusterSnapshot> figure) {
            setting("cluster." + name, description, now -> figure.applyAsDouble(cluster(now)));
        }

        private void clusterTotal(String name, String description, ToDoubleFunction<ClusterSnapshot> total) {
            function("cluster." + name, description, Tags.empty(), now -> total.applyAsDouble(cluster(now)));
        }

        private static ClusterSnapshot cluster(ConnectionLimiter limiter) {
            return limiter.cluster().orElse(ClusterSnapshot.NONE);
        }

        private void gauge(String name, String description, ToDoubleFunction<LimiterSnapshot> figure) {
            setting(name, description, now -> figure.applyAsDouble(now.snapshot(0)));
        }

        private void setting(String name, String description, ToDoubleFunction<ConnectionLimiter> value) {
            gauge(name, description, null, value);
        }

        /** @param unit {@code null} for a number of things */
        private void gauge(String name, String description, String unit, ToDoubleFunction<ConnectionLimiter> value) {
            Gauge.builder("connlimit." + name, limiter, value)
                    .description(description)
                    .baseUnit(unit)
                    .tags(tags)
                    .strongReference(true)
                    .register(registry);
        }

        private <E extends Enum<E>> void counters(
                String name, String description, Function<LimiterSnapshot, Map<E, Long>> totals) {
            for (E constant : totals.apply(limiter.snapshot(0)).keySet()) {
                Tag tag = Tag.of(tagKey(constant), constant.name().toLowerCase(Locale.ROOT));
                counter(
                        name,
                        description,
                        Tags.of(tag),
                        now -> totals.apply(now).get(constant));
            }
        }

        private static String tagKey(Enum<?> constant) {
            return constant instanceof RefusalReason ? "reason" : "phase";
        }

        private void counter(String name, String description, Tags more, ToDoubleFunction<LimiterSnapshot> total) {
            function(name, description, more, now -> total.applyAsDouble(now.snapshot(0)));
        }

        private void function(String name, String description, Tags more, ToDoubleFunction<ConnectionLimiter> total) {
            FunctionCounter.builder("connlimit." + name, limiter, total)
                    .description(description)
                    .tags(tags.and(more))
                    .register(registry);
        }
    }
}
