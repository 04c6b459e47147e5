package io.github.connlimit.springboot.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.connlimit.RefusalHandler;
import java.nio.channels.AsynchronousSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.springframework.boot.WebApplicationType;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** It never starts unlimited and silent, and says what to do about proxies. */
class WarningsTest {

    /** By a customizer that comes last: connlimit comes after it. */
    @Test
    void aProtocolOfTomcatsThatACustomizerChoosesIsLimited() throws Exception {
        try (Running app = Running.startWith(Line.OwnProtocol.class, "connlimit.max-per-client=1");
                Clients clients = new Clients(app.port(), false)) {
            assertThat(app.warnings()).isEmpty();
            assertThat(clients.answered(2, 3)).isEqualTo(1);
        }
    }

    @Test
    void anAdditionalConnector() throws Exception {
        try (Running app = Running.startWith(Line.AdditionalConnector.class, "connlimit.max-per-client=1")) {
            assertThat(app.warnings())
                    .anySatisfy(warning -> assertThat(warning)
                            .startsWith("Tomcat's connections on port ")
                            .contains("are not limited, only its requests", "Http11NioProtocol"));
            assertThat(app.infos())
                    .anySatisfy(info -> assertThat(info).contains("Tomcat on port " + app.port() + ", maxPerClient=1"));
            try (Clients clients = new Clients(app.port(), false)) {
                assertThat(clients.served(2, 3)).isEqualTo(1);
            }
        }
    }

    @Configuration(proxyBeanMethods = false)
    static class HandlerOfNio {

        @Bean
        RefusalHandler<SocketChannel> handler() {
            return (connection, client) -> {};
        }
    }

    @Configuration(proxyBeanMethods = false)
    static class HandlerOfNio2 {

        static final AtomicInteger ASKED = new AtomicInteger();

        @Bean
        RefusalHandler<AsynchronousSocketChannel> handler() {
            return (connection, client) -> ASKED.incrementAndGet();
        }
    }

    private static Running startNio2(Class<?> more) {
        return Running.start(
                Line.tomcat().get(0),
                WebApplicationType.SERVLET,
                application -> application.addPrimarySources(List.of(Line.OwnProtocol.class, more)),
                "connlimit.max-per-client=1");
    }

    @Test
    void aRejectionHandlerForConnectionsOfAnotherKind() throws Exception {
        try (Running app = startNio2(HandlerOfNio.class)) {
            assertThat(app.warnings())
                    .containsExactly("No bean of the type RefusalHandler has an effect: Tomcat needs a"
                            + " RefusalHandler<AsynchronousSocketChannel>");
        }
        try (Running app = startNio2(HandlerOfNio2.class);
                Clients clients = new Clients(app.port(), false)) {
            assertThat(app.warnings()).isEmpty();
            assertThat(clients.answered(2, 3)).isEqualTo(1);
            assertThat(HandlerOfNio2.ASKED).hasValue(2);
        }
    }

    /** WebFlux on Reactor Netty: what is asked for is done, or the log says that it is not. */
    @Test
    void settingsThatReactorNettyDoesNotFollow() {
        try (Running app = Running.start(
                Line.reactorNetty(),
                WebApplicationType.REACTIVE,
                Running.NOTHING_MORE,
                "connlimit.header-timeout=5s",
                "connlimit.reserved-connections=10")) {
            assertThat(app.warnings())
                    .singleElement()
                    .satisfies(
                            warning -> assertThat(warning).startsWith("headerTimeout has no effect in Reactor Netty"));
            assertThat(app.infos())
                    .anySatisfy(info ->
                            assertThat(info).startsWith("reservedConnections has an effect in Reactor Netty only if"));
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "server.forward-headers-strategy=native | server.forward-headers-strategy=native says that there is a proxy",
                "server.forward-headers-strategy=framework | server.forward-headers-strategy=framework says that there is",
                "spring.main.cloud-platform=kubernetes | This application runs on KUBERNETES, where there is a proxy",
            })
    void aProxyThatNobodyTrusts(String property, String warning) {
        try (Running app = Running.start(property)) {
            assertThat(app.warnings())
                    .singleElement()
                    .satisfies(message -> assertThat(message)
                            .startsWith(warning)
                            .endsWith("Set connlimit.trusted-proxies to its addresses"));
        }
        try (Running app = Running.start(property, "connlimit.trusted-proxies=192.0.2.0/24")) {
            assertThat(app.warnings()).noneMatch(message -> message.contains("none is trusted"));
        }
    }

    @Test
    void aStrategyThatFindsClientsTooLate() {
        try (Running app =
                Running.start("server.forward-headers-strategy=framework", "connlimit.trusted-proxies=192.0.2.0/24")) {
            assertThat(app.warnings())
                    .containsExactly("server.forward-headers-strategy=framework finds the clients behind a proxy too"
                            + " late: they are not limited. Set server.forward-headers-strategy=native");
        }
    }

    @ParameterizedTest
    @CsvSource({
        "server.forward-headers-strategy=native, '', share one limit",
        "server.forward-headers-strategy=native, 192.0.2.0/24, are not limited",
        "spring.main.cloud-platform=kubernetes, '', share one limit",
        "spring.main.cloud-platform=kubernetes, 192.0.2.0/24, are not limited",
    })
    void aServerThatDoesNotReadForwardedHeaders(String property, String trusted, String clients) {
        try (Running app = Running.start(
                Line.reactorNetty(),
                WebApplicationType.REACTIVE,
                Running.NOTHING_MORE,
                property,
                "connlimit.trusted-proxies=" + trusted)) {
            assertThat(app.warnings())
                    .containsExactly("The clients behind a proxy " + clients
                            + ": connlimit reads no forwarded headers in Reactor Netty, but PROXY headers, with"
                            + " HttpServer.proxyProtocol and connlimit.trusted-proxies");
        }
    }
}
