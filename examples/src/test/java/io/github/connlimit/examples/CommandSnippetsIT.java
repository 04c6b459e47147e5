package io.github.connlimit.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.net.Socket;
import java.net.http.HttpClient;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Runs the commands that the pages show, as far as they do not build what is being tested here. */
class CommandSnippetsIT {

    private static final String JAR = "java -jar examples/target/connlimit-examples.jar";

    @TempDir
    Path directory;

    @Test
    void keepsThePromisesOfTheDemo() throws Exception {
        String[] commands = Docs.snippet("demo").trim().split(" && ");
        assertThat(commands).hasSize(2);
        assertThat(commands[0]).endsWith(" package -DskipTests -pl examples -am");
        long start = System.nanoTime();
        try (ExamplesProcess demo = ExamplesProcess.start(directory, arguments(commands[1]))) {
            int status = demo.awaitExit();

            assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(30));
            assertThat(demo.out()).endsWith("\nAll 19 promises were kept.\n");
            assertThat(demo.err()).isEmpty();
            assertThat(status).isZero();
            assertThat(demo.leftBehind()).isEmpty();
        }
    }

    @Test
    void servesAndShowsAndChangesTheLimit() throws Exception {
        String[] arguments = arguments(Docs.snippet("serve").trim());
        List<String> curls = Docs.snippet("serve-curl").lines().toList();
        String base = "http://localhost:8080";
        assertThat(arguments).containsSequence("--port", "8080");
        assertThat(curls).hasSize(2);
        assertThat(curls.get(0)).startsWith("curl " + base + "/");
        assertThat(curls.get(1)).startsWith("curl -X PUT " + base + "/");

        try (ExamplesProcess server = ExamplesProcess.start(directory, onAnyPort(arguments))) {
            Requests requests = new Requests(server.awaitPort(), false, HttpClient.Version.HTTP_1_1);
            String path = curls.get(0).substring(("curl " + base).length());
            assertThat(requests.get(path)).startsWith("200 {\"limit\":20,");
            path = curls.get(1).substring(("curl -X PUT " + base).length());
            assertThat(requests.put(path)).startsWith("200 {\"limit\":5,");
        }
    }

    private static String[] onAnyPort(String[] arguments) {
        return Arrays.stream(arguments)
                .map(argument -> argument.equals("8080") ? "0" : argument)
                .toArray(String[]::new);
    }

    @Test
    void servesThePage() throws Exception {
        String[] arguments = arguments(Docs.snippet("page-example").trim());
        assertThat(arguments).containsSequence("--port", "8080");
        assertThat(Docs.text(Docs.ROOT.resolve("docs/page.md"))).contains("<http://localhost:8080/status>");
        try (ExamplesProcess server = ExamplesProcess.start(directory, onAnyPort(arguments))) {
            Requests requests = new Requests(server.awaitPort(), false, HttpClient.Version.HTTP_1_1);
            assertThat(requests.get("/status")).startsWith("200 <!DOCTYPE html>");
        }
    }

    @Test
    void recordsRefusalsWithFlightRecorder() throws Exception {
        List<String> commands = Docs.snippet("jfr").lines().toList();
        assertThat(commands).hasSize(2);
        try (ExamplesProcess server = ExamplesProcess.start(
                directory, "serve", "--server", "jetty", "--port", "0", "--max-per-client", "1")) {
            int port = server.awaitPort();
            assertThat(run(commands.get(0).replace("PID", Long.toString(server.pid()))))
                    .contains("Started recording");
            try (Socket greedy = new Socket("127.0.0.1", port)) {
                // A limiter notices within a second that somebody records.
                await().untilAsserted(() -> {
                    try (Socket refused = new Socket(greedy.getInetAddress(), port)) {
                        assertThat(refused.isConnected()).isTrue();
                    }
                    run("jcmd " + server.pid() + " JFR.dump name=connlimit");
                    assertThat(run(commands.get(1)))
                            .contains("io.github.connlimit.Refusal {", "reason = \"CONNECTIONS\"")
                            .contains("client = \"127.0.0.1/32\"", "io.github.connlimit.Figures {");
                });
            }
        }
    }

    /** The output of a tool of this JDK. */
    private String run(String command) throws Exception {
        String[] words = command.split(" ");
        words[0] = Path.of(System.getProperty("java.home"), "bin", words[0]).toString();
        Process process = new ProcessBuilder(words)
                .directory(directory.toFile())
                .redirectErrorStream(true)
                .start();
        String output = new String(process.getInputStream().readAllBytes());
        assertThat(process.waitFor()).as(output).isZero();
        return output;
    }

    private static String[] arguments(String command) {
        assertThat(command).startsWith(JAR);
        String rest = command.substring(JAR.length()).trim();
        return rest.isEmpty() ? new String[0] : rest.split(" ");
    }
}
