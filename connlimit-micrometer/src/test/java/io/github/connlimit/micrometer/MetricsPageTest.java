package io.github.connlimit.micrometer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.testing.Programs;
import io.micrometer.core.instrument.Meter;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The page, the dashboard and the alert rules name the meters that there are, and no others. */
class MetricsPageTest {

    private static final Path DOCS = Path.of("..", "docs");
    private static final Path DASHBOARD = DOCS.resolve("metrics/grafana-dashboard.json");
    private static final Path ALERTS = DOCS.resolve("metrics/alerts.yml");
    private static final Pattern METRIC = Pattern.compile("connlimit_[a-z_]+");

    private final PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);

    @BeforeEach
    void bind() {
        ConnectionLimiter limiter = new ConnectionLimiter(
                ConnectionLimits.builder().clusterUri("redis://192.0.2.1").build());
        // tag::micrometer[]
        new ConnectionLimitMetrics(limiter, "web").bindTo(registry);
        // end::micrometer[]
    }

    private Set<String> scraped() {
        return registry.scrape()
                .lines()
                .filter(line -> line.startsWith("# TYPE "))
                .map(line -> line.split(" ")[2])
                .collect(Collectors.toCollection(TreeSet::new));
    }

    private static Set<String> metrics(String text) {
        return METRIC.matcher(text).results().map(MatchResult::group).collect(Collectors.toCollection(TreeSet::new));
    }

    @Test
    void thePageHasAllMeters() throws Exception {
        String page = Files.readString(DOCS.resolve("metrics.md"));
        assertThat(metrics(page)).isEqualTo(scraped());
        for (Meter meter : registry.getMeters()) {
            assertThat(page).contains("| `" + meter.getId().getName() + "` |");
        }
    }

    @Test
    void theDashboardShowsMetersThatThereAre() throws Exception {
        JsonObject dashboard =
                JsonParser.parseString(Files.readString(DASHBOARD)).getAsJsonObject();
        Set<String> shown = new TreeSet<>();
        Set<Integer> ids = new TreeSet<>();
        for (JsonElement panel : dashboard.getAsJsonArray("panels")) {
            assertThat(ids.add(panel.getAsJsonObject().get("id").getAsInt())).isTrue();
            for (JsonElement target : panel.getAsJsonObject().getAsJsonArray("targets")) {
                String expression = target.getAsJsonObject().get("expr").getAsString();
                assertThat(expression).contains("{job=~\"$job\",instance=~\"$instance\",name=~\"$name\"}");
                shown.addAll(metrics(expression));
            }
        }
        assertThat(shown).isEqualTo(scraped());
        assertThat(dashboard.get("uid").getAsString()).isEqualTo("connlimit");
        assertThat(dashboard.has("id")).isFalse();
        assertThat(dashboard
                        .getAsJsonArray("__inputs")
                        .get(0)
                        .getAsJsonObject()
                        .get("name")
                        .getAsString())
                .isEqualTo("DS_PROMETHEUS");
    }

    @Test
    void theAlertsWatchMetersThatThereAre() throws Exception {
        assertThat(metrics(Files.readString(ALERTS))).isNotEmpty().isSubsetOf(scraped());
    }

    /** By Prometheus's own tool, where it is: the rules are valid, and fire when they should. */
    @Test
    void theAlertsFire() throws Exception {
        assumeTrue(Programs.find("promtool").isPresent(), Programs.missing("promtool", "prometheus"));
        assertThat(promtool("check", "rules", ALERTS.toString())).contains("SUCCESS: 8 rules found");
        assertThat(promtool(
                        "test", "rules", DOCS.resolve("metrics/alerts-test.yml").toString()))
                .contains("SUCCESS");
    }

    private static String promtool(String... arguments) throws Exception {
        Process process = new ProcessBuilder(Stream.concat(Stream.of("promtool"), Stream.of(arguments))
                        .toList())
                .redirectErrorStream(true)
                .start();
        String output = new String(process.getInputStream().readAllBytes());
        assertThat(process.waitFor()).as(output).isZero();
        return output;
    }
}
