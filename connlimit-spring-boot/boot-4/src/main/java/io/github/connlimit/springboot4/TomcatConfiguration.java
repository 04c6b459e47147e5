package io.github.connlimit.springboot4;

import io.github.connlimit.springboot.TomcatLimit;
import org.springframework.boot.tomcat.TomcatWebServerFactory;
import org.springframework.boot.web.server.WebServerFactoryCustomizer;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.Ordered;

/** Limits Tomcat. */
@Configuration(proxyBeanMethods = false)
class TomcatConfiguration {

    @Bean
    WebServerFactoryCustomizer<TomcatWebServerFactory> connectionLimitOfTomcatCustomizer(TomcatLimit limit) {
        return new Customizer(limit);
    }

    /** After Spring Boot's own, so that the Valve comes after the {@code RemoteIpValve}, and after the users' protocol. */
    private record Customizer(TomcatLimit limit)
            implements WebServerFactoryCustomizer<TomcatWebServerFactory>, Ordered {

        @Override
        public void customize(TomcatWebServerFactory factory) {
            factory.setProtocol(limit.protocol(factory.getProtocol()));
            factory.addProtocolHandlerCustomizers(limit::customize);
            factory.addEngineValves(limit.newValve());
        }

        @Override
        public int getOrder() {
            return LOWEST_PRECEDENCE - 10;
        }
    }
}
