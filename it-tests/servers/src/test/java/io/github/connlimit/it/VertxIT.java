package io.github.connlimit.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.connlimit.netty.ServerHandlers;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerOptions;
import java.io.IOException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Enumeration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Vert.x with nothing but the jar on the class path. */
@Tag("vertx")
@Timeout(120)
class VertxIT {

    private static final String ALICE = "127.0.0.2";
    private static final String BOB = "127.0.0.3";
    private static final String LIMIT = "connlimit.maxPerClient";

    private final List<TestConnection> connections = new ArrayList<>();

    /** Finds other {@link ServerHandlers} than those of the other tests. */
    private static final class Handlers extends ClassLoader {

        private final Enumeration<URL> named;

        private Handlers(Enumeration<URL> named) {
            super(VertxIT.class.getClassLoader());
            this.named = named;
        }

        @Override
        public Enumeration<URL> getResources(String name) throws IOException {
            return name.equals("META-INF/services/" + ServerHandlers.class.getName())
                    ? named
                    : super.getResources(name);
        }
    }

    private static Vertx vertx(String name, String value) {
        System.setProperty(name, value);
        try {
            return vertx(Collections.emptyEnumeration());
        } finally {
            System.clearProperty(name);
        }
    }

    private static Vertx vertx(Enumeration<URL> named) {
        ClassLoader before = Thread.currentThread().getContextClassLoader();
        Thread.currentThread().setContextClassLoader(new Handlers(named));
        try {
            return Vertx.vertx();
        } finally {
            Thread.currentThread().setContextClassLoader(before);
        }
    }

    @AfterEach
    void close() throws Exception {
        for (TestConnection connection : connections) {
            connection.close();
        }
    }

    private static HttpServer start(Vertx vertx, String host) throws Exception {
        return vertx.createHttpServer(new HttpServerOptions().setHost(host).setPort(0))
                .requestHandler(request -> request.response().end(Application.ANSWER))
                .listen()
                .toCompletionStage()
                .toCompletableFuture()
                .get(20, TimeUnit.SECONDS);
    }

    private static void stop(Vertx vertx) throws Exception {
        vertx.close().toCompletionStage().toCompletableFuture().get(20, TimeUnit.SECONDS);
    }

    private boolean isServed(HttpServer server, String client) throws IOException {
        TestConnection connection = new TestConnection(client, TestBed.SERVER, server.actualPort());
        connections.add(connection);
        try {
            return connection.get("/").body().equals(Application.ANSWER);
        } catch (IOException refused) {
            return false;
        }
    }

    @Test
    void allServersTogetherHaveTheLimitsOfSystemProperties() throws Exception {
        Vertx vertx = vertx(LIMIT, "3");
        try {
            HttpServer first = start(vertx, "127.0.0.1");
            HttpServer second = start(vertx, "127.0.0.1");
            for (int i = 0; i < 6; i++) {
                assertThat(isServed(i % 2 == 0 ? first : second, ALICE)).isEqualTo(i < 3);
            }
            assertThat(isServed(first, BOB)).isTrue();
            connections.get(0).close();
            TestBed.awaitUntil("room", () -> assertThat(isServed(second, ALICE)).isTrue());
        } finally {
            stop(vertx);
        }
    }

    @Test
    void badSystemPropertiesEndTheStart() {
        assertThatThrownBy(() -> vertx(LIMIT, "many"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("maxPerClient")
                .hasMessageContaining("many");
        assertThatThrownBy(() -> vertx("connlimit.max-per-client", "3"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("max-per-client");
    }

    @Test
    void aClassOfTheUsersSaysWhatIsLimited(@TempDir Path directory) throws Exception {
        Path service = Files.writeString(directory.resolve("handlers"), PublicServers.class.getName());
        Vertx vertx = vertx(Collections.enumeration(List.of(service.toUri().toURL())));
        try {
            HttpServer internal = start(vertx, "127.0.0.1");
            HttpServer open = start(vertx, "0.0.0.0");
            for (int i = 0; i < 110; i++) {
                assertThat(isServed(internal, ALICE)).isTrue();
            }
            for (int i = 0; i < 60; i++) {
                assertThat(isServed(open, ALICE)).isEqualTo(i < 50);
            }
        } finally {
            stop(vertx);
        }
    }
}
