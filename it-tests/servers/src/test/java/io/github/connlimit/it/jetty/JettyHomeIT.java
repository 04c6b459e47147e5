package io.github.connlimit.it.jetty;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.testing.RedisProcess;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509TrustManager;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The module "connlimit" in unpacked jetty-home distributions. */
@Tag("distribution")
@Tag("jetty")
class JettyHomeIT {

    private static final String GREEDY = "127.0.0.2";
    private static final String MODEST = "127.0.0.3";
    private static final String EXEMPT = "127.0.0.4";
    private static final String PASSWORD = "changeit";
    private static final int TIMEOUT_MILLIS = 30_000;

    private final List<Socket> open = new ArrayList<>();

    @AfterEach
    void closeAll() throws IOException {
        for (Socket socket : open) {
            socket.close();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"https,http,connlimit", "connlimit,http,https"})
    void limitsHttpAndHttpsTogether(String modules) throws Exception {
        try (JettyHomeProcess jetty = new JettyHomeProcess(home(), newBase())) {
            jetty.makeKeyStore(PASSWORD);
            jetty.addModules(modules);
            jetty.set("connlimit", "connlimit.maxPerClient", "3");
            jetty.start(
                    "jetty.http.host=127.0.0.1",
                    "jetty.http.port=0",
                    "jetty.ssl.host=127.0.0.1",
                    "jetty.ssl.port=0",
                    "jetty.sslContext.keyStorePassword=" + PASSWORD);
            jetty.awaitLog("Started oejs.Server@");
            int http = port(jetty.log(), "http/1.1");
            int https = port(jetty.log(), "ssl");

            Socket first = connect(GREEDY, http);
            assertThat(get(first)).startsWith("HTTP/1.1 404");
            assertThat(get(connect(GREEDY, http))).startsWith("HTTP/1.1 404");
            assertThat(get(tls(connect(GREEDY, https)))).startsWith("HTTP/1.1 404");
            assertReset(GREEDY, http);
            assertReset(GREEDY, https);
            assertThat(get(connect(MODEST, http))).startsWith("HTTP/1.1 404");
            assertThat(get(tls(connect(MODEST, https)))).startsWith("HTTP/1.1 404");

            first.close();
            Awaitility.await()
                    .atMost(Duration.ofMillis(TIMEOUT_MILLIS))
                    .ignoreExceptionsInstanceOf(SocketException.class)
                    .until(() -> get(tls(connect(GREEDY, https))).startsWith("HTTP/1.1 404"));
            assertReset(GREEDY, http);

            // As the JVM ends on SIGTERM.
            assertThat(jetty.stop()).isEqualTo(128 + 15);
            assertThat(jetty.log()).contains("Stopped oejs.Server@");
            assertNoTrouble(jetty);
        }
    }

    @Test
    void knowsEverySettingOfItsTemplate() throws Exception {
        try (JettyHomeProcess jetty = new JettyHomeProcess(home(), newBase())) {
            jetty.addModules("http,connlimit");
            List<String> expected = new ArrayList<>();
            ConnectionLimits.settings().forEach(setting -> expected.add("connlimit." + setting.key()));
            expected.add("connlimit.jmx");
            assertThat(jetty.settings("connlimit")).containsExactlyElementsOf(expected);
            jetty.set("connlimit", "connlimit.maxPerClient", "1");
            jetty.set("connlimit", "connlimit.rules", "127.0.0.4/32=2, 10.0.0.0/8=unlimited");
            jetty.set("connlimit", "connlimit.ipv4Prefix", "31");
            jetty.set("connlimit", "connlimit.ipv6Prefix", "56");
            jetty.set("connlimit", "connlimit.refuse", "respond");
            jetty.set("connlimit", "connlimit.onError", "admit");
            jetty.set("connlimit", "connlimit.jmx", "true");
            jetty.start("jetty.http.host=127.0.0.1", "jetty.http.port=0");
            jetty.awaitLog("Started oejs.Server@");
            int http = port(jetty.log(), "http/1.1");

            assertThat(get(connect(GREEDY, http))).startsWith("HTTP/1.1 404");
            // 127.0.0.2 and 127.0.0.3 are one client by a prefix of 31 bits.
            assertThat(get(connect(MODEST, http))).startsWith("HTTP/1.1 429");
            assertThat(get(connect(EXEMPT, http))).startsWith("HTTP/1.1 404");
            assertThat(get(connect(EXEMPT, http))).startsWith("HTTP/1.1 404");
            assertThat(get(connect(EXEMPT, http))).startsWith("HTTP/1.1 429");

            assertThat(jetty.stop()).isEqualTo(128 + 15);
            assertNoTrouble(jetty);
        }
    }

