package io.github.connlimit.it.quarkus;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.BufferedReader;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The packaged application, in a process of its own, with the jar of connlimit among its dependencies. */
@Timeout(120)
class QuarkusIT {

    private static final Pattern LISTENING = Pattern.compile("Listening on: http://[^:]+:(\\d+)");
    private static final int PATIENCE_MILLIS = 20_000;
    private static final String ALICE = "127.0.0.2";
    private static final String BOB = "127.0.0.3";

    private final List<Socket> sockets = new ArrayList<>();
    private Process process;

    private int start(String... properties) throws IOException {
        List<String> command = new ArrayList<>(
                List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString()));
        command.addAll(List.of(properties));
        command.addAll(List.of(
                "-Dquarkus.http.host=127.0.0.1",
                "-Dquarkus.http.port=0",
                "-jar",
                System.getProperty("connlimit.it.quarkus.jar")));
        process = new ProcessBuilder(command).redirectErrorStream(true).start();
        StringBuilder output = new StringBuilder();
        BufferedReader lines = process.inputReader(StandardCharsets.UTF_8);
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            output.append(line).append('\n');
            Matcher listening = LISTENING.matcher(line);
            if (listening.find()) {
                // Whatever else it has to say must not stop it.
                Thread reader = new Thread(() -> lines.lines().forEach(more -> {}), "output");
                reader.setDaemon(true);
                reader.start();
                return Integer.parseInt(listening.group(1));
            }
        }
        throw new IOException(output.toString());
    }

    @AfterEach
    void stop() throws Exception {
        for (Socket socket : sockets) {
            socket.close();
        }
        process.destroy();
        assertThat(process.waitFor(20, TimeUnit.SECONDS)).isTrue();
    }

    private boolean isServed(int port, String client) throws IOException {
        Socket socket = new Socket();
        sockets.add(socket);
        socket.setSoTimeout(PATIENCE_MILLIS);
        socket.bind(new InetSocketAddress(client, 0));
        try {
            socket.connect(new InetSocketAddress("127.0.0.1", port), PATIENCE_MILLIS);
            socket.getOutputStream()
                    .write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
            byte[] begin = socket.getInputStream().readNBytes(12);
            return new String(begin, StandardCharsets.US_ASCII).equals("HTTP/1.1 200");
        } catch (java.net.SocketException refused) {
            return false;
        }
    }

    @Test
    void limitsByTheJarAlone() throws Exception {
        int port = start("-Dconnlimit.maxPerClient=3");
        for (int i = 0; i < 6; i++) {
            assertThat(isServed(port, ALICE)).isEqualTo(i < 3);
        }
        assertThat(isServed(port, BOB)).isTrue();
        sockets.get(0).close();
        await("room")
                .atMost(Duration.ofSeconds(20))
                .untilAsserted(() -> assertThat(isServed(port, ALICE)).isTrue());
    }

    /** As {@code application.properties} of the application has it. */
    @Test
    void limitsByQuarkusOwnConfiguration() throws Exception {
        int port = start();
        for (int i = 0; i < 6; i++) {
            assertThat(isServed(port, ALICE)).isEqualTo(i < 4);
        }
    }

    @Test
    void closesWhoSaysNothing() throws Exception {
        int port = start("-Dconnlimit.handshakeTimeout=500ms");
        Socket silent = new Socket();
        sockets.add(silent);
        silent.setSoTimeout(PATIENCE_MILLIS);
        silent.connect(new InetSocketAddress("127.0.0.1", port), PATIENCE_MILLIS);
        boolean ended;
        try {
            ended = silent.getInputStream().read() < 0;
        } catch (java.net.SocketException reset) {
            ended = true;
        }
        assertThat(ended).isTrue();
        assertThat(isServed(port, ALICE)).isTrue();
    }
}
