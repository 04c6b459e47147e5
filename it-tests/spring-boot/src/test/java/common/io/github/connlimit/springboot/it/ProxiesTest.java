package io.github.connlimit.springboot.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.github.connlimit.ConnectionPermit;
import java.net.InetAddress;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.springframework.boot.WebApplicationType;

/** Clients behind a trusted proxy have limits of their own; the proxy has none. */
class ProxiesTest {

    static Stream<Class<?>> servlet() {
        return Stream.of(Line.tomcat().get(0), Line.jetty().get(0));
    }

    @ParameterizedTest
    @MethodSource("servlet")
    void clientsBehindATrustedProxyAreLimited(Class<?> factory) throws Exception {
        try (Running app = Running.start(
                        factory,
                        WebApplicationType.SERVLET,
                        Running.NOTHING_MORE,
                        "connlimit.max-per-client=1",
                        "connlimit.trusted-proxies=127.0.0.2",
                        "server.forward-headers-strategy=native",
                        "server.tomcat.remoteip.internal-proxies=127\\.0\\.0\\.2");
                Clients proxy = new Clients(app.port(), false)) {
            assertThat(app.warnings()).isEmpty();
            assertThat(proxy.served(2, 5)).isEqualTo(5);
            try (ConnectionPermit busy = app.limiter().acquire(InetAddress.getByName("192.0.2.7"))) {
                assertThat(busy).isNotNull();
                assertThat(proxy.connect(2, "X-Forwarded-For: 192.0.2.7")).isEqualTo(429);
                assertThat(proxy.connect(2, "X-Forwarded-For: 192.0.2.8")).isEqualTo(200);
            }
            await().untilAsserted(() ->
                    assertThat(proxy.connect(2, "X-Forwarded-For: 192.0.2.7")).isEqualTo(200));
        }
    }
}
