package io.github.connlimit.testing;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import redis.embedded.core.ExecutableProvider;

/**
 * A real Redis or Valkey on loopback that writes nothing to disk: the one that is installed, or what a library brings. This
 * class is not thread-safe.
 */
public final class RedisProcess implements AutoCloseable {

    private static final Duration DEADLINE = Duration.ofSeconds(20);
    private static final long LOOK_MILLIS = 5;

    /** A node of a Redis Cluster uses a port that is greater by 10,000, too. */
    private static final int MOST_PORT = 55_000;

    private final Path executable;
    private final int port;
    private final List<String> options;
    private Process process;

    /**
     * Finds an engine and a port for it; starts nothing yet.
     *
     * @param options for its command line, as in {@code --requirepass secret}; the first may be a file
     * @throws IOException if there is no engine for this machine
     */
    public RedisProcess(String... options) throws IOException {
        Optional<Path> installed = Programs.find("valkey-server", "redis-server");
        this.executable = installed.isPresent()
                ? installed.get()
                : ExecutableProvider.newJarResourceProvider().get().toPath();
        this.options = List.of(options);
        this.port = freePort();
    }

    private static int freePort() throws IOException {
        while (true) {
            try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
                if (free.getLocalPort() <= MOST_PORT) {
                    return free.getLocalPort();
                }
            }
        }
    }

    /**
     * Makes a Sentinel that watches an engine under the name {@code master}, and has a replica take over when it has been gone
     * for a second.
     *
     * @param config is written to
     * @throws IOException if there is none for this machine
     */
    public static RedisProcess sentinel(RedisProcess watched, Path config) throws IOException {
        Files.writeString(
                config,
                "sentinel monitor master 127.0.0.1 " + watched.port + " 1\n"
                        + "sentinel down-after-milliseconds master 1000\n");
        return new RedisProcess(config.toString(), "--sentinel");
    }

    /**
     * Starts it, and waits until it accepts connections.
     *
     * @return this
     * @throws IOException if it does not start in 20 seconds
     */
    public RedisProcess start() throws IOException {
        List<String> command = new ArrayList<>();
        command.add(executable.toString());
        boolean file = !options.isEmpty() && !options.get(0).startsWith("--");
        command.addAll(file ? options.subList(0, 1) : List.of());
        command.addAll(
                List.of("--port", Integer.toString(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"));
        command.addAll(file ? options.subList(1, options.size()) : options);
        process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start();
        long end = System.nanoTime() + DEADLINE.toNanos();
        while (!listens()) {
            if (!process.isAlive() || System.nanoTime() - end >= 0) {
                close();
                throw new IOException("it does not start: " + String.join(" ", command));
            }
            pause();
        }
        return this;
    }

    private static void pause() throws IOException {
        try {
            Thread.sleep(LOOK_MILLIS);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", interrupted);
        }
    }

    private boolean listens() {
        try (Socket socket = new Socket()) {
            socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 1000);
            return true;
        } catch (IOException notYet) {
            return false;
        }
    }

    /** {@return its port} */
    public int port() {
        return port;
    }

    /** {@return its URI} */
    public String uri() {
        return "redis://127.0.0.1:" + port;
    }

    /** {@return its URI, with a password in it} */
    public String uri(String password) {
        return "redis://:" + password + "@127.0.0.1:" + port;
    }

    /** {@return its process; {@code null} if it was never started} */
    public Process process() {
        return process;
    }

    /** Ends it, with all that it knows. It can be started again, on the same port. */
    public void kill() {
        process.destroyForcibly().onExit().join();
    }

    @Override
    public void close() {
        if (process != null) {
            kill();
        }
    }
}
