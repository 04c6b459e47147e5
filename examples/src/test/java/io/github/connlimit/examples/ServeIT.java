package io.github.connlimit.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.google.gson.JsonObject;
import com.sun.tools.attach.VirtualMachine;
import io.github.connlimit.ConnectionLimiterMXBean;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import javax.management.Attribute;
import javax.management.JMX;
import javax.management.MBeanServerConnection;
import javax.management.ObjectName;
import javax.management.remote.JMXConnector;
import javax.management.remote.JMXConnectorFactory;
import javax.management.remote.JMXServiceURL;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

@Execution(ExecutionMode.CONCURRENT)
class ServeIT {

    /** What a process exits with that is ended by SIGTERM. */
    private static final int TERMINATED = 128 + 15;

    private static final Duration TIMEOUT = Duration.ofSeconds(20);

    @TempDir
    Path directory;

    static Stream<Arguments> servers() {
        return Stream.of("jetty", "tomcat", "tomcat-nio2", "netty", "tcp")
                .flatMap(server -> Stream.of(Arguments.of(server, false), Arguments.of(server, true)));
    }

    @ParameterizedTest
    @MethodSource("servers")
    void servesAndLimitsAndStops(String server, boolean tls) throws Exception {
        try (ExamplesProcess process = start(server, tls, "--max-per-client", "3", "--rules", "127.0.0.4=1")) {
            int port = process.awaitPort();
            Requests requests = new Requests(port, tls, HttpClient.Version.HTTP_1_1);
            assertThat(requests.get("/")).isEqualTo("200 OK\n");
            assertThat(requests.get("/nothing")).startsWith("404 ");
            assertThat(requests.get("/hold?ms=61000"))
                    .isEqualTo("400 ms: \"61000\" is not allowed; a whole number from 0 to 60000\n");
            long start = System.nanoTime();
            assertThat(requests.get("/hold?ms=300")).isEqualTo("200 OK\n");
            assertThat(Duration.ofNanos(System.nanoTime() - start)).isGreaterThanOrEqualTo(Duration.ofMillis(300));

            List<TestClient> greedy = open(5, "127.0.0.2", port, tls, 3);
            open(2, "127.0.0.4", port, tls, 1);
            JsonObject limits = requests.limits();
            assertThat(limits.get("limit").getAsInt()).isEqualTo(3);
            assertThat(limits.get("refused").getAsInt()).isEqualTo(3);
            assertThat(limits.get("admitted").getAsInt()).isGreaterThanOrEqualTo(5);
            assertThat(limits.get("open").getAsInt()).isGreaterThanOrEqualTo(5);
            JsonObject top = limits.getAsJsonArray("topClients").get(0).getAsJsonObject();
            assertThat(top.toString())
                    .isEqualTo("{\"client\":\"127.0.0.2/32\",\"open\":3,\"pending\":0,\"streams\":0,\"limit\":3}");

            assertThat(requests.get("/metrics"))
                    .contains("\nconnlimit_client_connections_max{name=\"example\"} 3.0\n")
                    .contains("\nconnlimit_connections_refused_total{name=\"example\",reason=\"connections\"} 3.0\n");
            assertThat(requests.get("/status?view=data"))
                    .startsWith("200 {\"name\":\"example\",")
                    .contains("{\"client\":\"127.0.0.2/32\",\"open\":3,\"pending\":0,\"streams\":0,\"limit\":3}");
            HttpResponse<String> page = requests.exchange("GET", "/status");
            assertThat(page.headers().firstValue("Content-Security-Policy").orElseThrow())
                    .startsWith("default-src 'none'; ");
            assertThat(page.body()).startsWith("<!DOCTYPE html>").endsWith("</html>\n");

            greedy.get(0).close();
            await().atMost(TIMEOUT).until(() -> requests.openConnectionsOf("127.0.0.2/32") == 2);
            open(2, "127.0.0.2", port, tls, 1);

            assertThat(requests.put("/limits?max-per-client=-1"))
                    .isEqualTo("400 maxPerClient: \"-1\" is not allowed;"
                            + " a whole number from 0 to 2147483647 (0 = unlimited)\n");
            assertThat(requests.put("/limits")).startsWith("400 ");
            assertThat(requests.limits().get("limit").getAsInt()).isEqualTo(3);
            open(1, "127.0.0.2", port, tls, 0);

            assertThat(requests.put("/limits?max-per-client=5")).startsWith("200 {\"limit\":5,");
            open(3, "127.0.0.2", port, tls, 2);
            assertThat(process.terminate()).isEqualTo(TERMINATED);
            assertThat(process.err()).doesNotContainIgnoringCase("exception", "warn", "error,", "severe");
            assertThat(process.leftBehind()).isEmpty();
        }
    }

