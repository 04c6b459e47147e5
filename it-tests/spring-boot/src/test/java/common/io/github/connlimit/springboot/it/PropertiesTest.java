package io.github.connlimit.springboot.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.connlimit.ClientUsage;
import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.ErrorPolicy;
import io.github.connlimit.LimiterListener;
import io.github.connlimit.Refusal;
import io.github.connlimit.RefusalHandler;
import io.github.connlimit.RefusalReason;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.springframework.boot.WebApplicationType;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** The properties, and the beans of a user in place of connlimit's own. */
class PropertiesTest {

    @Test
    void everySettingIsAProperty() {
        try (Running app = Running.start(
                "connlimit.max-per-client=40",
                "connlimit.rules=10.0.0.0/8=500, 2001:db8::/32=unlimited",
                "connlimit.trusted-proxies=192.0.2.0/24, 192.0.3.1",
                "connlimit.ipv4-prefix=24",
                "connlimit.ipv6-prefix=56",
                "connlimit.refuse=close",
                "connlimit.on-error=admit",
                "connlimit.max-pending-per-client=7",
                "connlimit.reserved-connections=3",
                "connlimit.handshake-timeout=PT7S",
                "connlimit.dry-run=true",
                "connlimit.respond-rate=11",
                "connlimit.respond-burst=12",
                "connlimit.respond-max-open=13")) {
            assertThat(app.limiter().limits())
                    .isEqualTo(ConnectionLimits.builder()
                            .maxPerClient(40)
                            .limit("10.0.0.0/8", 500)
                            .exempt("2001:db8::/32")
                            .exempt("192.0.2.0/24")
                            .exempt("192.0.3.1")
                            .ipv4Prefix(24)
                            .ipv6Prefix(56)
                            .refuse(Refusal.CLOSE)
                            .onError(ErrorPolicy.ADMIT)
                            .maxPendingPerClient(7)
                            .reservedConnections(3)
                            .handshakeTimeout(Duration.ofSeconds(7))
                            .dryRun(true)
                            .respondRate(11)
                            .respondBurst(12)
                            .respondMaxOpen(13)
                            .build());
            assertThat(app.warnings()).isEmpty();
        }
    }

    @Test
    void withoutPropertiesTheDefaultsAreInForce() {
        try (Running app = Running.start()) {
            assertThat(app.limiter().limits()).isEqualTo(ConnectionLimits.defaults());
            assertThat(app.warnings()).isEmpty();
            assertThat(app.infos()).hasSize(1);
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "connlimit.max-per-client=-1 | maxPerClient: \"-1\" is not allowed; a whole number from 0 to "
                        + "| Change the property connlimit.max-per-client.",
                "connlimit.rules=10.0.0.0/8=zz | rules: \"zz\" is not allowed; | Change the property connlimit.rules.",
                "connlimit.trusted-proxies=proxy | trustedProxies: CIDR: \"proxy\" is not allowed; "
                        + "| Change the property connlimit.trusted-proxies.",
                "connlimit.reserved-connections=96 | reservedConnections: \"96\" is not allowed; "
                        + "| Change the property connlimit.reserved-connections.",
            })
    void aBadValueIsExplained(String property, String message, String action) {
        assertThat(Running.failure(property))
                .contains(
                        "APPLICATION FAILED TO START",
                        "The connection limits are not valid: " + message.trim(),
                        action.trim());
    }

    @Test
    void aValueOfAnotherTypeIsExplainedBySpringBoot() {
        assertThat(Running.failure("connlimit.max-per-client=many"))
                .contains("APPLICATION FAILED TO START", "connlimit.max-per-client");
    }

    @Test
    void aBadValueEndsTheProcess() throws Exception {
        assertThat(run("--connlimit.max-per-client=-1"))
                .contains("APPLICATION FAILED TO START", "The connection limits are not valid: maxPerClient: ")
                .doesNotContain("\tat ");
    }

