package io.github.connlimit.page;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.sun.net.httpserver.HttpServer;
import io.github.connlimit.ClusterMembership;
import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The page as people see it: in a real browser, from a real Jetty. */
class BrowserTest {

    private static final Duration DEADLINE = Duration.ofSeconds(30);

    /** Everything with text of its own. */
    private static final String TEXTS = "h1, #name, #state, button, .banner, h2, dt, dd, .summary, li, th, td, .full";

    private static Chromium chromium;

    private final ConnectionLimiter limiter =
            new ConnectionLimiter(ConnectionLimits.builder().maxPerClient(6).build());
    private Browser browser;

    @BeforeAll
    static void startChromium() throws Exception {
        // Not in a directory that JUnit deletes: processes of Chromium's write there for a moment after its end.
        Path profiles = Files.createDirectories(Path.of("target", "chromium").toAbsolutePath());
        chromium = Chromium.start(Files.createTempDirectory(profiles, "profile"));
    }

    @AfterAll
    static void stopChromium() {
        if (chromium != null) {
            chromium.close();
        }
    }

    @BeforeEach
    void start() throws Exception {
        browser = chromium.newPage();
        browser.size(900, 1000, false);
    }

    @AfterEach
    void stop() throws Exception {
        if (browser != null) {
            browser.close();
        }
    }

    private void awaitText(String selector, String text) {
        await(selector)
                .atMost(DEADLINE)
                .untilAsserted(() -> assertThat(browser.text(selector)).contains(text));
    }

    private static String url(PageServer server) {
        return "http://127.0.0.1:" + server.port() + "/status";
    }

    private void open(PageServer server) throws Exception {
        browser.open(url(server));
        awaitText("#state", "Live");
    }

    @Test
    void showsAFloodLive() throws Exception {
        try (PageServer server = PageServer.jetty(limiter, 0)) {
            open(server);
            assertThat(browser.text("h1")).isEqualTo("connlimit web");
            assertThat(browser.text("#top tr th")).isEqualTo("127.0.0.1/32");
            try (Flood flood = new Flood(server.port())) {
                flood.start();
                awaitText("#top tr", "100%");
                awaitText("#figures", "Limit of a client6");
                await().atMost(DEADLINE)
                        .untilAsserted(() -> assertThat(browser.evaluate("document.querySelectorAll('#top tr').length"))
                                .isEqualTo("8"));
                await().atMost(DEADLINE)
                        .untilAsserted(() -> assertThat(refusals("#refusals tr:first-child td:nth-child(2)"))
                                .isGreaterThan(100));
                assertThat(browser.text("#legend")).isEqualTo("admittedrefused");
                assertThat(browser.text("#rates-text")).containsPattern(" [1-9][0-9,]* refused\\.$");
                await().atMost(DEADLINE)
                        .untilAsserted(() -> assertThat(browser.evaluate(
                                        "document.querySelector('#rates path.refused').getAttribute('d')"))
                                .matches("M[0-9.]+ [0-9.]+H[0-9.]+(L[0-9.]+ [0-9.]+H[0-9.]+){3,}"));
                for (String scheme : List.of("light", "dark")) {
                    browser.colourScheme(scheme);
                    browser.screenshot(Path.of("target", "screenshots", scheme + ".png"));
                }
            }
            await().atMost(DEADLINE)
                    .untilAsserted(() -> assertThat(browser.evaluate("document.querySelectorAll('#top tr').length"))
                            .isEqualTo("1"));
            assertThat(browser.complaints()).isEmpty();
            assertThat(browser.requestedUrls())
                    .allMatch(requested -> requested.equals(url(server))
                            || requested.equals(url(server) + "?view=data")
                            || requested.equals("data:,"))
                    .filteredOn(requested -> requested.endsWith("?view=data"))
                    .hasSizeGreaterThan(2);
        }
    }

