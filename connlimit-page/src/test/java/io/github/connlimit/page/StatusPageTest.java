package io.github.connlimit.page;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.connlimit.ClusterMembership;
import io.github.connlimit.ClusterSnapshot;
import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.NullSource;
import org.junit.jupiter.params.provider.ValueSource;

class StatusPageTest {

    private final AtomicLong nanoTime = new AtomicLong(Long.MAX_VALUE - 1_000);
    private final ConnectionLimiter limiter = new ConnectionLimiter(
            ConnectionLimits.builder().maxPerClient(2).exempt("127.0.0.9").build());
    private final StatusPage page = new StatusPage(limiter, "web", nanoTime::get);

    /** A node whose engine does not answer. */
    static final ClusterSnapshot UNWELL = new ClusterSnapshot(false, Duration.ofSeconds(7), 4, 120, 30, 5, 6, 9, 3);

    private JsonObject data() {
        return JsonParser.parseString(page.answer("GET", "view=data").body()).getAsJsonObject();
    }

    private void acquire(String client, int times) throws Exception {
        for (int i = 0; i < times; i++) {
            limiter.tryAcquire(InetAddress.getByName(client));
        }
    }

    private void passes(double seconds) {
        nanoTime.addAndGet((long) (seconds * 1e9));
    }

    @Test
    void hasEverythingInItself() throws Exception {
        PageResponse response = page.answer("GET", null);
        assertThat(response.status()).isEqualTo(200);
        String policy = response.headers().get("Content-Security-Policy");
        assertThat(policy)
                .startsWith("default-src 'none'; ")
                .contains("script-src 'sha256-" + sha256(inside(response.body(), "script")) + "';")
                .contains("style-src 'sha256-" + sha256(inside(response.body(), "style")) + "';")
                .contains("connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'")
                .endsWith("; frame-ancestors 'none'")
                .doesNotContain("unsafe");
        // For servers that cannot send the header field.
        assertThat(response.body())
                .contains("content=\"" + policy.replace("; frame-ancestors 'none'", "") + "\"")
                .doesNotContain("${policy}", "${style}", "${script}");
        // No URL but the name of SVG, nothing that the policy would block.
        assertThat(response.body().replace("http://www.w3.org/2000/svg", ""))
                .doesNotContain("http:", "https:", "//cdn", "src=", " style=", "innerHTML", "eval(")
                .doesNotContainPattern(" on[a-z]+=");
        assertThat(response.headers())
                .containsEntry("Content-Type", "text/html;charset=utf-8")
                .containsEntry("Cache-Control", "no-store")
                .containsEntry("X-Content-Type-Options", "nosniff")
                .containsEntry("Referrer-Policy", "no-referrer")
                .containsEntry("Content-Length", Integer.toString(response.bytes().length));
    }

    private static String inside(String html, String element) {
        Matcher matcher = Pattern.compile("<" + element + ">(.*)</" + element + ">", Pattern.DOTALL)
                .matcher(html);
        assertThat(matcher.find()).isTrue();
        return matcher.group(1);
    }

    private static String sha256(String text) throws Exception {
        byte[] hash = MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
        return Base64.getEncoder().encodeToString(hash);
    }

    @Test
    void showsTheFiguresOfTheLimiter() throws Exception {
        passes(2);
        acquire("127.0.0.2", 5);
        acquire("127.0.0.3", 1);
        acquire("127.0.0.9", 4);
        PageResponse response = page.answer("GET", "view=data");
        assertThat(response.headers())
                .containsEntry("Content-Type", "application/json;charset=utf-8")
                .containsEntry("Cache-Control", "no-store")
                .containsEntry("X-Content-Type-Options", "nosniff");
        assertThat(response.body())
                .isEqualTo(
                        "{\"name\":\"web\",\"dryRun\":false,\"limit\":2,\"maxTotal\":0,\"enforceAbove\":0,\"open\":7,\"pending\":0,\"streams\":0,\"tarpitOpen\":0,"
                                + "\"clients\":3,\"largestClient\":2,\"admitted\":7,"
                                + "\"refused\":{\"connections\":3,\"pending\":0,\"streams\":0,\"total\":0,\"rate\":0,\"network\":0,\"cluster\":0},"
                                + "\"timedOut\":{\"handshake\":0,\"first_byte\":0,\"header\":0},"
                                + "\"wouldRefuse\":0,\"wouldTimeOut\":0,\"unnamedClients\":0,\"errors\":0,\"forgotten\":0,\"topClients\":["
                                + "{\"client\":\"127.0.0.9/32\",\"open\":4,\"pending\":0,\"streams\":0,\"limit\":0},"
                                + "{\"client\":\"127.0.0.2/32\",\"open\":2,\"pending\":0,\"streams\":0,\"limit\":2},"
                                + "{\"client\":\"127.0.0.3/32\",\"open\":1,\"pending\":0,\"streams\":0,\"limit\":2}],\"topNetworks\":[],"
                                + "\"history\":{\"seconds\":[2.00],\"open\":[7],\"admitted\":[7],\"connections\":[3],"
                                + "\"pending\":[0],\"streams\":[0],\"total\":[0],\"rate\":[0],\"network\":[0],\"cluster\":[0],\"handshake\":[0],\"first_byte\":[0],\"header\":[0],"
                                + "\"wouldRefuse\":[0],\"wouldTimeOut\":[0]}}");
    }

    @Test
    void marksADryRun() throws Exception {
        limiter.reconfigure(limits -> limits.toBuilder().dryRun(true).build());
        acquire("127.0.0.2", 5);
        JsonObject data = data();
        assertThat(data.get("dryRun").getAsBoolean()).isTrue();
        assertThat(data.get("wouldRefuse").getAsInt()).isEqualTo(3);
        assertThat(data.getAsJsonObject("refused").get("connections").getAsInt())
                .isZero();
    }