    /** The one that comes first has the whole limit, and the other what is free. */
    @Test
    void holdsOneLimitWithAnotherServer() throws Exception {
        try (RedisProcess redis = new RedisProcess("--requirepass", "secret").start();
                JettyHomeProcess one = clusterNode(redis);
                JettyHomeProcess other = clusterNode(redis)) {
            int first = port(one.log(), "http/1.1");
            int second = port(other.log(), "http/1.1");
            AtomicInteger there = new AtomicInteger();
            Awaitility.await()
                    .atMost(Duration.ofMillis(TIMEOUT_MILLIS))
                    .until(() -> there.addAndGet(served(first)) == 20);
            assertThat(served(second)).isEqualTo(2);
            for (int i = 0; i < 20; i++) {
                assertReset(GREEDY, first);
                assertReset(GREEDY, second);
            }
            for (JettyHomeProcess jetty : List.of(one, other)) {
                assertThat(jetty.stop()).isEqualTo(128 + 15);
                assertNoTrouble(jetty);
                assertThat(jetty.log()).doesNotContain("secret");
            }
        }
    }

    private JettyHomeProcess clusterNode(RedisProcess redis) throws Exception {
        JettyHomeProcess jetty = new JettyHomeProcess(home(), newBase());
        jetty.unpack("cluster-jetty-home");
        jetty.addModules("http,connlimit,connlimit-cluster");
        jetty.set("connlimit", "connlimit.maxPerClient", "20");
        jetty.set("connlimit", "connlimit.freePerClient", "2");
        jetty.set("connlimit", "connlimit.clusterUri", redis.uri("secret"));
        jetty.start("jetty.http.host=127.0.0.1", "jetty.http.port=0");
        jetty.awaitLog("Started oejs.Server@");
        return jetty;
    }

    /** Opens connections until one is refused, and leaves them open: how many there were. */
    private int served(int port) throws IOException {
        int served = 0;
        try {
            while (get(connect(GREEDY, port)).startsWith("HTTP/1.1 404")) {
                served++;
            }
        } catch (SocketException refused) {
            // No more for now.
        }
        return served;
    }

    @Test
    void doesNotStartWithABadSetting() throws Exception {
        try (JettyHomeProcess jetty = new JettyHomeProcess(home(), newBase())) {
            jetty.addModules("http,connlimit");
            jetty.set("connlimit", "connlimit.ipv6Prefix", "129");
            jetty.start("jetty.http.host=127.0.0.1", "jetty.http.port=0");
            assertThat(jetty.awaitEnd()).isNotZero();
            assertThat(jetty.log())
                    .contains("ipv6Prefix: \"129\" is not allowed; a whole number from 0 to 128")
                    .doesNotContain("Started");
        }
    }

    private static void assertNoTrouble(JettyHomeProcess jetty) throws IOException {
        // Jetty finds fault with some of the cipher suites that this JDK enables.
        assertThat(jetty.log().lines().filter(line -> !line.contains("Weak cipher suite")))
                .isNotEmpty()
                .noneMatch(line -> line.contains("WARN") || line.contains("ERROR") || line.contains("Exception"));
    }

    private static Path home() {
        return Path.of(System.getProperty("connlimit.it.dist.jetty-home"));
    }

    private static Path newBase() throws IOException {
        return Files.createTempDirectory(
                Files.createDirectories(Path.of("target", "jetty-base").toAbsolutePath()), "base");
    }

    /** The port of the connector that has this protocol first, besides connlimit's own. */
    private static int port(String log, String protocol) {
        Matcher started = Pattern.compile("Started \\S*ServerConnector@\\w+\\{[^(]*\\(" + Pattern.quote(protocol)
                        + "[^{]*\\{127\\.0\\.0\\.1:(\\d+)}")
                .matcher(log);
        assertThat(started.find()).as(log).isTrue();
        return Integer.parseInt(started.group(1));
    }

    private Socket connect(String from, int port) throws IOException {
        Socket socket = new Socket();
        open.add(socket);
        socket.setSoTimeout(TIMEOUT_MILLIS);
        socket.bind(new InetSocketAddress(from, 0));
        socket.connect(new InetSocketAddress("127.0.0.1", port), TIMEOUT_MILLIS);
        return socket;
    }

    private void assertReset(String from, int port) throws IOException {
        try {
            int read = connect(from, port).getInputStream().read();
            assertThat(read).as("read instead of a reset").isNull();
        } catch (SocketException reset) {
            assertThat(reset).hasMessageContaining("reset");
        }
    }

    /** The status line. */
    private static String get(Socket socket) throws IOException {
        socket.getOutputStream().write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
        InputStream in = socket.getInputStream();
        return new String(in.readNBytes("HTTP/1.1 404".length()), StandardCharsets.US_ASCII);
    }

    private Socket tls(Socket below) throws IOException, GeneralSecurityException {
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, new TrustManager[] {new TrustAnybody()}, null);
        Socket socket = context.getSocketFactory().createSocket(below, "localhost", below.getPort(), true);
        open.add(socket); // Java 17 closes an SSLSocket that nobody holds at the next garbage collection
        return socket;
    }

    private static final class TrustAnybody implements X509TrustManager {

        @Override
        public void checkClientTrusted(X509Certificate[] chain, String authType) {}

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String authType) {}

        @Override
        public X509Certificate[] getAcceptedIssuers() {
            return new X509Certificate[0];
        }
    }
}
