package io.github.connlimit.springboot.it;

import java.util.List;
import org.apache.catalina.connector.Connector;
import org.springframework.boot.web.embedded.jetty.JettyReactiveWebServerFactory;
import org.springframework.boot.web.embedded.jetty.JettyServletWebServerFactory;
import org.springframework.boot.web.embedded.netty.NettyReactiveWebServerFactory;
import org.springframework.boot.web.embedded.tomcat.TomcatReactiveWebServerFactory;
import org.springframework.boot.web.embedded.tomcat.TomcatServletWebServerFactory;
import org.springframework.boot.web.server.WebServerFactoryCustomizer;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** What has other names in other lines of Spring Boot. */
final class Line {

    private Line() {}

    static List<Class<?>> tomcat() {
        return List.of(TomcatServletWebServerFactory.class, TomcatReactiveWebServerFactory.class);
    }

    static List<Class<?>> jetty() {
        return List.of(JettyServletWebServerFactory.class, JettyReactiveWebServerFactory.class);
    }

    static Class<?> reactorNetty() {
        return NettyReactiveWebServerFactory.class;
    }

    /** A customizer without an order, which comes after all others. */
    @Configuration(proxyBeanMethods = false)
    static class OwnProtocol {

        @Bean
        WebServerFactoryCustomizer<TomcatServletWebServerFactory> ownProtocol() {
            return factory -> factory.setProtocol("org.apache.coyote.http11.Http11Nio2Protocol");
        }
    }

    @Configuration(proxyBeanMethods = false)
    static class AdditionalConnector {

        @Bean
        WebServerFactoryCustomizer<TomcatServletWebServerFactory> additionalConnector() {
            return factory -> {
                Connector connector = new Connector();
                connector.setPort(0);
                factory.addAdditionalTomcatConnectors(connector);
            };
        }
    }
}
