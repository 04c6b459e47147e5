package io.github.connlimit.examples.springboot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The jar, as the documentation says to run it. */
class ExampleApplicationIT {

    private static final Pattern LISTENING = Pattern.compile("(?m)^listening on (\\d+)$");

    @TempDir
    private Path directory;

    private final List<Socket> open = new ArrayList<>();

    @ParameterizedTest
    @CsvSource({"default, Tomcat", "jetty, Jetty"})
    void isLimitedAndShowsIt(String profile, String server) throws Exception {
        Path log = directory.resolve("log");
        Process app = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-XX:TieredStopAtLevel=1",
                        "-jar",
                        System.getProperty("connlimit.example.jar"),
                        "--server.port=0",
                        "--spring.profiles.active=" + profile,
                        "--connlimit.max-per-client=5")
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
        try {
            Matcher listening = await().atMost(60, TimeUnit.SECONDS)
                    .until(() -> LISTENING.matcher(Files.readString(log)), matcher -> matcher.find() || !app.isAlive());
            assertThat(app.isAlive()).as(Files.readString(log)).isTrue();
            int port = Integer.parseInt(listening.group(1));
            assertThat(served("127.0.0.2", port, 8)).isEqualTo(5);
            assertThat(served("127.0.0.3", port, 1)).isEqualTo(1);
            assertThat(get(port, "/")).isEqualTo("200 OK");
            assertThat(get(port, "/actuator/health")).startsWith("200 ");
            assertThat(get(port, "/actuator/metrics/connlimit.clients")).startsWith("200 ");
            assertThat(get(port, "/actuator/prometheus"))
                    .contains("connlimit_client_connections_max{name=\"server\"} 5.0");
            assertThat(get(port, "/actuator/connlimit")).startsWith("200 ").contains("127.0.0.2/32");
            assertThat(Files.readString(log))
                    .contains("Limits the connections of each client: " + server + " on port " + port)
                    .doesNotContain(" WARN ");
        } finally {
            for (Socket socket : open) {
                socket.close();
            }
            app.destroyForcibly();
        }
    }

    private int served(String from, int port, int connections) throws IOException {
        int served = 0;
        for (int i = 0; i < connections; i++) {
            try {
                Socket socket = new Socket("127.0.0.1", port, InetAddress.getByName(from), 0);
                open.add(socket);
                socket.setSoTimeout(20_000);
                socket.getOutputStream()
                        .write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
                served += socket.getInputStream().readNBytes(12).length == 12 ? 1 : 0;
            } catch (SocketException reset) {
                // Refused.
            }
        }
        return served;
    }

    private static String get(int port, String path) throws Exception {
        HttpResponse<String> response = HttpClient.newHttpClient()
                .send(
                        HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path))
                                .build(),
                        HttpResponse.BodyHandlers.ofString());
        return response.statusCode() + " " + response.body();
    }
}