    private static String run(String argument) throws Exception {
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-XX:TieredStopAtLevel=1",
                        "-cp",
                        System.getProperty("java.class.path"),
                        App.class.getName(),
                        "--server.port=0",
                        argument)
                .redirectErrorStream(true)
                .start();
        String output = new String(process.getInputStream().readAllBytes());
        assertThat(process.waitFor()).isNotZero();
        return output;
    }

    @Test
    void disabledTakesEverythingOut() throws Exception {
        try (Running app = Running.start(
                "connlimit.enabled=false",
                "connlimit.max-per-client=3",
                "management.endpoints.web.exposure.include=*")) {
            assertThat(app.context.getBeanProvider(ConnectionLimiter.class).getIfAvailable())
                    .isNull();
            assertThat(app.context.getBeanDefinitionNames()).noneMatch(name -> name.contains("connectionLimit"));
            try (Clients clients = new Clients(app.port(), false)) {
                assertThat(clients.served(2, 8)).isEqualTo(8);
            }
            assertThat(Clients.get(app.port(), "/actuator/connlimit")).startsWith("404 ");
            assertThat(app.warnings()).isEmpty();
        }
    }

    @Configuration(proxyBeanMethods = false)
    static class OwnBeans {

        static final List<String> EVENTS = new CopyOnWriteArrayList<>();

        @Bean
        LimiterListener listener() {
            return new LimiterListener() {
                @Override
                public void refused(ClientUsage client, RefusalReason reason, boolean dryRun) {
                    EVENTS.add(client.client() + " " + reason);
                }
            };
        }

        @Bean
        RefusalHandler<SocketChannel> refusalHandler() {
            return (connection, peer) ->
                    connection.write(ByteBuffer.wrap("HTTP/1.1 503 Busy\r\n\r\n".getBytes(StandardCharsets.US_ASCII)));
        }

        @Bean
        RefusalHandler<Channel> refusalHandlerOfNetty() {
            return (connection, peer) -> connection.writeAndFlush(
                    Unpooled.copiedBuffer("HTTP/1.1 503 Busy\r\n\r\n", StandardCharsets.US_ASCII));
        }
    }

    static Stream<ServersTest.Kind> servers() {
        return Stream.of(
                new ServersTest.Kind(Line.tomcat().get(0), WebApplicationType.SERVLET),
                new ServersTest.Kind(Line.jetty().get(0), WebApplicationType.SERVLET),
                new ServersTest.Kind(Line.reactorNetty(), WebApplicationType.REACTIVE));
    }

    @ParameterizedTest
    @MethodSource("servers")
    void listenersAndARefusalHandlerAreUsed(ServersTest.Kind kind) throws Exception {
        OwnBeans.EVENTS.clear();
        try (Running app = Running.start(
                        kind.factory(),
                        kind.type(),
                        application -> application.addPrimarySources(List.of(OwnBeans.class)),
                        "connlimit.max-per-client=1");
                Clients clients = new Clients(app.port(), false)) {
            assertThat(clients.connect(2)).isEqualTo(200);
            List<Integer> statuses = new ArrayList<>();
            for (int i = 0; i < 5; i++) {
                statuses.add(clients.connect(2));
            }
            // A reset may overtake the answer.
            assertThat(statuses).contains(503).isSubsetOf(503, 0);
            assertThat(OwnBeans.EVENTS).hasSize(5).containsOnly("127.0.0.2/32 CONNECTIONS");
        }
    }

    @Configuration(proxyBeanMethods = false)
    static class OwnLimiter {

        @Bean
        ConnectionLimiter own() {
            return new ConnectionLimiter(
                    ConnectionLimits.builder().maxPerClient(2).build());
        }
    }

    @Test
    void aLimiterOfTheUsersOwnTakesItsPlace() throws Exception {
        try (Running app = Running.startWith(OwnLimiter.class, "connlimit.max-per-client=7");
                Clients clients = new Clients(app.port(), false)) {
            assertThat(clients.served(2, 8)).isEqualTo(2);
        }
    }
}