    private int refusals(String selector) {
        return Integer.parseInt(browser.text(selector).replace(",", ""));
    }

    @Test
    void marksADryRun() throws Exception {
        try (PageServer server = PageServer.jetty(limiter, 0)) {
            open(server);
            assertThat(browser.evaluate("document.querySelector('#dry-run').checkVisibility()"))
                    .isEqualTo("false");
            limiter.reconfigure(
                    limits -> limits.toBuilder().dryRun(true).maxPerClient(1).build());
            for (int i = 0; i < 5; i++) {
                limiter.tryAcquire(InetAddress.getByName("127.0.0.2"));
            }
            awaitText("#dry-run", "Dry run: nothing is refused");
            assertThat(browser.evaluate("document.querySelector('#dry-run').checkVisibility()"))
                    .isEqualTo("true");
            awaitText("#refusals tr:nth-last-child(2)", "Dry run: would be refused");
            await().atMost(DEADLINE)
                    .untilAsserted(() -> assertThat(refusals("#refusals tr:nth-last-child(2) td:nth-child(2)"))
                            .isGreaterThanOrEqualTo(4));
            assertThat(browser.text("#legend")).isEqualTo("admittedrefusedwould be refused");
        }
    }

    @Test
    void saysThatTheClusterIsUnwell() throws Exception {
        try (PageServer server = PageServer.jetty(limiter, 0)) {
            open(server);
            assertThat(browser.evaluate("document.querySelector('#node').checkVisibility()"))
                    .isEqualTo("false");
            ClusterMembership membership = limiter.joinCluster(FixedCluster.of(StatusPageTest.UNWELL));
            awaitText(
                    "#cluster",
                    "The Redis of the cluster fails: onClusterError=local holds for 3 clients."
                            + " It last did what it was asked for 7 s ago.");
            assertThat(browser.text("#shared"))
                    .contains("Clients with a reservation4", "Connections reserved120", "Failed requests9");
            membership.close();
            await().atMost(DEADLINE)
                    .untilAsserted(
                            () -> assertThat(browser.evaluate("document.querySelector('#cluster').checkVisibility()"))
                                    .isEqualTo("false"));
            assertThat(browser.complaints()).isEmpty();
        }
    }

