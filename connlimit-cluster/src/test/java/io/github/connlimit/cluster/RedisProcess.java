package io.github.connlimit.cluster;

import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import redis.embedded.core.ExecutableProvider;

/** A real engine on loopback, without a disk: one that is installed, or what a test library brings. */
final class RedisProcess implements AutoCloseable {

    private static final Duration DEADLINE = Duration.ofSeconds(20);

    private final Path executable;
    private final int port;
    private Process process;

    RedisProcess() throws IOException {
        Optional<Path> installed = installed();
        this.executable = installed.isPresent()
                ? installed.get()
                : ExecutableProvider.newJarResourceProvider().get().toPath();
        try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            this.port = free.getLocalPort();
        }
    }

    private static Optional<Path> installed() {
        return Stream.of("valkey-server", "redis-server")
                .flatMap(name -> Stream.of(System.getenv("PATH").split(":")).map(directory -> Path.of(directory, name)))
                .filter(Files::isExecutable)
                .findFirst();
    }

    RedisProcess start() throws IOException {
        process = new ProcessBuilder(List.of(
                        executable.toString(),
                        "--port",
                        Integer.toString(port),
                        "--bind",
                        "127.0.0.1",
                        "--save",
                        "",
                        "--appendonly",
                        "no"))
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start();
        await("the engine").atMost(DEADLINE).until(this::listens);
        return this;
    }

    private boolean listens() {
        try (Socket socket = new Socket()) {
            socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 1000);
            return true;
        } catch (IOException notYet) {
            return false;
        }
    }

    int port() {
        return port;
    }

    String uri() {
        return "redis://127.0.0.1:" + port;
    }

    /** With all that it knows. */
    void kill() {
        process.destroyForcibly().onExit().join();
    }

    /** Stops it in its tracks: it neither answers nor closes anything. */
    void freeze() throws Exception {
        Signals.send("STOP", process);
    }

    void thaw() throws Exception {
        Signals.send("CONT", process);
    }

    @Override
    public void close() {
        if (process != null) {
            kill();
        }
    }
}
