package io.github.connlimit.examples;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** A node of the cluster that the demo plays: the command {@code serve}, in a process of its own. Not thread-safe. */
final class DemoNode implements AutoCloseable {

    private static final String READY = "listening on ";
    private static final Duration TIMEOUT = Duration.ofSeconds(5);

    private final String name;
    private final Process process;
    private final int port;
    private final HttpClient http = HttpClient.newHttpClient();

    /**
     * Starts a node.
     *
     * @param options of {@code serve}
     * @throws IOException if it does not start
     */
    DemoNode(String name, List<String> options) throws IOException {
        this.name = name;
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-cp",
                System.getProperty("java.class.path"),
                Main.class.getName(),
                "serve",
                "--server",
                "jetty",
                "--port",
                "0",
                "--node",
                name));
        command.addAll(options);
        process = new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        String line =
                new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8)).readLine();
        if (line == null || !line.startsWith(READY)) {
            process.destroyForcibly();
            throw new IOException("node " + name + " does not start: " + line);
        }
        port = Integer.parseInt(line.substring(READY.length()));
    }

    InetSocketAddress address() {
        return new InetSocketAddress("127.0.0.1", port);
    }

    /**
     * Reads one of its figures.
     *
     * @param meter as in Prometheus
     * @throws IOException if it does not answer
     */
    long figure(String meter) throws IOException, InterruptedException {
        HttpRequest metrics = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + "/metrics"))
                .timeout(TIMEOUT)
                .build();
        String prefix = meter + "{name=\"" + name + "\"} ";
        return http.send(metrics, HttpResponse.BodyHandlers.ofString())
                .body()
                .lines()
                .filter(line -> line.startsWith(prefix))
                .mapToLong(line -> (long) Double.parseDouble(line.substring(prefix.length())))
                .findFirst()
                .orElseThrow(() -> new IOException("node " + name + " has no " + meter));
    }

    /** As {@code kill -9}: it can give nothing back. */
    void kill() {
        process.destroyForcibly().onExit().join();
    }

    @Override
    public void close() {
        kill();
    }

    /** For people. */
    @Override
    public String toString() {
        return "node " + name;
    }
}
