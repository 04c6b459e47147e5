package io.github.connlimit.springboot.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.connlimit.testing.TestCertificate;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.springframework.boot.WebApplicationType;

/** The dependency alone limits every server, with servlets and reactive. */
class ServersTest {

    private static final String LIMIT = "connlimit.max-per-client=3";

    @TempDir
    private static Path directory;

    private static String keyStore;

    /** One server of each kind. */
    record Kind(Class<?> factory, WebApplicationType type) {

        /** As the log has it. */
        String server() {
            String name = factory.getSimpleName();
            return name.startsWith("Netty") ? "Reactor Netty" : name.startsWith("Tomcat") ? "Tomcat" : "Jetty";
        }

        Running start(String... properties) {
            return Running.start(factory, type, Running.NOTHING_MORE, properties);
        }

        @Override
        public String toString() {
            return factory.getSimpleName();
        }
    }

    static Stream<Kind> kinds() {
        Stream<Kind> withServlets = Stream.of(Line.tomcat(), Line.jetty())
                .flatMap(factories -> Stream.of(
                        new Kind(factories.get(0), WebApplicationType.SERVLET),
                        new Kind(factories.get(1), WebApplicationType.REACTIVE)));
        return Stream.concat(withServlets, Stream.of(new Kind(Line.reactorNetty(), WebApplicationType.REACTIVE)));
    }

    /** For what does not depend on the server; the others have their turn in the profile "full". */
    static Stream<Kind> first() {
        return kinds().limit(1);
    }

    static Stream<Kind> others() {
        return kinds().skip(1);
    }

    private static void assertLimited(Running app, int port, boolean tls) throws Exception {
        try (Clients clients = new Clients(port, tls)) {
            assertThat(clients.served(2, 8)).isEqualTo(3);
            app.awaitOpen(3);
            assertThat(clients.served(3, 1)).isEqualTo(1);
        }
        app.awaitOpen(0);
    }

    @ParameterizedTest
    @MethodSource("kinds")
    void limitsAndDoesSoAfterAStopAndAStart(Kind kind) throws Exception {
        try (Running app = kind.start(LIMIT, "server.shutdown=immediate")) {
            assertLimited(app, app.port(), false);
            assertThat(app.warnings()).isEmpty();
            assertThat(app.infos())
                    .contains("Limits the connections of each client: " + kind.server() + " on port " + app.port()
                            + ", maxPerClient=3");
            try (Clients clients = new Clients(app.port(), false)) {
                assertThat(clients.served(2, 2)).isEqualTo(2);
                app.context.stop();
                app.awaitOpen(0);
            }
            app.context.start();
            assertLimited(app, app.port(), false);
        }
    }

    @ParameterizedTest
    @MethodSource("kinds")
    void limitsTlsAndHttp2(Kind kind) throws Exception {
        try (Running app = kind.start(
                LIMIT,
                "server.ssl.bundle=web",
                "server.http2.enabled=true",
                "spring.ssl.bundle.jks.web.keystore.location=" + keyStore(),
                "spring.ssl.bundle.jks.web.keystore.password=" + TestCertificate.PASSWORD,
                "spring.ssl.bundle.jks.web.keystore.type=PKCS12")) {
            assertLimited(app, app.port(), true);
            HttpResponse<String> response = Clients.http(HttpClient.Version.HTTP_2)
                    .send(
                            HttpRequest.newBuilder(URI.create("https://127.0.0.1:" + app.port() + "/"))
                                    .build(),
                            HttpResponse.BodyHandlers.ofString());
            assertThat(response.version()).isEqualTo(HttpClient.Version.HTTP_2);
            assertThat(response.body()).isEqualTo("OK");
            assertThat(app.warnings()).isEmpty();
        }
    }

    private static synchronized String keyStore() throws Exception {
        if (keyStore == null) {
            Path file = directory.resolve("key.p12");
            TestCertificate.write(file);
            keyStore = file.toString();
        }
        return keyStore;
    }

    @ParameterizedTest
    @MethodSource("kinds")
    void limitsWithVirtualThreads(Kind kind) throws Exception {
        assumeTrue(Runtime.version().feature() >= 21, "virtual threads are of Java 21");
        try (Running app = kind.start(LIMIT, "spring.threads.virtual.enabled=true")) {
            assertLimited(app, app.port(), false);
            if (kind.type() == WebApplicationType.SERVLET) {
                assertThat(Clients.get(app.port(), "/thread")).startsWith("200 VirtualThread[");
            }
        }
    }

    @ParameterizedTest
    @MethodSource("kinds")
    void letsARequestEndAtAGracefulStop(Kind kind) throws Exception {
        CompletableFuture<String> answer;
        try (Running app = kind.start(LIMIT, "server.shutdown=graceful")) {
            int port = app.port();
            answer = CompletableFuture.supplyAsync(() -> {
                try {
                    return Clients.get(port, "/wait");
                } catch (Exception error) {
                    throw new IllegalStateException(error);
                }
            });
            assertThat(app.app().waiting.await(20, TimeUnit.SECONDS)).isTrue();
            CompletableFuture.delayedExecutor(300, TimeUnit.MILLISECONDS).execute(app.app().goOn::countDown);
        }
        assertThat(answer.get(20, TimeUnit.SECONDS)).isEqualTo("200 done");
    }
}