    private final List<TestClient> opened = new ArrayList<>();

    private List<TestClient> open(int attempts, String from, int port, boolean tls, int admitted) throws Exception {
        List<TestClient> clients = new ArrayList<>();
        for (int i = 0; i < attempts; i++) {
            TestClient.admitted(from, port, tls).ifPresent(clients::add);
        }
        assertThat(clients).as("of %d connections from %s", attempts, from).hasSize(admitted);
        opened.addAll(clients);
        return clients;
    }

    @ParameterizedTest
    @CsvSource({"jetty,false", "jetty,true", "tomcat,false", "tomcat,true", "tomcat-nio2,false", "tomcat-nio2,true"})
    void speaksHttp2AndWebSocket(String server, boolean tls) throws Exception {
        try (ExamplesProcess process = start(server, tls)) {
            int port = process.awaitPort();
            Requests requests = new Requests(port, tls, HttpClient.Version.HTTP_2);
            // In clear text, the first request is the one that upgrades.
            assertThat(requests.get("/")).isEqualTo("200 OK\n");
            assertThat(requests.exchange("GET", "/").version()).isEqualTo(HttpClient.Version.HTTP_2);
            assertThat(requests.get("/hold?ms=50")).isEqualTo("200 OK\n");

            assertThat(requests.echo("one")).isEqualTo("one");
            // The one that the HTTP client keeps; the WebSocket has been closed.
            await().atMost(TIMEOUT).until(() -> requests.limits().get("open").getAsInt() == 1);
        }
    }

    @Test
    void nettySpeaksWebSocket() throws Exception {
        try (ExamplesProcess process = start("netty", false)) {
            Requests requests = new Requests(process.awaitPort(), false, HttpClient.Version.HTTP_1_1);
            assertThat(requests.echo("one")).isEqualTo("one");
            await().atMost(TIMEOUT).until(() -> requests.limits().get("open").getAsInt() == 1);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"jetty", "tomcat", "tomcat-nio2", "netty", "tcp"})
    void countsNothingAndRefusesNothingWhenOff(String server) throws Exception {
        try (ExamplesProcess process = start(server, false, "--off", "--max-per-client", "1")) {
            int port = process.awaitPort();
            open(5, "127.0.0.2", port, false, 5);
            assertThat(new Requests(port, false, HttpClient.Version.HTTP_1_1).get("/limits"))
                    .isEqualTo("404 this server was started with --off: nothing is limited or counted\n");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"jetty", "tomcat", "tomcat-nio2", "netty", "tcp"})
    void forgetsClientsThatResetAndStopsWithRequestsInFlight(String server) throws Exception {
        try (ExamplesProcess process = start(server, false)) {
            int port = process.awaitPort();
            Requests requests = new Requests(port, false, HttpClient.Version.HTTP_1_1);
            for (TestClient client : open(10, "127.0.0.2", port, false, 10)) {
                client.send("GET /hold?ms=1000 HTTP/1.1\r\nHost: localhost\r\n\r\n");
                client.reset();
            }
            await().atMost(TIMEOUT).until(() -> requests.openConnectionsOf("127.0.0.2/32") == 0);

            for (TestClient client : open(5, "127.0.0.2", port, false, 5)) {
                client.send("GET /hold?ms=60000 HTTP/1.1\r\nHost: localhost\r\n\r\n");
            }
            assertThat(process.terminate()).isEqualTo(TERMINATED);
            assertThat(process.err()).isEmpty();
        }
    }

