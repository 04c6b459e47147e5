package io.github.connlimit.springboot4;

import io.github.connlimit.springboot.JettyLimit;
import org.springframework.boot.jetty.ConfigurableJettyWebServerFactory;
import org.springframework.boot.web.server.WebServerFactoryCustomizer;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** Limits Jetty. */
@Configuration(proxyBeanMethods = false)
class JettyConfiguration {

    /** Never a connector itself: Spring Boot replaces them afterwards. */
    @Bean
    WebServerFactoryCustomizer<ConfigurableJettyWebServerFactory> connectionLimitOfJettyCustomizer(JettyLimit limit) {
        return factory -> factory.addServerCustomizers(limit::install);
    }
}
