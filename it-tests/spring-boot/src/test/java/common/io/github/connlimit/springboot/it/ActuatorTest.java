package io.github.connlimit.springboot.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.page.StatusPage;
import java.net.http.HttpResponse;
import java.util.Locale;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.springframework.boot.WebApplicationType;

/** The endpoint, the metrics, and the management server. */
class ActuatorTest {

    private static final String EXPOSED = "management.endpoints.web.exposure.include=*";
    private static final String PATH = "/actuator/connlimit";

    private static JsonObject json(HttpResponse<String> response) {
        assertThat(response.statusCode()).as(response.body()).isEqualTo(200);
        return JsonParser.parseString(response.body()).getAsJsonObject();
    }

    @Test
    void showsFiguresAndSettings() throws Exception {
        try (Running app = Running.start(EXPOSED, "connlimit.max-per-client=3", "connlimit.rules=10.0.0.0/8=500");
                Clients clients = new Clients(app.port(), false)) {
            assertThat(clients.served(2, 8)).isEqualTo(3);
            JsonObject shown = json(Clients.exchange(app.port(), "GET", PATH, ""));
            assertThat(shown.getAsJsonObject("settings").keySet())
                    .isEqualTo(ConnectionLimits.defaults().toSettings().keySet());
            assertThat(shown.getAsJsonObject("settings").get("rules").getAsString())
                    .isEqualTo("10.0.0.0/8=500");
            JsonObject figures = shown.getAsJsonObject("figures");
            assertThat(figures.get("largestClient").getAsInt()).isEqualTo(3);
            assertThat(figures.getAsJsonObject("refused").get("connections").getAsInt())
                    .isEqualTo(5);
            assertThat(figures.getAsJsonObject("timedOut").get("first_byte").getAsInt())
                    .isZero();
            assertThat(shown.toString()).doesNotContain("127.0.0.2");
        }
    }

    @Test
    void showsClientsIfAskedFor() throws Exception {
        try (Running app = Running.start(
                        EXPOSED,
                        "management.endpoint.connlimit.show-clients=always",
                        "connlimit.network-limits=ipv4/24=400");
                Clients clients = new Clients(app.port(), false)) {
            assertThat(clients.served(2, 2)).isEqualTo(2);
            JsonObject shown = json(Clients.exchange(app.port(), "GET", PATH, ""));
            JsonObject client = shown.getAsJsonArray("topClients").get(0).getAsJsonObject();
            JsonObject network = shown.getAsJsonArray("topNetworks").get(0).getAsJsonObject();
            assertThat(network.get("network").getAsString()).isEqualTo("127.0.0.0/24");
            assertThat(network.get("limit").getAsInt()).isEqualTo(400);
            assertThat(client.get("client").getAsString()).isEqualTo("127.0.0.2/32");
            assertThat(client.get("openConnections").getAsInt()).isEqualTo(2);
            assertThat(client.get("limit").getAsInt()).isEqualTo(100);
        }
        try (Running app = Running.start(EXPOSED, "management.endpoint.connlimit.show-clients=when-authorized")) {
            assertThat(Clients.get(app.port(), PATH)).startsWith("200 ").doesNotContain("127.0.0.1");
        }
    }

    @Test
    void isReadOnlyUnlessAccessIsUnrestricted() throws Exception {
        try (Running app = Running.start(EXPOSED)) {
            HttpResponse<String> refused =
                    Clients.exchange(app.port(), "POST", PATH + "/maxPerClient", "{\"value\":\"7\"}");
            assertThat(refused.statusCode()).isEqualTo(404);
            assertThat(app.limiter().limits().maxPerClient()).isEqualTo(100);
        }
        try (Running app = Running.start()) {
            assertThat(Clients.get(app.port(), PATH)).startsWith("404 ");
        }
    }

    @Test
    void changesASettingOrSaysWhyNot() throws Exception {
        try (Running app = Running.start(EXPOSED, "management.endpoint.connlimit.access=unrestricted")) {
            HttpResponse<String> changed =
                    Clients.exchange(app.port(), "POST", PATH + "/maxPerClient", "{\"value\":\"7\"}");
            assertThat(json(changed)
                            .getAsJsonObject("settings")
                            .get("maxPerClient")
                            .getAsString())
                    .isEqualTo("7");
            assertThat(app.limiter().limits().maxPerClient()).isEqualTo(7);

            HttpResponse<String> bad =
                    Clients.exchange(app.port(), "POST", PATH + "/maxPerClient", "{\"value\":\"-7\"}");
            assertThat(bad.statusCode()).isEqualTo(400);
            assertThat(JsonParser.parseString(bad.body())
                            .getAsJsonObject()
                            .get("error")
                            .getAsString())
                    .startsWith("maxPerClient: \"-7\" is not allowed; a whole number from 0");
            HttpResponse<String> unknown =
                    Clients.exchange(app.port(), "POST", PATH + "/maxPerCleint", "{\"value\":\"7\"}");
            assertThat(unknown.statusCode()).isEqualTo(400);
            assertThat(unknown.body()).contains("maxPerCleint");
            assertThat(app.limiter().limits().maxPerClient()).isEqualTo(7);
        }
    }

