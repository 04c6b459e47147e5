package io.github.connlimit.springboot.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.connlimit.ConnectionLimits;
import java.net.http.HttpResponse;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** What the pages tell users to write into their properties, to the letter. */
class DocsSnippetsTest {

    private static final Pattern CURL =
            Pattern.compile("curl -H 'Content-Type: application/json' -d '([^']+)' http://localhost:8080(\\S+)\\s*");

    private static Running start(String snippet) {
        return Running.start(snippet.lines().toArray(String[]::new));
    }

    @Test
    void limits() throws Exception {
        try (Running app = start(Docs.snippet("spring-boot-properties"))) {
            assertThat(app.limiter().limits())
                    .isEqualTo(ConnectionLimits.builder()
                            .maxPerClient(50)
                            .limit("10.0.0.0/8", 500)
                            .exempt("192.0.2.10")
                            .build());
            assertThat(app.warnings()).isEmpty();
        }
    }

    @Test
    void onlyCountsInADryRun() throws Exception {
        try (Running app = start(Docs.snippet("spring-boot-dry-run"));
                Clients clients = new Clients(app.port(), false)) {
            assertThat(clients.served(2, 105)).isEqualTo(105);
            assertThat(app.limiter().snapshot().dryRunRefused()).isEqualTo(5);
            assertThat(app.infos()).anyMatch(info -> info.endsWith("maxPerClient=100, dry run"));
        }
    }

    @Test
    void trustsProxies() throws Exception {
        try (Running app = start(Docs.snippet("spring-boot-proxies"))) {
            assertThat(app.limiter().limits().toSettings()).containsEntry("rules", "10.0.0.0/8=unlimited");
            assertThat(app.warnings()).isEmpty();
        }
    }

    @Test
    void showsThePage() throws Exception {
        String properties = Docs.snippet("spring-boot-actuator") + Docs.snippet("spring-boot-page");
        try (Running app = start(properties)) {
            assertThat(Clients.get(app.port(), "/actuator/connlimit/page")).startsWith("200 <!DOCTYPE html>");
        }
    }

    @Test
    void changesALimitByTheEndpoint() throws Exception {
        Matcher curl = CURL.matcher(Docs.snippet("spring-boot-write"));
        assertThat(curl.matches()).isTrue();
        try (Running app = start(Docs.snippet("spring-boot-actuator"))) {
            HttpResponse<String> response = Clients.exchange(app.port(), "POST", curl.group(2), curl.group(1));
            assertThat(response.statusCode()).as(response.body()).isEqualTo(200);
            assertThat(app.limiter().limits().maxPerClient()).isEqualTo(50);
        }
    }
}
