package io.github.connlimit.springboot4;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.connlimit.testing.TestCertificate;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import java.net.Socket;
import java.net.SocketException;
import java.util.logging.Level;
import org.apache.coyote.http11.Http11Nio2Protocol;
import org.apache.coyote.http11.Http11NioProtocol;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.reactor.netty.NettyReactiveWebServerFactory;
import org.springframework.boot.tomcat.servlet.TomcatServletWebServerFactory;
import org.springframework.boot.web.server.WebServerFactoryCustomizer;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** Whatever a customizer of the user's does to the server, and whichever comes first, it is limited. */
class CustomizersTest {

    private static final String LIMIT = "connlimit.max-per-client=2";
    /** Two on the class path are one too many for the management server. */
    private static final String ONE_CONTAINER = "spring.autoconfigure.exclude=org.springframework.boot.jetty"
            + ".autoconfigure.actuate.web.server.JettyServletManagementContextAutoConfiguration";

    private static Running tomcat(Class<?> configuration, String... properties) {
        return new Running(TomcatServletWebServerFactory.class, WebApplicationType.SERVLET, configuration, properties);
    }

    @Configuration(proxyBeanMethods = false)
    static class NoCustomizer {}

    @Test
    void tomcatIsLimited() throws Exception {
        try (Running app = tomcat(NoCustomizer.class, LIMIT)) {
            assertThat(app.answered(app.port("server"), 5)).isEqualTo(2);
            assertThat(app.warnings()).isEmpty();
        }
    }

    /** Without an order: it comes after all customizers that have one. */
    @Configuration(proxyBeanMethods = false)
    static class Nio2 {

        @Bean
        WebServerFactoryCustomizer<TomcatServletWebServerFactory> nio2() {
            return factory -> factory.setProtocol(Http11Nio2Protocol.class.getName());
        }
    }

    @Test
    void tomcatWithNio2IsLimited() throws Exception {
        try (Running app = tomcat(Nio2.class, LIMIT)) {
            assertThat(app.answered(app.port("server"), 5)).isEqualTo(2);
            assertThat(app.warnings()).isEmpty();
        }
    }

    /** A protocol of a user's own. */
    public static final class OwnProtocol extends Http11NioProtocol {}

    @Configuration(proxyBeanMethods = false)
    static class Own {

        @Bean
        WebServerFactoryCustomizer<TomcatServletWebServerFactory> own() {
            return factory -> factory.setProtocol(OwnProtocol.class.getName());
        }
    }

    @Test
    void aProtocolThatIsNoneOfTomcatsStaysAndTheLogSaysSo() throws Exception {
        try (Running app = tomcat(Own.class, LIMIT)) {
            assertThat(app.warnings())
                    .anySatisfy(warning -> assertThat(warning)
                            .contains("are not limited, only its requests", OwnProtocol.class.getName()));
            assertThat(app.answered(app.port("server"), 5)).isEqualTo(5);
        }
    }

    @Configuration(proxyBeanMethods = false)
    static class Tls {

        @Bean
        WebServerFactoryCustomizer<NettyReactiveWebServerFactory> tls() throws Exception {
            SslContext context =
                    SslContextBuilder.forServer(TestCertificate.keys()).build();
            return factory -> factory.addServerCustomizers(server -> server.secure(spec -> spec.sslContext(context)));
        }
    }

    /** Clear text on a port of TLS is worse than no answer. */
    @Test
    void reactorNettyAnswersNothingInClearTextWhereACustomizerAddsTls() throws Exception {
        try (Running app = new Running(
                NettyReactiveWebServerFactory.class,
                WebApplicationType.REACTIVE,
                Tls.class,
                "connlimit.max-per-client=1",
                "connlimit.refuse=respond")) {
            Socket served = app.connect(app.port("server"));
            assertThat(served.isConnected()).isTrue();
            int first;
            try {
                first = app.connect(app.port("server")).getInputStream().read();
            } catch (SocketException reset) {
                first = -1;
            }
            assertThat(first).as("the first byte of the answer").isEqualTo(-1);
            assertThat(app.warnings()).isEmpty();
            assertThat(app.messages(Level.INFO))
                    .contains(
                            "refuse=respond has no effect in Reactor Netty: it resets connections, since it cannot answer before TLS");
        }
    }

    /** Disabled is disabled, whatever else is asked for. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void theManagementServerIsLimitedIfAskedForAndNotDisabled(boolean enabled) throws Exception {
        try (Running app = tomcat(
                NoCustomizer.class,
                LIMIT,
                "management.server.port=0",
                ONE_CONTAINER,
                "connlimit.management.enabled=true",
                "connlimit.enabled=" + enabled)) {
            assertThat(app.answered(app.port("management"), 5)).isEqualTo(enabled ? 2 : 5);
            assertThat(app.warnings()).isEmpty();
        }
    }
}