    @Test
    void showsNoMarkupFromOutside() throws Exception {
        String hostile = "</script><script>hacked=1</script><img src=x onerror=hacked=1><b>\"'`${hacked=1}";
        String quoted = hostile.replace("\"", "\\\"");
        Document document = new Document();
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 0);
        server.createContext("/", exchange -> {
            boolean data = "view=data".equals(exchange.getRequestURI().getQuery());
            // What no limiter has: names of clients that are markup, and figures that are.
            String body = data
                    ? new StatusPage(limiter, hostile)
                            .answerWithoutClients("GET", "view=data")
                            .body()
                            .replace(
                                    "\"clients\"",
                                    "\"topClients\":[{\"client\":\"" + quoted + "\",\"open\":\"" + quoted
                                            + "\",\"pending\":1,\"streams\":1,\"limit\":\"" + quoted
                                            + "\"}],\"clients\"")
                    : document.html();
            byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
            exchange.getResponseHeaders().set("Content-Type", data ? "application/json" : "text/html;charset=utf-8");
            exchange.sendResponseHeaders(200, bytes.length);
            exchange.getResponseBody().write(bytes);
            exchange.close();
        });
        server.start();
        try {
            browser.open("http://127.0.0.1:" + server.getAddress().getPort() + "/status?<script>hacked=1</script>#<b>");
            awaitText("#state", "Live");
            assertThat(browser.text("#name")).isEqualTo(" " + hostile);
            assertThat(browser.text("#top th")).isEqualTo(hostile);
            assertThat(browser.evaluate("document.title")).contains(hostile);
            assertThat(browser.evaluate("document.querySelectorAll('img, b, script').length"))
                    .isEqualTo("1");
            assertThat(browser.evaluate("typeof hacked")).isEqualTo("undefined");
            assertThat(browser.complaints()).isEmpty();

            // Even a fault in the page could not run what comes from outside.
            assertThat(browser.evaluate("try { document.body.innerHTML = '<b>'; 'done' } catch (e) { e.name }"))
                    .isEqualTo("TypeError");
            browser.evaluate("document.body.append(Object.assign(document.createElement('img'), {src: '/x.png'}))");
            await().atMost(DEADLINE)
                    .untilAsserted(() -> assertThat(browser.complaints().toString())
                            .contains("violates the following Content Security Policy directive"));
        } finally {
            server.stop(0);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"light", "dark"})
    void canBeRead(String scheme) throws Exception {
        limiter.reconfigure(limits -> limits.toBuilder().dryRun(true).build());
        for (int i = 0; i < 9; i++) {
            limiter.tryAcquire(InetAddress.getByName("127.0.0.2"));
        }
        try (PageServer server = PageServer.jetty(limiter, 0)) {
            browser.colourScheme(scheme);
            open(server);
            awaitText("#top", "150%");
            // WCAG 2.2, 1.4.3 for text; 1.4.11 for the lines of the plots.
            assertThat(Double.parseDouble(contrast("lowest('" + TEXTS + "', 'color')")))
                    .isGreaterThanOrEqualTo(4.5);
            assertThat(Double.parseDouble(contrast("lowest('svg path', 'stroke')")))
                    .isGreaterThanOrEqualTo(3);
            boolean dark = contrast("luminance(getComputedStyle(document.body).backgroundColor) < 0.1")
                    .equals("true");
            assertThat(dark).isEqualTo(scheme.equals("dark"));
        }
    }

    private String contrast(String expression) throws Exception {
        return browser.evaluate("(() => {" + CONTRAST + "return " + expression + "})()");
    }

    /** The lowest contrast of visible elements to what is behind them, by WCAG's formula. */
    private static final String CONTRAST = """
            const numbers = colour => colour.match(/[0-9.]+/g).map(Number);
            const channel = value => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
            const luminance = colour => numbers(colour).slice(0, 3).map(channel)
                .reduce((sum, value, i) => sum + value * [0.2126, 0.7152, 0.0722][i], 0);
            const ground = element => {
              const colour = getComputedStyle(element).backgroundColor;
              return numbers(colour)[3] === 0 ? ground(element.parentElement) : colour;
            };
            const lowest = (selector, property) => Math.min(...[...document.querySelectorAll(selector)]
                .filter(element => element.checkVisibility())
                .map(element => [luminance(getComputedStyle(element)[property]), luminance(ground(element))].sort())
                .map(([darker, lighter]) => (Math.max(darker, lighter) + 0.05) / (Math.min(darker, lighter) + 0.05)));
            """;

    @ParameterizedTest
    @ValueSource(ints = {320, 412})
    void fitsAPhone(int width) throws Exception {
        for (int i = 0; i < 6; i++) {
            limiter.tryAcquire(InetAddress.getByName("2001:db8:ffff:ffff::" + i));
        }
        try (PageServer server = PageServer.jetty(limiter, 0)) {
            browser.size(width, 700, true);
            open(server);
            awaitText("#top", "2001:db8:ffff:ffff:0:0:0:0/64");
            browser.screenshot(Path.of("target", "screenshots", width + ".png"));
            // Wide tables scroll in their place; the page itself does not.
            assertThat(browser.evaluate("document.scrollingElement.scrollWidth"))
                    .isEqualTo(Integer.toString(width));
            assertThat(browser.evaluate("parseFloat(getComputedStyle(document.body).fontSize)"))
                    .isEqualTo("16");
            assertThat(Double.parseDouble(
                            browser.evaluate("document.querySelector('button').getBoundingClientRect().height")))
                    .isGreaterThanOrEqualTo(40);
        }
    }

    @Test
    void worksByKeyboard() throws Exception {
        try (PageServer server = PageServer.jetty(limiter, 0)) {
            open(server);
            browser.press("Tab", "Tab", 9, "");
            assertThat(browser.evaluate("document.activeElement.id")).isEqualTo("pause");
            assertThat(browser.evaluate("getComputedStyle(document.activeElement).outlineStyle"))
                    .isEqualTo("solid");
            browser.press("Enter", "Enter", 13, "\r");
            assertThat(browser.text("#state")).isEqualTo("Paused");
            assertThat(browser.text("#pause")).isEqualTo("Go on");
            assertAsksNothing();

            browser.press(" ", "Space", 32, " ");
            awaitText("#state", "Live");
            long asked = browser.requestedUrls().size();
            await().atMost(DEADLINE).until(() -> browser.requestedUrls().size() > asked);

            browser.press("Tab", "Tab", 9, "");
            assertThat(browser.evaluate("document.activeElement.getAttribute('aria-labelledby')"))
                    .isEqualTo("refusals-title");
            browser.press("Tab", "Tab", 9, "");
            assertThat(browser.evaluate("document.activeElement.getAttribute('aria-labelledby')"))
                    .isEqualTo("clients-title");
        }
    }

    /** Not even when its time has come. */
    private void assertAsksNothing() throws Exception {
        await().atMost(DEADLINE).until(() -> browser.evaluate("asking").equals("false"));
        int asked = browser.requestedUrls().size();
        browser.evaluate("update()");
        assertThat(browser.evaluate("asking")).isEqualTo("false");
        assertThat(browser.requestedUrls()).hasSize(asked);
    }

    @Test
    void asksNothingInTheBackground() throws Exception {
        try (PageServer server = PageServer.jetty(limiter, 0)) {
            open(server);
            browser.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true}); 1");
            assertAsksNothing();
            browser.evaluate("delete document.hidden; document.dispatchEvent(new Event('visibilitychange')); 1");
            int asked = browser.requestedUrls().size();
            await().atMost(DEADLINE).until(() -> browser.requestedUrls().size() > asked);
        }
    }

    @Test
    void speaksToAScreenReader() throws Exception {
        try (PageServer server = PageServer.jetty(limiter, 0)) {
            open(server);
            List<String> spoken = browser.accessible();
            assertThat(spoken)
                    .contains(
                            "heading connlimit web",
                            "button Pause",
                            "heading Now",
                            "heading Open connections",
                            "heading Connections a second",
                            "region Refusals by reason",
                            "region Clients with most connections",
                            "columnheader Reason",
                            "columnheader Share of its limit",
                            "rowheader Too many connections",
                            "rowheader 127.0.0.1/32")
                    .anyMatch(line ->
                            line.matches("(image|graphics-document|img) Open connections [0-9]+ now\\. At most .*"))
                    .anyMatch(
                            line -> line.matches("(image|graphics-document|img) Connections a second Over the last .*"))
                    .noneMatch(line -> line.startsWith("meter"));
            assertThat(browser.evaluate("document.documentElement.lang")).isEqualTo("en");
        }
    }

    @Test
    void saysWhenItIsNotLive() throws Exception {
        int port;
        try (PageServer server = PageServer.jetty(limiter, 0)) {
            port = server.port();
            open(server);
        }
        awaitText("#trouble", "No figures from the server");
        assertThat(browser.text("#state")).isEqualTo("Not live");
        assertThat(browser.accessible()).anyMatch(line -> line.startsWith("alert") || line.contains("No figures"));
        try (PageServer again = PageServer.jetty(limiter, port)) {
            assertThat(again.port()).isEqualTo(port);
            awaitText("#state", "Live");
            assertThat(browser.evaluate("document.querySelector('#trouble').checkVisibility()"))
                    .isEqualTo("false");
        }
    }
}
