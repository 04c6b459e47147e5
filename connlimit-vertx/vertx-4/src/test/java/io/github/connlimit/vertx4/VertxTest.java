package io.github.connlimit.vertx4;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.impl.VertxBuilder;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Vert.x with nothing but the jar on the class path. */
@Timeout(60)
class VertxTest {

    private static final String ALICE = "127.0.0.2";
    private static final String BOB = "127.0.0.3";
    private static final String LIMIT = "connlimit.maxPerClient";

    private final List<Socket> connections = new ArrayList<>();
    private Vertx vertx;

    private void start(String name, String value) {
        System.setProperty(name, value);
        try {
            vertx = Vertx.vertx();
        } finally {
            System.clearProperty(name);
        }
    }

    private HttpServer listen(String host) throws Exception {
        return vertx.createHttpServer(new HttpServerOptions().setHost(host).setPort(0))
                .requestHandler(request -> request.response().end("OK"))
                .listen()
                .toCompletionStage()
                .toCompletableFuture()
                .get(20, TimeUnit.SECONDS);
    }

    @AfterEach
    void stop() throws Exception {
        for (Socket connection : connections) {
            connection.close();
        }
        if (vertx != null) {
            vertx.close().toCompletionStage().toCompletableFuture().get(20, TimeUnit.SECONDS);
        }
    }

    private boolean isServed(HttpServer server, String client) {
        Socket socket = new Socket();
        connections.add(socket);
        try {
            socket.setSoTimeout(20_000);
            socket.bind(new InetSocketAddress(client, 0));
            socket.connect(new InetSocketAddress("127.0.0.1", server.actualPort()), 20_000);
            socket.getOutputStream()
                    .write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
            byte[] status = socket.getInputStream().readNBytes(12);
            return new String(status, StandardCharsets.US_ASCII).equals("HTTP/1.1 200");
        } catch (IOException refused) {
            return false;
        }
    }

    @Test
    void allServersTogetherHaveTheLimitsOfSystemProperties() throws Exception {
        start(LIMIT, "3");
        HttpServer first = listen("127.0.0.1");
        HttpServer second = listen("127.0.0.1");
        for (int i = 0; i < 6; i++) {
            assertThat(isServed(i % 2 == 0 ? first : second, ALICE)).isEqualTo(i < 3);
        }
        assertThat(isServed(first, BOB)).isTrue();
        connections.get(0).close();
        Awaitility.await().atMost(20, TimeUnit.SECONDS).until(() -> isServed(second, ALICE));
    }

    /** What connlimit's adapter for Netty says while something runs. */
    private static List<String> saidDuring(Callable<?> running) throws Exception {
        List<String> said = new CopyOnWriteArrayList<>();
        Handler recording = new Handler() {
            @Override
            public void publish(LogRecord entry) {
                said.add(entry.getMessage());
            }

            @Override
            public void flush() {}

            @Override
            public void close() {}
        };
        Logger logger = Logger.getLogger("io.github.connlimit");
        logger.addHandler(recording);
        try {
            running.call();
        } finally {
            logger.removeHandler(recording);
        }
        return said;
    }

    /** As docs/settings.md has it, and not as it is in Netty. */
    @Test
    void whatHasNoEffectInVertxIsSaidAtTheStart() throws Exception {
        start("connlimit.reservedConnections", "10");
        assertThat(saidDuring(() -> listen("127.0.0.1")))
                .containsExactly("reservedConnections has no effect in Vert.x: it does not see which connections are"
                        + " long-lived");
    }

    @Test
    void badSystemPropertiesEndTheStart() {
        assertThatThrownBy(() -> start(LIMIT, "many"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("property connlimit.maxPerClient: ")
                .hasMessageContaining("many");
        assertThatThrownBy(() -> start("connlimit.max-per-client", "3"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("property connlimit.max-per-client: ")
                .hasMessageContaining("maxPerClient");
    }

    @Test
    void aServerThatCannotJoinItsClusterSaysWhatIsMissing() {
        start("connlimit.clusterUri", "redis://127.0.0.1:1");
        assertThatThrownBy(() -> listen("127.0.0.1"))
                .hasStackTraceContaining("clusterUri")
                .hasStackTraceContaining("connlimit-cluster is not on the class path");
    }

    /** Where Vert.x is another one. */
    private static final class OtherVersion extends ClassLoader {

        private OtherVersion() {
            super(VertxTest.class.getClassLoader());
        }

        @Override
        protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
            if (name.equals(VertxBuilder.class.getName())) {
                throw new ClassNotFoundException(name);
            } else if (!name.equals(ConnectionLimitServiceProvider.class.getName())) {
                return super.loadClass(name, resolve);
            }
            try (InputStream in = getResourceAsStream(name.replace('.', '/') + ".class")) {
                byte[] code = in.readAllBytes();
                return defineClass(name, code, 0, code.length);
            } catch (IOException error) {
                throw new ClassNotFoundException(name, error);
            }
        }
    }

    @Test
    void theWrongModuleSaysWhichIsRight() throws Exception {
        Class<?> provider = new OtherVersion().loadClass(ConnectionLimitServiceProvider.class.getName());
        assertThatThrownBy(() -> provider.getConstructor().newInstance())
                .hasStackTraceContaining("connlimit-vertx-4 is for Vert.x 4")
                .hasStackTraceContaining("use connlimit-vertx, which is for Vert.x 5");
    }
}
