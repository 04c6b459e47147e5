package io.github.connlimit.springboot3;

import io.github.connlimit.springboot.JettyLimit;
import io.github.connlimit.springboot.ServerFactoryLimit;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.web.embedded.jetty.ConfigurableJettyWebServerFactory;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** Limits Jetty. */
@Configuration(proxyBeanMethods = false)
class JettyConfiguration {

    /** Never a connector itself: Spring Boot replaces them afterwards. */
    @Bean
    static ServerFactoryLimit<ConfigurableJettyWebServerFactory> connectionLimitOfJettyFactory(
            ObjectProvider<JettyLimit> limit) {
        return new ServerFactoryLimit<>(
                ConfigurableJettyWebServerFactory.class,
                factory -> factory.addServerCustomizers(limit.getObject()::install));
    }
}
