package io.github.connlimit.it.docs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Does with unpacked distributions what the pages in docs say, to the letter, and finds them limited. */
@Tag("distribution")
class DistributionSnippetsIT {

    private static final Duration TIMEOUT = Duration.ofSeconds(90);

    @TempDir
    Path directory;

    @Test
    void limitsJetty() throws Exception {
        Path home = Path.of(System.getProperty("connlimit.it.dist.jetty-home"));
        Path base = Files.createDirectory(directory.resolve("base"));
        Map<String, String> environment = Map.of("JETTY_HOME", home.toString(), "JETTY_BASE", base.toString());
        String start = "java -jar \"$JETTY_HOME/start.jar\" ";
        run("cd \"$JETTY_BASE\" && " + start + "--add-modules=http", environment);

        run(Docs.snippet("jetty-home"), environment);
        Files.writeString(
                base.resolve("start.d/connlimit.ini"), Docs.snippet("jetty-home-ini"), StandardOpenOption.APPEND);

        assertLimit(
                start("cd \"$JETTY_BASE\" && exec " + start + "jetty.http.port=0", environment),
                "Started .*ServerConnector@.*\\{0\\.0\\.0\\.0:([0-9]+)\\}");
    }

    @Test
    void limitsTomcat() throws Exception {
        Path home = directory.resolve("tomcat");
        copy(Path.of(System.getProperty("connlimit.it.dist.tomcat")), home);
        Map<String, String> environment =
                Map.of("CATALINA_HOME", home.toString(), "JAVA_HOME", System.getProperty("java.home"));

        run(Docs.snippet("tomcat-lib"), environment);
        Path serverXml = home.resolve("conf/server.xml");
        String stock = Files.readString(serverXml);
        String limited = stock.replaceFirst(
                        "<Connector port=\"8080\" protocol=\"HTTP/1.1\"[^>]*/>",
                        Matcher.quoteReplacement(
                                Docs.snippet("server.xml-connector").replace("\"8080\"", "\"0\"")))
                .replace("<Server port=\"8005\"", "<Server port=\"-1\"");
        assertThat(limited).contains("ConnectionLimitHttp11NioProtocol").contains("port=\"-1\"");
        Files.writeString(serverXml, limited);

        assertLimit(
                start("exec \"$CATALINA_HOME/bin/catalina.sh\" run", environment),
                "Starting ProtocolHandler \\[\"http-nio-auto-1-([0-9]+)\"\\]");
    }

    private static void copy(Path from, Path to) throws IOException {
        try (Stream<Path> files = Files.walk(from)) {
            for (Path file : files.toList()) {
                Files.copy(file, to.resolve(from.relativize(file).toString()), StandardCopyOption.COPY_ATTRIBUTES);
            }
        }
    }

    /** Runs a script that has to succeed. */
    private void run(String script, Map<String, String> environment) throws Exception {
        Process process = start(script, environment);
        assertThat(process.waitFor(TIMEOUT.toSeconds(), TimeUnit.SECONDS)).isTrue();
        assertThat(process.exitValue()).as("%s%n%s", script, log()).isZero();
    }

    private Process start(String script, Map<String, String> environment) throws IOException {
        ProcessBuilder builder = new ProcessBuilder("sh", "-e", "-c", script)
                .redirectErrorStream(true)
                .redirectOutput(directory.resolve("log").toFile());
        builder.environment().putAll(environment);
        builder.environment().put("CONNLIMIT", Docs.ROOT.toString());
        builder.environment()
                .merge(
                        "PATH",
                        Path.of(System.getProperty("java.home"), "bin").toString(),
                        (path, jdk) -> jdk + ":" + path);
        return builder.start();
    }

    private String log() throws IOException {
        return Files.readString(directory.resolve("log"));
    }

    /** Asserts that the server, once it listens, admits the 50 connections of the pages and not one more. */
    private void assertLimit(Process server, String listening) throws Exception {
        List<Socket> admitted = new ArrayList<>();
        try {
            Pattern line = Pattern.compile(listening);
            await().atMost(TIMEOUT)
                    .until(() -> !server.isAlive() || line.matcher(log()).find());
            Matcher port = line.matcher(log());
            assertThat(port.find()).as("a server that listens: %s", log()).isTrue();
            for (int i = 0; i < 60; i++) {
                open(Integer.parseInt(port.group(1)), admitted);
            }
            assertThat(admitted).hasSize(50);
        } finally {
            for (Socket socket : admitted) {
                socket.close();
            }
            server.destroy();
            assertThat(server.waitFor(TIMEOUT.toSeconds(), TimeUnit.SECONDS)).isTrue();
        }
        // Tomcat says so on a slow machine.
        String complaints = log().lines()
                .filter(line -> !line.contains("Creation of SecureRandom instance"))
                .collect(Collectors.joining("\n"));
        assertThat(complaints).doesNotContain("WARN", "ERROR", "SEVERE", "Exception");
    }

    private static void open(int port, List<Socket> admitted) throws IOException {
        Socket socket = new Socket();
        try {
            socket.bind(new InetSocketAddress("127.0.0.2", 0));
            socket.setSoTimeout((int) TIMEOUT.toMillis());
            socket.connect(new InetSocketAddress("127.0.0.1", port));
            socket.getOutputStream()
                    .write("GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
            if (socket.getInputStream().read() == 'H') {
                admitted.add(socket);
                return;
            }
        } catch (SocketException reset) {
            // Refused, like one that is closed.
        }
        socket.close();
    }
}
