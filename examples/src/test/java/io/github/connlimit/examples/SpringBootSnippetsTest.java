package io.github.connlimit.examples;

import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.jetty.ConnectionLimitInstaller;
import org.junit.jupiter.api.Test;
import org.springframework.boot.jetty.servlet.JettyServletWebServerFactory;
import org.springframework.boot.tomcat.servlet.TomcatServletWebServerFactory;
import org.springframework.boot.web.server.WebServerFactoryCustomizer;
import org.springframework.boot.web.server.WebServerFactoryCustomizerBeanPostProcessor;
import org.springframework.boot.web.server.servlet.context.AnnotationConfigServletWebServerApplicationContext;
import org.springframework.boot.web.servlet.ServletRegistrationBean;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

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
