package io.github.connlimit.springboot3;

import io.github.connlimit.springboot.TomcatLimit;
import org.springframework.boot.web.embedded.tomcat.ConfigurableTomcatWebServerFactory;
import org.springframework.boot.web.embedded.tomcat.TomcatReactiveWebServerFactory;
import org.springframework.boot.web.embedded.tomcat.TomcatServletWebServerFactory;
import org.springframework.boot.web.server.WebServerFactoryCustomizer;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.Ordered;

/** Limits Tomcat. */
@Configuration(proxyBeanMethods = false)
class TomcatConfiguration {

    @Bean
    WebServerFactoryCustomizer<ConfigurableTomcatWebServerFactory> connectionLimitOfTomcatCustomizer(
            TomcatLimit limit) {
        return new Customizer(limit);
    }

    /** After Spring Boot's own, so that the Valve comes after the {@code RemoteIpValve}. */
    private record Customizer(TomcatLimit limit)
            implements WebServerFactoryCustomizer<ConfigurableTomcatWebServerFactory>, Ordered {

        @Override
        public void customize(ConfigurableTomcatWebServerFactory factory) {
            // Which protocol the factory has cannot be asked in this version.
            if (factory instanceof TomcatServletWebServerFactory servlet) {
                servlet.setProtocol(limit.protocol());
            } else if (factory instanceof TomcatReactiveWebServerFactory reactive) {
                reactive.setProtocol(limit.protocol());
            }
            factory.addProtocolHandlerCustomizers(limit::customize);
            factory.addEngineValves(limit.newValve());
        }

        @Override
        public int getOrder() {
            return LOWEST_PRECEDENCE - 10;
        }
    }
}