    @Test
    void showsTheFullestNetworks() throws Exception {
        limiter.reconfigure(limits ->
                limits.toBuilder().networkLimits("ipv4/24=3, ipv4/16=9").build());
        acquire("127.0.0.2", 2);
        acquire("127.0.0.3", 2);
        assertThat(data().get("topNetworks"))
                .hasToString("[{\"network\":\"127.0.0.0/24\",\"open\":3,\"limit\":3},"
                        + "{\"network\":\"127.0.0.0/16\",\"open\":3,\"limit\":9}]");
        assertThat(data().getAsJsonObject("refused").get("network").getAsInt()).isEqualTo(1);
    }

    @Test
    void showsWhatANodeOfAClusterHas() throws Exception {
        assertThat(data().has("cluster")).isFalse();
        passes(2);
        ClusterMembership membership = limiter.joinCluster(FixedCluster.of(UNWELL));
        assertThat(data().get("cluster"))
                .hasToString("{\"connected\":false,\"millisSinceLastAnswer\":7000,\"onClusterError\":\"local\","
                        + "\"reservations\":4,\"reserved\":120,\"requests\":30,\"granted\":5,\"denied\":6,"
                        + "\"failed\":9,\"away\":3}");
        membership.close();
        passes(2);
        assertThat(data().has("cluster")).isFalse();
    }

    @Test
    void leavesOutAddresses() throws Exception {
        acquire("127.0.0.2", 2);
        assertThat(page.answerWithoutClients("GET", "view=data").body())
                .contains("\"open\":2")
                .doesNotContain("topClients", "topNetworks", "127.0.0");
    }

    @ParameterizedTest
    @NullSource
    @ValueSource(
            strings = {"", "view", "view=", "view=DATA", "view=data&x", "<script>alert(1)</script>", "view=data\r\nX: y"
            })
    void answersEveryOtherQueryWithThePage(String query) {
        assertThat(page.answer("GET", query)).isEqualTo(page.answer("GET", null));
    }

    @Test
    void answersAHeadWithoutBody() {
        for (String query : List.of("", "view=data")) {
            PageResponse get = page.answer("GET", query);
            assertThat(page.answer("HEAD", query)).isEqualTo(new PageResponse(200, get.headers(), ""));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"POST", "PUT", "DELETE", "OPTIONS", "TRACE", "get", "<script>"})
    void onlyReads(String method) {
        PageResponse response = page.answer(method, "view=data");
        assertThat(response.status()).isEqualTo(405);
        assertThat(response.headers()).containsEntry("Allow", "GET, HEAD");
        assertThat(response.body()).isEqualTo("method not allowed; GET, HEAD\n");
    }

    @Test
    void quotesEveryName() {
        StringBuilder hostile = new StringBuilder("</script><script>alert(1)</script>\"},{\"'&");
        for (char c = 0; c < 0x300; c++) {
            hostile.append(c);
        }
        hostile.append("\u2028\u2029\ud83d\ude00\ud83d");
        String json = new StatusPage(limiter, hostile.toString(), nanoTime::get)
                .answer("GET", "view=data")
                .body();
        assertThat(json).doesNotContain("<", ">", "&", "'").matches("[ -~]*");
        assertThat(JsonParser.parseString(json).getAsJsonObject().get("name").getAsString())
                .isEqualTo(hostile.toString());
    }

    @ParameterizedTest
    @ValueSource(strings = {"", " "})
    void refusesABlankName(String name) {
        assertThatThrownBy(() -> new StatusPage(limiter, name))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("name: \"" + name + "\" is not allowed; a text that is not blank");
    }

    @Test
    void asksTheLimiterOnceASecond() throws Exception {
        assertThat(data().get("open").getAsInt()).isZero();
        acquire("127.0.0.2", 1);
        passes(0.999);
        assertThat(data().get("open").getAsInt()).isZero();
        passes(0.001);
        assertThat(data().get("open").getAsInt()).isEqualTo(1);
    }

    @Test
    void keepsTenMinutes() throws Exception {
        for (int i = 0; i < 2 * History.CAPACITY; i++) {
            passes(2);
            data();
        }
        acquire("127.0.0.9", 600);
        passes(2);
        JsonObject history = data().getAsJsonObject("history");
        assertThat(history.getAsJsonArray("seconds"))
                .hasSize(History.CAPACITY - 1)
                .allSatisfy(seconds -> assertThat(seconds.getAsDouble()).isEqualTo(2));
        assertThat(history.getAsJsonArray("admitted").get(History.CAPACITY - 2).getAsInt())
                .isEqualTo(600);
    }

    /** However many look, and whenever: otherwise a second window would halve what the first one shows. */
    @Test
    void keepsTenMinutesForSeveralWhoLook() {
        for (int i = 0; i < 4 * History.CAPACITY; i++) {
            passes(i % 3 == 0 ? 0.3 : 0.9);
            data();
        }
        double sum = 0;
        for (var seconds : data().getAsJsonObject("history").getAsJsonArray("seconds")) {
            sum += seconds.getAsDouble();
        }
        assertThat(sum).isGreaterThan(440);
    }

    @Test
    void countsWhatHappenedWhileNobodyLooked() throws Exception {
        data();
        acquire("127.0.0.9", 3_600);
        passes(3_600);
        JsonObject history = data().getAsJsonObject("history");
        assertThat(history.getAsJsonArray("seconds")).hasSize(2);
        assertThat(history.getAsJsonArray("seconds").get(1).getAsDouble()).isEqualTo(3_600);
        assertThat(history.getAsJsonArray("admitted").get(1).getAsInt()).isEqualTo(3_600);
    }
}
