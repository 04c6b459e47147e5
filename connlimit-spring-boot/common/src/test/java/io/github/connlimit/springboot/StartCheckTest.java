package io.github.connlimit.springboot;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.RefusalHandler;
import io.github.connlimit.ServerSupport;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.beans.factory.support.StaticListableBeanFactory;
import org.springframework.core.ResolvableType;
import org.springframework.mock.env.MockEnvironment;

/** What the look after the start warns of. */
class StartCheckTest {

    private static final String EXEMPT_HEALTH_CHECKER = "127.0.0.0/8=unlimited, 192.0.2.7=unlimited";

    private final StaticListableBeanFactory beans = new StaticListableBeanFactory();
    private final MockEnvironment environment = new MockEnvironment();

    private boolean findsForwardedClients = true;

    private final class Limited implements ServerLimit {

        @Override
        public boolean isUsed() {
            return true;
        }

        @Override
        public List<String> limited(int port) {
            return List.of("Tomcat on port " + port);
        }

        @Override
        public List<String> unlimited() {
            return List.of();
        }

        @Override
        public ServerSupport support() {
            return ServerSupport.TOMCAT;
        }

        @Override
        public boolean findsForwardedClients() {
            return findsForwardedClients;
        }

        @Override
        public boolean hasRejectionHandler() {
            return false;
        }

        @Override
        public String rejectionHandlerType() {
            return "RefusalHandler<SocketChannel>";
        }
    }

    private List<String> warnings(String rules) {
        beans.addBean("server", new Limited());
        ConnectionLimiter limiter =
                new ConnectionLimiter(ConnectionLimits.builder().rules(rules).build());
        try (KeptLog log = new KeptLog()) {
            new StartCheck(
                            limiter,
                            beans.getBeanProvider(ServerLimit.class),
                            beans.getBeanProvider(TrustedProxies.class),
                            beans.getBeanProvider(ResolvableType.forClass(RefusalHandler.class)),
                            environment)
                    .check(this, 8080);
            return log.warnings();
        }
    }

    private void trust(String... proxies) {
        beans.addBean("trusted", new TrustedProxies(List.of(proxies)));
    }

    @Test
    void aRejectionHandlerForConnectionsOfAnotherKind() {
        RefusalHandler<String> handler = (connection, client) -> {};
        beans.addBean("handler", handler);
        assertThat(warnings(""))
                .containsExactly("No bean of the type RefusalHandler has an effect: Tomcat needs a"
                        + " RefusalHandler<SocketChannel>");
    }

    /** Whoever exempts a health checker has not told of a proxy yet. */
    @ParameterizedTest
    @ValueSource(strings = {"", EXEMPT_HEALTH_CHECKER})
    void aProxyThatNobodyTrusts(String rules) {
        trust();
        environment.setProperty("server.forward-headers-strategy", "native");
        assertThat(warnings(rules))
                .containsExactly(
                        "server.forward-headers-strategy=native says that there is a proxy in front, and none is"
                                + " trusted: all clients behind it share one limit. Set connlimit.trusted-proxies to its addresses");
    }

    @Test
    void aPlatformWithAProxyThatNobodyTrusts() {
        trust();
        environment.setProperty("spring.main.cloud-platform", "kubernetes");
        assertThat(warnings(EXEMPT_HEALTH_CHECKER))
                .containsExactly(
                        "This application runs on KUBERNETES, where there is a proxy in front, and none is"
                                + " trusted: all clients behind it share one limit. Set connlimit.trusted-proxies to its addresses");
    }

    /** To trust the proxy would switch all limits off, and is no advice. */
    @ParameterizedTest
    @CsvSource({
        "server.forward-headers-strategy, native",
        "server.forward-headers-strategy, framework",
        "spring.main.cloud-platform, kubernetes"
    })
    void aServerThatDoesNotFindForwardedClients(String property, String value) {
        findsForwardedClients = false;
        environment.setProperty(property, value);
        trust();
        assertThat(warnings(""))
                .singleElement()
                .asString()
                .startsWith("The clients behind a proxy share one limit: connlimit reads no forwarded headers")
                .contains("proxyProtocol");
        trust("192.0.2.1");
        assertThat(warnings("192.0.2.1=unlimited"))
                .singleElement()
                .asString()
                .startsWith("The clients behind a proxy are not limited: connlimit reads no forwarded headers")
                .contains("proxyProtocol");
    }

    @Test
    void aProxyThatIsTrusted() {
        trust("192.0.2.1");
        environment.setProperty("server.forward-headers-strategy", "native");
        assertThat(warnings("192.0.2.1=unlimited")).isEmpty();
    }

    /** There, the properties say nothing. */
    @Test
    void aLimiterOfTheUsersOwnMayExemptTheProxy() {
        environment.setProperty("server.forward-headers-strategy", "native");
        assertThat(warnings("192.0.2.1=unlimited")).isEmpty();
    }
}
