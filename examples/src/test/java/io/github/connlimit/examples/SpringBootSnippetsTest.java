package io.github.connlimit.examples;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.ConnectionPermit;
import io.github.connlimit.jetty.ConnectionLimitInstaller;
import io.github.connlimit.tomcat.ConnectionLimitValve;
import java.net.InetAddress;
import org.apache.catalina.valves.RemoteIpValve;
import org.junit.jupiter.api.Test;
import org.springframework.boot.jetty.servlet.JettyServletWebServerFactory;
import org.springframework.boot.tomcat.servlet.TomcatServletWebServerFactory;
import org.springframework.boot.web.server.WebServerFactoryCustomizer;
import org.springframework.boot.web.server.WebServerFactoryCustomizerBeanPostProcessor;
import org.springframework.boot.web.server.servlet.context.AnnotationConfigServletWebServerApplicationContext;
import org.springframework.boot.web.servlet.ServletRegistrationBean;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.Ordered;

class SpringBootSnippetsTest {

    @Configuration(proxyBeanMethods = false)
    static class JettyConnectionLimit {

        @Bean
        ConnectionLimiter connectionLimiter() {
            return new ConnectionLimiter(
                    ConnectionLimits.builder().maxPerClient(50).build());
        }

        // tag::spring-boot-jetty[]
        @Bean
        WebServerFactoryCustomizer<JettyServletWebServerFactory> connectionLimit(ConnectionLimiter limiter) {
            return factory ->
                    factory.addServerCustomizers(server -> server.addBean(new ConnectionLimitInstaller(limiter)));
        }
        // end::spring-boot-jetty[]
    }

    @Configuration(proxyBeanMethods = false)
    static class TomcatConnectionLimitValve {

        // tag::spring-boot-valve[]
        @Bean
        WebServerFactoryCustomizer<TomcatServletWebServerFactory> connectionLimitValve(ConnectionLimiter limiter) {
            return factory -> {
                ConnectionLimitValve valve = new ConnectionLimitValve();
                valve.setLimiter(limiter);
                factory.addEngineValves(valve);
            };
        }
        // end::spring-boot-valve[]
    }

    @Configuration(proxyBeanMethods = false)
    static class NativeForwardHeaders {

        @Bean
        RemoteIpCustomizer remoteIp() {
            return new RemoteIpCustomizer();
        }
    }

    /**
     * What Spring Boot does with {@code server.forward-headers-strategy=native}, with the order of its own customizer: it
     * asks the object for that, and does not see an annotation of the method that made it.
     */
    private static final class RemoteIpCustomizer
            implements WebServerFactoryCustomizer<TomcatServletWebServerFactory>, Ordered {

        @Override
        public void customize(TomcatServletWebServerFactory factory) {
            factory.addEngineValves(new RemoteIpValve());
        }

        @Override
        public int getOrder() {
            return 0;
        }
    }

    @Configuration(proxyBeanMethods = false)
    static class Application {

        @Bean
        static WebServerFactoryCustomizerBeanPostProcessor customizers() {
            return new WebServerFactoryCustomizerBeanPostProcessor();
        }

        @Bean
        ServletRegistrationBean<OkServlet> ok() {
            return new ServletRegistrationBean<>(new OkServlet(), "/");
        }
    }

    @Configuration(proxyBeanMethods = false)
    static class OnTomcat {

        @Bean
        TomcatServletWebServerFactory factory() {
            return new TomcatServletWebServerFactory(0);
        }
    }

    @Configuration(proxyBeanMethods = false)
    static class OnJetty {

        @Bean
        JettyServletWebServerFactory factory() {
            return new JettyServletWebServerFactory(0);
        }
    }

    @Test
    void limitsTomcat() throws Exception {
        assertLimit(Application.class, OnTomcat.class, ConnectionLimitConfiguration.class);
    }

    @Test
    void countsTheRequestsOfAForwardedClientOnTomcat() throws Exception {
        try (AnnotationConfigServletWebServerApplicationContext context =
                new AnnotationConfigServletWebServerApplicationContext(
                        Application.class,
                        OnTomcat.class,
                        ConnectionLimitConfiguration.class,
                        TomcatConnectionLimitValve.class,
                        NativeForwardHeaders.class)) {
            ConnectionLimiter limiter = context.getBean(ConnectionLimiter.class);
            limiter.reconfigure(limits ->
                    limits.toBuilder().maxPerClient(1).exempt("127.0.0.2").build());
            int port = context.getWebServer().getPort();
            try (ConnectionPermit permit = limiter.acquire(InetAddress.getByName("192.0.2.1"));
                    TestClient client = TestClient.connected("127.0.0.2", port, false)) {
                assertThat(permit).isNotNull();
                assertThat(client.get("/")).isEqualTo("200 OK\n");
                assertThat(client.request("GET", "/", "X-Forwarded-For: 192.0.2.1\r\n"))
                        .startsWith("429 ");
            }
        }
    }

    @Test
    void limitsJetty() throws Exception {
        assertLimit(Application.class, OnJetty.class, JettyConnectionLimit.class);
    }

    private static void assertLimit(Class<?>... configuration) throws Exception {
        try (AnnotationConfigServletWebServerApplicationContext context =
                new AnnotationConfigServletWebServerApplicationContext(configuration)) {
            LimitAssertions.assertLimit(
                    50,
                    context.getBean(ConnectionLimiter.class),
                    context.getWebServer().getPort());
        }
    }
}
