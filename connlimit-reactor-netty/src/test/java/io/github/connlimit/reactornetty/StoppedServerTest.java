package io.github.connlimit.reactornetty;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import reactor.core.publisher.Mono;
import reactor.netty.DisposableServer;
import reactor.netty.http.server.HttpServer;

/** A process whose server has stopped, while a client stays connected. */
@Timeout(60)
class StoppedServerTest {

    /** Tells its port, and stops at the end of its input. */
    static final class Server {

        private Server() {}

        public static void main(String[] arguments) throws IOException {
            HttpServer server = HttpServer.create()
                    .host("127.0.0.1")
                    .port(0)
                    .handle((request, response) -> response.sendString(Mono.just("OK")));
            DisposableServer bound = ConnectionLimitTransport.limit(
                            server, new ConnectionLimiter(ConnectionLimits.defaults()))
                    .bindNow();
            System.out.println("port " + bound.port());
            while (System.in.read() >= 0) {
                // Not yet.
            }
            bound.disposeNow();
        }
    }

    @Test
    void aClientDoesNotHoldUpTheEndOfAProcess() throws Exception {
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        System.getProperty("java.class.path"),
                        Server.class.getName())
                .redirectErrorStream(true)
                .start();
        try (BufferedReader output =
                new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
            String line = output.readLine();
            while (line != null && !line.startsWith("port ")) {
                line = output.readLine();
            }
            assertThat(line).as("the port").isNotNull();
            try (Socket client =
                    new Socket(InetAddress.getLoopbackAddress(), Integer.parseInt(line.substring("port ".length())))) {
                client.getOutputStream()
                        .write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
                assertThat(client.getInputStream().read()).isEqualTo('H');
                process.getOutputStream().close();
                assertThat(process.waitFor(10, TimeUnit.SECONDS))
                        .as("the process has ended")
                        .isTrue();
            }
        } finally {
            process.destroyForcibly().waitFor(10, TimeUnit.SECONDS);
        }
    }
}
