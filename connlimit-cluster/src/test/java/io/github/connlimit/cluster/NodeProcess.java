package io.github.connlimit.cluster;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** A {@link NodeServer} in a process of its own. */
final class NodeProcess implements AutoCloseable {

    /** What a node says of itself. */
    record Figures(long open, long clients, long errors, boolean connected, long reserved, long requests) {}

    private final Process process;
    private final BufferedReader output;
    private final int port;

    NodeProcess(Map<String, String> settings) throws IOException {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:+UseSerialGC",
                "-Xmx256m",
                "-cp",
                System.getProperty("java.class.path"),
                NodeServer.class.getName()));
        settings.forEach((key, value) -> command.add(key + "=" + value));
        process = new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        output = new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
        port = Integer.parseInt(output.readLine());
    }

    int port() {
        return port;
    }

    synchronized Figures figures() {
        try {
            process.outputWriter().write("\n");
            process.outputWriter().flush();
            String[] parts = output.readLine().split(" ");
            return new Figures(
                    Long.parseLong(parts[0]),
                    Long.parseLong(parts[1]),
                    Long.parseLong(parts[2]),
                    Boolean.parseBoolean(parts[3]),
                    Long.parseLong(parts[4]),
                    Long.parseLong(parts[5]));
        } catch (IOException error) {
            throw new IllegalStateException(error);
        }
    }

    /** As {@code kill -9}. */
    void kill() {
        process.destroyForcibly().onExit().join();
    }

    void freeze() throws Exception {
        Signals.send("STOP", process);
    }

    void thaw() throws Exception {
        Signals.send("CONT", process);
    }

    @Override
    public void close() {
        kill();
    }
}
