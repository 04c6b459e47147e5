package io.github.connlimit.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** The jar of the examples, running as a process of its own. */
final class ExamplesProcess implements AutoCloseable {

    private static final Duration TIMEOUT = Duration.ofSeconds(60);
    private static final String READY = "listening on ";

    private final Process process;
    private final Path directory;

    private ExamplesProcess(Process process, Path directory) {
        this.process = process;
        this.directory = directory;
    }

    /** Starts the jar; its output and what it leaves in its temporary directory can be looked at in {@code directory}. */
    static ExamplesProcess start(Path directory, String... arguments) throws IOException {
        Path temporary = Files.createDirectories(directory.resolve("tmp"));
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Djava.io.tmpdir=" + temporary,
                // As for these tests themselves.
                "-Dsun.nio.ch.internalThreadPoolSize=2",
                // It lives for a second or two.
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "-jar",
                System.getProperty("connlimit.examples.jar")));
        command.addAll(List.of(arguments));
        Process process = new ProcessBuilder(command)
                .directory(directory.toFile())
                .redirectOutput(directory.resolve("out").toFile())
                .redirectError(directory.resolve("err").toFile())
                .start();
        return new ExamplesProcess(process, directory);
    }

    /** Waits for the line that says the server is ready. */
    int awaitPort() throws IOException {
        await().atMost(TIMEOUT).until(() -> !process.isAlive() || out().contains("\n"));
        assertThat(out()).as("the output, beside the errors: %s", err()).matches(READY + "[0-9]+\\R");
        return Integer.parseInt(out().trim().substring(READY.length()));
    }

    /** Waits for the process to end by itself. */
    int awaitExit() throws InterruptedException {
        assertThat(process.waitFor(TIMEOUT.toSeconds(), TimeUnit.SECONDS)).isTrue();
        return process.exitValue();
    }

    /** Sends SIGTERM and waits for the end. */
    int terminate() throws InterruptedException {
        process.destroy();
        return awaitExit();
    }

    String out() throws IOException {
        return Files.readString(directory.resolve("out"));
    }

    String err() {
        try {
            return Files.readString(directory.resolve("err"));
        } catch (IOException error) {
            return error.toString();
        }
    }

    /** The files that were left in the temporary directory of the process. */
    List<Path> leftBehind() throws IOException {
        try (var files = Files.list(directory.resolve("tmp"))) {
            return files.toList();
        }
    }

    boolean isAlive() {
        return process.isAlive();
    }

    long pid() {
        return process.pid();
    }

    @Override
    public void close() {
        process.destroyForcibly();
    }
}
