package io.github.connlimit.examples;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ResourcesTest {

    private final ConnectionLimiter limiter = new ConnectionLimiter(ConnectionLimits.defaults());
    private final Resources resources = new Resources("example", Optional.of(limiter));

    @Test
    void changesTheLimitForThisMachineOnly() throws Exception {
        Answer refused = resources.answer("PUT", "/limits", "max-per-client=0", false);
        assertThat(refused.status()).isEqualTo(403);
        assertThat(limiter.limits()).isEqualTo(ConnectionLimits.defaults());

        assertThat(put("max-per-client=7").status()).isEqualTo(200);
        assertThat(limiter.limits().maxPerClient()).isEqualTo(7);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "max-per-client=%",
                "max-per-client=1e3",
                "max-per-client=2147483648",
                "maxPerClient=1",
                "max-per-client"
            })
    void refusesBadChanges(String query) {
        assertThat(put(query).status()).isEqualTo(400);
        assertThat(limiter.limits()).isEqualTo(ConnectionLimits.defaults());
    }

    private Answer put(String query) {
        return resources.answer("PUT", "/limits", query, true);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "ms", "ms=", "ms=-1", "ms=60001", "ms=1000000000000", "ms=+5"})
    void refusesBadHolds(String query) {
        assertThat(get("/hold", query).status()).isEqualTo(400);
    }

    @Test
    void holdsAsLongAsAsked() {
        assertThat(get("/hold", "ms=0")).isEqualTo(Answer.text(200, "OK"));
        assertThat(get("/hold", "ms=60000")).isEqualTo(Answer.text(200, "OK").after(60_000));
        assertThat(get("/hold", null).status()).isEqualTo(400);
    }

    private Answer get(String path, String query) {
        return resources.answer("GET", path, query, true);
    }

    @Test
    void showsTheRulesAsTheyAreWritten() {
        limiter.reconfigure(limits -> limits.toBuilder()
                .limit("10.0.0.0/8", 500)
                .exempt("127.0.0.0/8")
                .build());
        assertThat(get("/limits", null).body())
                .isEqualTo("{\"limit\":100,\"rules\":\"10.0.0.0/8=500, 127.0.0.0/8=unlimited\",\"dryRun\":false,"
                        + "\"open\":0,\"clients\":0,"
                        + "\"admitted\":0,\"refused\":0,\"refusedPending\":0,\"refusedStreams\":0,\"timedOut\":0,"
                        + "\"dryRunRefused\":0,\"dryRunTimedOut\":0,\"responded\":0,\"reset\":0,\"topClients\":[]}\n");
    }

    @Test
    void showsMetricsAndThePage() throws Exception {
        assertThat(get("/metrics", null).headers())
                .containsEntry("Content-Type", "text/plain;version=0.0.4;charset=utf-8");
        assertThat(get("/metrics", null).body())
                .contains("# TYPE connlimit_connections_refused_total counter")
                .contains("connlimit_limit{name=\"example\"} 100.0");
        assertThat(get("/status", null).headers())
                .containsEntry("Content-Type", "text/html;charset=utf-8")
                .containsKey("Content-Security-Policy");
        assertThat(get("/status", "view=data").body())
                .startsWith("{\"name\":\"example\",\"dryRun\":false,\"limit\":100,");
    }

    @ParameterizedTest
    @ValueSource(strings = {"/metrics", "/status"})
    void showsNobodyElseWhoIsConnected(String path) {
        for (String query : new String[] {null, "view=data"}) {
            assertThat(resources.answer("GET", path, query, false).status()).isEqualTo(403);
        }
        assertThat(new Resources("example", Optional.empty())
                        .answer("GET", path, null, true)
                        .status())
                .isEqualTo(404);
    }

    @ParameterizedTest
    @ValueSource(strings = {"/", "/hold", "/limits", "/metrics", "/status"})
    void knowsNoOtherMethods(String path) {
        assertThat(resources.answer("DELETE", path, "ms=0", true).status()).isEqualTo(405);
    }
}
