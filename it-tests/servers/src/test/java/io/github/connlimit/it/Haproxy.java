package io.github.connlimit.it;

import static org.awaitility.Awaitility.await;

import io.github.connlimit.testing.Programs;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/** A HAProxy in front of one server, a process of its own, on loopback. */
final class Haproxy implements AutoCloseable {

    static final Optional<Path> PROGRAM = Programs.find("haproxy");

    private final Process process;
    private final int port;

    /**
     * Starts it.
     *
     * @param mode {@code tcp} or {@code http}
     * @param frontend a further line about what comes in, or empty
     * @param server further words about the server behind it, or empty
     */
    Haproxy(Path directory, String mode, String frontend, String server, int serverPort) throws IOException {
        port = FreePort.find();
        Path configuration = directory.resolve("haproxy.cfg");
        Files.writeString(configuration, """
                global
                  maxconn 100
                defaults
                  mode %s
                  timeout connect 10s
                  timeout client 60s
                  timeout server 60s
                frontend front
                  bind 127.0.0.1:%d
                  %s
                  default_backend back
                backend back
                  server one 127.0.0.1:%d %s
                """.formatted(mode, port, frontend, serverPort, server));
        process = new ProcessBuilder(PROGRAM.orElseThrow().toString(), "-db", "-f", configuration.toString())
                .redirectErrorStream(true)
                .redirectOutput(directory.resolve("haproxy.log").toFile())
                .start();
        try {
            awaitListening();
        } catch (RuntimeException | Error notListening) {
            close();
            throw notListening;
        }
    }

    private void awaitListening() {
        await().atMost(Duration.ofSeconds(20)).ignoreExceptions().until(() -> {
            try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
                return socket.isConnected();
            }
        });
    }

    int port() {
        return port;
    }

    @Override
    public void close() {
        process.destroyForcibly();
        try {
            process.waitFor(10, TimeUnit.SECONDS);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