    @ParameterizedTest
    @CsvSource({"jetty,true", "tomcat,true", "tcp,false", "tomcat-nio2,true", "netty,true"})
    void respondsWhereHttpIsSpokenInClearText(String server, boolean responds) throws Exception {
        try (ExamplesProcess process = start(server, false, "--refuse", "respond", "--rules", "127.0.0.2=1")) {
            int port = process.awaitPort();
            open(1, "127.0.0.2", port, false, 1);
            String answer = TestClient.answerTo("127.0.0.2", port);
            if (responds) {
                assertThat(answer).startsWith("HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\n");
            } else {
                assertThat(answer).isEqualTo("reset");
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"jetty", "tomcat", "tomcat-nio2"})
    void respondsOverTls(String server) throws Exception {
        try (ExamplesProcess process = start(server, true, "--refuse", "respond", "--rules", "127.0.0.2=1")) {
            int port = process.awaitPort();
            open(1, "127.0.0.2", port, true, 1);
            try (TestClient refused = TestClient.connected("127.0.0.2", port, true)) {
                assertThat(refused.get("/")).isEqualTo("429 client connection limit reached\n");
            }
            assertThat(limits(port, true).get("responded").getAsInt()).isEqualTo(1);
        }
    }

    @ParameterizedTest
    @MethodSource("servers")
    void closesConnectionsThatSayNothing(String server, boolean tls) throws Exception {
        String[] options = {"--handshake-timeout", "3s", "--rules", "127.0.0.2=1"};
        try (ExamplesProcess process = start(server, tls, options);
                Socket silent = new Socket()) {
            int port = process.awaitPort();
            silent.bind(new InetSocketAddress("127.0.0.2", 0));
            silent.connect(new InetSocketAddress("127.0.0.1", port));
            silent.setSoTimeout((int) TIMEOUT.toMillis());
            assertThat(endOf(silent)).isTrue();
            // The client may know of it a moment before its place is free.
            Requests requests = new Requests(port, tls, HttpClient.Version.HTTP_1_1);
            await().atMost(TIMEOUT).until(() -> requests.openConnectionsOf("127.0.0.2/32") == 0);
            open(1, "127.0.0.2", port, tls, 1);
            assertThat(limits(port, tls).get("timedOut").getAsInt()).isEqualTo(1);
            await().atMost(TIMEOUT).until(() -> process.err().contains("timed out: 127.0.0.2/32 ("));
        }
    }

    /** Whether the server ends the connection, by a TLS alert perhaps; fails after the socket's time-out if not. */
    private static boolean endOf(Socket socket) throws IOException {
        try {
            socket.getInputStream().readAllBytes();
        } catch (SocketException reset) {
            // An end, too.
        }
        return true;
    }

    @ParameterizedTest
    @ValueSource(strings = {"jetty", "tomcat", "tomcat-nio2", "netty", "tcp"})
    void refusesTooManyPendingConnections(String server) throws Exception {
        try (ExamplesProcess process = start(server, false, "--max-pending", "1", "--handshake-timeout", "0");
                Socket silent = new Socket()) {
            int port = process.awaitPort();
            silent.bind(new InetSocketAddress("127.0.0.2", 0));
            silent.connect(new InetSocketAddress("127.0.0.1", port));
            await().atMost(TIMEOUT).until(() -> limits(port, false).get("open").getAsInt() >= 2);
            open(1, "127.0.0.2", port, false, 0);
            assertThat(limits(port, false).get("refusedPending").getAsInt()).isEqualTo(1);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"jetty", "tomcat", "tomcat-nio2", "netty"})
    void keepsAReserveFreeOfStreams(String server) throws Exception {
        try (ExamplesProcess process = start(server, false, "--reserve", "2", "--rules", "127.0.0.2=8")) {
            int port = process.awaitPort();
            for (int i = 0; i < 6; i++) {
                opened.add(TestClient.connected("127.0.0.2", port, false));
                assertThat(opened.get(i).upgrade()).isEqualTo("101");
            }
            try (TestClient seventh = TestClient.connected("127.0.0.2", port, false)) {
                assertThat(seventh.upgrade()).isEqualTo("429");
            }
            open(1, "127.0.0.2", port, false, 1);
            JsonObject limits = limits(port, false);
            assertThat(limits.get("refusedStreams").getAsInt()).isEqualTo(1);
            JsonObject top = limits.getAsJsonArray("topClients").get(0).getAsJsonObject();
            assertThat(top.get("streams").getAsInt()).isEqualTo(6);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"jetty", "tomcat", "tomcat-nio2", "netty", "tcp"})
    void refusesNothingInADryRun(String server) throws Exception {
        try (ExamplesProcess process = start(server, false, "--dry-run", "--rules", "127.0.0.2=1")) {
            int port = process.awaitPort();
            open(3, "127.0.0.2", port, false, 3);
            JsonObject limits = limits(port, false);
            assertThat(limits.get("dryRun").getAsBoolean()).isTrue();
            assertThat(limits.get("refused").getAsInt()).isZero();
            assertThat(limits.get("dryRunRefused").getAsInt()).isEqualTo(2);
            assertThat(process.err()).contains("dry run, would refuse: 127.0.0.2/32 (CONNECTIONS; ");
        }
    }

    @ParameterizedTest
    @CsvSource({"jetty,false", "jetty,true", "netty,false", "netty,true"})
    void countsTheClientOfAProxyHeader(String server, boolean tls) throws Exception {
        String[] options = {"--proxy-protocol", "--trusted-proxies", "127.0.0.2", "--rules", "192.0.2.1=1"};
        try (ExamplesProcess process = start(server, tls, options)) {
            int port = process.awaitPort();
            String header = "PROXY TCP4 192.0.2.1 192.0.2.9 1000 80\r\n";
            Optional<TestClient> first = TestClient.admitted("127.0.0.2", port, tls, header);
            assertThat(first).isPresent();
            opened.add(first.get());
            assertThat(TestClient.admitted("127.0.0.2", port, tls, header)).isEmpty();
            // From somebody who is not trusted, it changes nothing.
            assertThat(TestClient.admitted("127.0.0.3", port, tls, header)).isPresent();
            assertThat(first.get().get("/limits")).contains("\"client\":\"192.0.2.1/32\",\"open\":1,");
            assertThat(first.get().put("/limits?max-per-client=1")).startsWith("403 ");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"jetty", "tomcat", "tomcat-nio2"})
    void countsTheRequestsOfAForwardedClient(String server) throws Exception {
        try (ExamplesProcess process =
                start(server, false, "--trusted-proxies", "127.0.0.2", "--rules", "192.0.2.1=1")) {
            int port = process.awaitPort();
            String forwarded = "X-Forwarded-For: 192.0.2.1\r\n";
            TestClient first = TestClient.connected("127.0.0.2", port, false);
            opened.add(first);
            first.send("GET /hold?ms=60000 HTTP/1.1\r\nHost: localhost\r\n" + forwarded + "\r\n");
            Requests requests = new Requests(port, false, HttpClient.Version.HTTP_1_1);
            await().atMost(TIMEOUT).until(() -> requests.openConnectionsOf("192.0.2.1/32") == 1);
            try (TestClient second = TestClient.connected("127.0.0.2", port, false);
                    TestClient untrusted = TestClient.connected("127.0.0.3", port, false)) {
                assertThat(second.get("/")).isEqualTo("200 OK\n");
                assertThat(second.request("GET", "/", forwarded)).isEqualTo("429 client connection limit reached\n");
                assertThat(untrusted.request("GET", "/", forwarded)).isEqualTo("200 OK\n");
            }
            try (TestClient posing = TestClient.connected("127.0.0.2", port, false)) {
                assertThat(posing.request("PUT", "/limits?max-per-client=1", "X-Forwarded-For: 127.0.0.1\r\n"))
                        .startsWith("403 ");
                for (String target : List.of("/metrics", "/status", "/status?view=data")) {
                    assertThat(posing.request("GET", target, forwarded.replace("192.0.2.1", "127.0.0.1")))
                            .startsWith("403 ");
                }
            }
        }
    }

    private static JsonObject limits(int port, boolean tls) throws Exception {
        return new Requests(port, tls, HttpClient.Version.HTTP_1_1).limits();
    }

    @Test
    void registersTheLimiterInJmx() throws Exception {
        try (ExamplesProcess process = start("tcp", false, "--jmx", "--max-per-client", "3")) {
            int port = process.awaitPort();
            VirtualMachine machine = VirtualMachine.attach(Long.toString(process.pid()));
            String url = machine.startLocalManagementAgent();
            machine.detach();
            try (JMXConnector connector = JMXConnectorFactory.connect(new JMXServiceURL(url))) {
                MBeanServerConnection server = connector.getMBeanServerConnection();
                ObjectName name = new ObjectName("io.github.connlimit:type=ConnectionLimiter,name=tcp");
                ConnectionLimiterMXBean limiter = JMX.newMXBeanProxy(server, name, ConnectionLimiterMXBean.class);
                assertThat(server.getAttribute(name, "MaxPerClient")).isEqualTo(3);
                server.setAttribute(name, new Attribute("MaxPerClient", 1));
                open(2, "127.0.0.2", port, false, 1);
                assertThat(limiter.getRefused()).isEqualTo(1);
                assertThat(limiter.topClients(1).get(0).getAddress()).isEqualTo("127.0.0.2/32");
            }
        }
    }

    @Test
    void countsIpv6ClientsByTheConfiguredPrefix() throws Exception {
        try (ExamplesProcess process = start("tcp", false, "--ipv6-prefix", "16")) {
            HttpResponse<String> response = HttpClient.newHttpClient()
                    .send(
                            HttpRequest.newBuilder(URI.create("http://[::1]:" + process.awaitPort() + "/limits"))
                                    .build(),
                            HttpResponse.BodyHandlers.ofString());
            assertThat(response.body())
                    .contains(
                            "{\"client\":\"0:0:0:0:0:0:0:0/16\",\"open\":1,\"pending\":0,\"streams\":0,\"limit\":100}");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"jetty", "tomcat", "tomcat-nio2", "netty", "tcp"})
    void saysSoIfThePortIsTaken(String server) throws Exception {
        try (ExamplesProcess first = start("tcp", false)) {
            String port = Integer.toString(first.awaitPort());
            Path other = directory.resolve("second");
            try (ExamplesProcess second = ExamplesProcess.start(other, "serve", "--server", server, "--port", port)) {
                assertThat(second.awaitExit()).isEqualTo(1);
                assertThat(second.err()).contains("cannot listen on port " + port + ": Address already in use");
                assertThat(second.out()).isEmpty();
                assertThat(second.leftBehind()).isEmpty();
            }
        }
    }

    private ExamplesProcess start(String server, boolean tls, String... options) throws IOException {
        List<String> arguments = new ArrayList<>(List.of("serve", "--server", server, "--port", "0"));
        if (tls) {
            arguments.add("--tls");
        }
        arguments.addAll(List.of(options));
        return ExamplesProcess.start(directory, arguments.toArray(String[]::new));
    }
}