    @Tag("full")
    @ParameterizedTest
    @MethodSource("io.github.connlimit.springboot.it.ServersTest#others")
    void theOthersShowAPageIfAskedFor(ServersTest.Kind kind) throws Exception {
        showsAPageIfAskedFor(kind);
    }

    @ParameterizedTest
    @MethodSource("io.github.connlimit.springboot.it.ServersTest#first")
    void showsAPageIfAskedFor(ServersTest.Kind kind) throws Exception {
        try (Running app = kind.start(
                        EXPOSED,
                        "connlimit.max-per-client=6",
                        "management.endpoint.connlimit.page=true",
                        "spring.application.name=shop");
                Clients clients = new Clients(app.port(), false)) {
            assertThat(clients.served(2, 11)).isEqualTo(6);
            HttpResponse<String> page = Clients.exchange(app.port(), "GET", PATH + "/page", "");
            assertThat(page.headers().firstValue("Content-Type")).contains("text/html;charset=utf-8");
            assertThat(page.body())
                    .isEqualTo(new StatusPage(app.limiter(), "any")
                            .answer("GET", null)
                            .body());

            HttpResponse<String> data = Clients.exchange(app.port(), "GET", PATH + "/page?view=data", "");
            assertThat(data.headers().firstValue("Content-Type")).contains("application/json;charset=utf-8");
            JsonObject shown = json(data);
            assertThat(shown.get("name").getAsString()).isEqualTo("shop");
            assertThat(shown.getAsJsonObject("refused").get("connections").getAsInt())
                    .isEqualTo(5);
            assertThat(shown.has("topClients")).isFalse();
            assertThat(shown.has("topNetworks")).isFalse();

            assertThat(Clients.get(app.port(), PATH + "/pages")).startsWith("404 ");
            assertThat(json(Clients.exchange(app.port(), "GET", PATH, "")).has("figures"))
                    .isTrue();
        }
    }

    @Test
    void thePageShowsClientsIfAskedFor() throws Exception {
        try (Running app = Running.start(
                EXPOSED,
                "management.endpoint.connlimit.page=true",
                "management.endpoint.connlimit.show-clients=always")) {
            assertThat(Clients.get(app.port(), PATH + "/page?view=data"))
                    .contains("\"name\":\"server\"", "\"client\":\"127.0.0.1/32\"");
        }
        try (Running app = Running.start(EXPOSED)) {
            assertThat(Clients.get(app.port(), PATH + "/page")).startsWith("404 ");
        }
    }

    @Test
    void prometheusScrapesTheMeters() throws Exception {
        try (Running app = Running.start(EXPOSED, "connlimit.max-per-client=3");
                Clients clients = new Clients(app.port(), false)) {
            assertThat(clients.served(2, 8)).isEqualTo(3);
            assertThat(Clients.get(app.port(), "/actuator/prometheus"))
                    .contains("connlimit_client_connections_max{name=\"server\"} 3.0")
                    .contains("connlimit_connections_refused_total{name=\"server\",reason=\"connections\"} 5.0");
        }
    }

    static Stream<Class<?>> servlet() {
        return Stream.of(Line.tomcat().get(0), Line.jetty().get(0));
    }

    @ParameterizedTest
    @MethodSource("servlet")
    void theManagementServerIsLimitedOnlyIfAskedFor(Class<?> factory) throws Exception {
        String limit = "connlimit.max-per-client=3";
        // From Spring Boot 4 on, two containers on the class path are one too many for the management server.
        String other = factory.getSimpleName().startsWith("Tomcat") ? "Jetty" : "Tomcat";
        String exclude = "spring.autoconfigure.exclude=org.springframework.boot." + other.toLowerCase(Locale.ROOT)
                + ".autoconfigure.actuate.web.server." + other + "ServletManagementContextAutoConfiguration";
        try (Running app = Running.start(
                        factory,
                        WebApplicationType.SERVLET,
                        Running.NOTHING_MORE,
                        EXPOSED,
                        limit,
                        exclude,
                        "management.server.port=0");
                Clients clients = new Clients(app.managementPort(), false)) {
            assertThat(clients.answered(2, 8)).isEqualTo(8);
            assertThat(app.warnings()).isEmpty();
        }
        try (Running app = Running.start(
                        factory,
                        WebApplicationType.SERVLET,
                        Running.NOTHING_MORE,
                        EXPOSED,
                        limit,
                        exclude,
                        "management.server.port=0",
                        "connlimit.management.enabled=true");
                Clients clients = new Clients(app.managementPort(), false)) {
            assertThat(clients.answered(2, 8)).isEqualTo(3);
            assertThat(app.warnings()).isEmpty();
            assertThat(app.infos()).anyMatch(info -> info.contains("on port " + app.managementPort()));
            assertThat(app.infos()).anyMatch(info -> info.contains("on port " + app.port()));
        }
    }
}
