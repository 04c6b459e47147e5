package io.github.connlimit.springboot.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.sun.net.httpserver.HttpServer;
import io.github.connlimit.ConnectionLimiter;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.springframework.boot.SpringBootConfiguration;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.context.ConfigurableApplicationContext;

/** The starter limits the clients of a Spring Cloud Gateway, which knows nothing of it. */
@Timeout(120)
class GatewayTest {

    private static final int TIMEOUT_MILLIS = 20_000;
    private static final byte[] BODY = "from behind the gateway".getBytes(StandardCharsets.US_ASCII);

    @SpringBootConfiguration(proxyBeanMethods = false)
    @EnableAutoConfiguration
    static class Gateway {}

    @Test
    void limitsTheClientsOfTheGateway() throws Exception {
        HttpServer backend = backend();
        List<Socket> open = new ArrayList<>();
        ConnectionLimiter limiter;
        try (ConfigurableApplicationContext gateway = start(backend.getAddress().getPort())) {
            limiter = gateway.getBean(ConnectionLimiter.class);
            int port = Integer.parseInt(gateway.getEnvironment().getProperty("local.server.port"));
            assertThat(isServed("127.0.0.2", port, open)).isTrue();
            assertThat(isServed("127.0.0.2", port, open)).isTrue();
            assertThat(isServed("127.0.0.2", port, open)).isFalse();
            assertThat(isServed("127.0.0.3", port, open)).isTrue();
            assertThat(limiter.snapshot().openConnections()).isEqualTo(3);
            open.remove(0).close();
            await("the place of the one that was closed").until(() -> isServed("127.0.0.2", port, open));
        } finally {
            backend.stop(0);
            for (Socket socket : open) {
                socket.close();
            }
        }
        await("nothing counts after the stop").untilAsserted(() -> {
            assertThat(limiter.snapshot().openConnections()).isZero();
            assertThat(limiter.snapshot().clients()).isZero();
        });
    }

    private static HttpServer backend() throws IOException {
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/", exchange -> {
            exchange.sendResponseHeaders(200, BODY.length);
            exchange.getResponseBody().write(BODY);
            exchange.close();
        });
        server.start();
        return server;
    }

    private static ConfigurableApplicationContext start(int backendPort) {
        String route = "--spring.cloud.gateway.server.webflux.routes[0].";
        return new SpringApplicationBuilder(Gateway.class)
                .registerShutdownHook(false)
                .run(
                        "--server.port=0",
                        "--connlimit.max-per-client=2",
                        route + "id=backend",
                        route + "uri=http://127.0.0.1:" + backendPort,
                        route + "predicates[0]=Path=/**");
    }

    /** The connection stays open. */
    private static boolean isServed(String client, int port, List<Socket> open) throws IOException {
        Socket socket = new Socket();
        open.add(socket);
        socket.bind(new InetSocketAddress(client, 0));
        socket.setSoTimeout(TIMEOUT_MILLIS);
        try {
            socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), TIMEOUT_MILLIS);
            socket.getOutputStream().write("GET / HTTP/1.1\r\nHost: here\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
            return endsWithTheBody(socket.getInputStream());
        } catch (SocketException reset) {
            return false;
        }
    }

    private static boolean endsWithTheBody(InputStream in) throws IOException {
        String expected = new String(BODY, StandardCharsets.US_ASCII);
        StringBuilder answer = new StringBuilder();
        for (int next = in.read(); next >= 0; next = in.read()) {
            answer.append((char) next);
            if (answer.indexOf(expected) >= 0) {
                return true;
            }
        }
        return false;
    }
}
