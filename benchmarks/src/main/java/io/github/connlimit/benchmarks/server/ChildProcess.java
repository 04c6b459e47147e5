package io.github.connlimit.benchmarks.server;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A process that this one started and ends. Not thread-safe. */
class ChildProcess implements AutoCloseable {

    private static final long END_SECONDS = 5;

    private final List<String> command;
    private final Process process;
    private final Path errors;
    private final BufferedReader output;
    private final PrintWriter input;

    ChildProcess(List<String> command) throws IOException {
        this.command = command;
        this.errors = Files.createTempFile("connlimit-benchmarks", ".log");
        this.process =
                new ProcessBuilder(command).redirectError(errors.toFile()).start();
        this.output = new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
        this.input = new PrintWriter(new OutputStreamWriter(process.getOutputStream(), StandardCharsets.UTF_8), true);
    }

    final void send(String line) {
        input.println(line);
    }

    final String receive() throws IOException {
        String line = output.readLine();
        if (line == null) {
            throw failure("ended");
        }
        return line;
    }

    final boolean isAlive() {
        return process.isAlive();
    }

    final IOException failure(String what) {
        String log;
        try {
            log = Files.readString(errors);
        } catch (IOException unreadable) {
            log = unreadable.toString();
        }
        return new IOException(what + ": " + String.join(" ", command) + "\n" + log);
    }

    /** User and system time of the process, in steps of 10 ms. */
    final long cpuNanos() {
        return process.info().totalCpuDuration().orElse(Duration.ZERO).toNanos();
    }

    @Override
    public void close() throws IOException {
        input.close();
        process.destroy();
        try {
            if (!process.waitFor(END_SECONDS, TimeUnit.SECONDS)) {
                process.destroyForcibly().waitFor();
            }
        } catch (InterruptedException interrupted) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
        }
        Files.deleteIfExists(errors);
    }
}
