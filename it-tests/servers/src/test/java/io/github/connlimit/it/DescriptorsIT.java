package io.github.connlimit.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.OutputStream;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A server that runs out of file descriptors: one client cannot bring that about, and if many do, the server goes on
 * afterwards and counts right.
 */
@EnabledOnOs(OS.LINUX)
@Timeout(120)
class DescriptorsIT {

    /** How many more the server may have than when it has started. */
    private static final int SPARE = 60;

    private static final int LIMIT = 8;

    /** What the kernel says to that. */
    private static final String EXHAUSTED = "Too many open files";

    private static final byte[] GET = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".getBytes(StandardCharsets.US_ASCII);

    private final List<TestConnection> connections = new ArrayList<>();
    private final Path log = Path.of("target", "small-server.log");
    private Process process;
    private BufferedReader said;
    private int port;

    @BeforeEach
    void forgetLog() throws IOException {
        Files.deleteIfExists(log);
    }

    @AfterEach
    void end() throws Exception {
        closeAll();
        if (process != null) {
            process.getOutputStream().close();
            if (!process.waitFor(20, TimeUnit.SECONDS)) {
                process.destroyForcibly();
            }
        }
    }

    private void closeAll() throws IOException {
        for (TestConnection connection : connections) {
            connection.close();
        }
        connections.clear();
    }

    private void start(String kind, String refuse) throws IOException {
        process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Xmx256m",
                        "-XX:TieredStopAtLevel=1",
                        "-XX:+UseSerialGC",
                        "-cp",
                        System.getProperty("java.class.path"),
                        SmallServer.class.getName(),
                        kind,
                        Integer.toString(LIMIT),
                        refuse)
                .redirectError(log.toFile())
                .start();
        said = process.inputReader(StandardCharsets.US_ASCII);
        port = Integer.parseInt(said.readLine());
    }

    private long descriptors() throws IOException {
        try (Stream<Path> all = Files.list(Path.of("/proc", Long.toString(process.pid()), "fd"))) {
            return all.count();
        }
    }

    /** From now on, the server may have no more than it has and so many. */
    private void limitDescriptors() throws Exception {
        Process prlimit = new ProcessBuilder(
                        "prlimit", "--pid", Long.toString(process.pid()), "--nofile=" + (descriptors() + SPARE))
                .inheritIO()
                .start();
        assertThat(prlimit.waitFor()).isZero();
    }

    /** How often the server has said in its log that it has no descriptor for a connection. */
    private int exhausted() throws IOException {
        return Files.readString(log).split(EXHAUSTED, -1).length - 1;
    }

    private String counted() throws IOException {
        OutputStream out = process.getOutputStream();
        out.write('\n');
        out.flush();
        return said.readLine();
    }

    private void awaitCounted(int connectionCount, int clientCount) {
        TestBed.awaitUntil(
                "what the server counts", () -> assertThat(counted()).isEqualTo(connectionCount + " " + clientCount));
    }

    private boolean isServed(String from) throws IOException {
        try (TestConnection connection = new TestConnection(from, TestBed.SERVER, port)) {
            return connection.get("/").status() == 200;
        } catch (SocketTimeoutException patienceLost) {
            throw patienceLost;
        } catch (IOException refused) {
            return false;
        }
    }

    @ParameterizedTest
    @ValueSource(strings = "jetty")
    @Tag("jetty")
    void jetty(String kind) throws Exception {
        survives(kind, "reset");
    }

    @ParameterizedTest
    @ValueSource(strings = {"tomcat-nio", "tomcat-nio2"})
    @Tag("tomcat")
    void tomcat(String kind) throws Exception {
        survives(kind, "reset");
    }

    /** What is held in a tarpit gives way to honest clients. */
    @ParameterizedTest
    @ValueSource(strings = {"tomcat-nio", "tomcat-nio2"})
    @Tag("tomcat")
    void tomcatWithTarpit(String kind) throws Exception {
        survives(kind, "tarpit");
    }

    private void survives(String kind, String refuse) throws Exception {
        start(kind, refuse);
        awaitCounted(0, 0);
        limitDescriptors();

        // One client alone: refused connections take no descriptor for longer than a moment, or give it back.
        for (int i = 0; i < 10 * SPARE; i++) {
            connections.add(new TestConnection("127.0.0.2", TestBed.SERVER, port));
        }
        awaitCounted(LIMIT, 1);
        assertThat(isServed("127.0.0.3")).isTrue();
        closeAll();
        awaitCounted(0, 0);

        // Many clients, each within its limit, three times.
        for (int round = 0; round < 3; round++) {
            int before = exhausted();
            for (int i = 0; i < 2 * SPARE; i++) {
                try {
                    connections.add(new TestConnection("127.0.1." + (1 + i / LIMIT), TestBed.SERVER, port));
                    connections.get(connections.size() - 1).write(GET);
                } catch (SocketException refused) {
                    // Some servers close what they cannot serve.
                }
            }
            TestBed.awaitUntil("no descriptor is left", () -> {
                assertThat(exhausted()).isGreaterThan(before);
                assertThat(Integer.parseInt(counted().split(" ")[0])).isGreaterThan(SPARE / 2);
            });

            closeAll();

            awaitCounted(0, 0);
            TestBed.awaitUntil(
                    "the server serves again",
                    () -> assertThat(isServed("127.0.0.4")).isTrue());
            awaitCounted(0, 0);
        }
        for (int i = 0; i < LIMIT; i++) {
            TestConnection connection = new TestConnection("127.0.0.2", TestBed.SERVER, port);
            connections.add(connection);
            assertThat(connection.get("/").status()).isEqualTo(200);
        }
        awaitCounted(LIMIT, 1);
        assertThat(isServed("127.0.0.2")).isFalse();
    }
}
