package io.github.connlimit.springboot4;

import io.github.connlimit.springboot.ServerFactoryLimit;
import io.github.connlimit.springboot.TomcatLimit;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.tomcat.TomcatWebServerFactory;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** Limits Tomcat. */
@Configuration(proxyBeanMethods = false)
class TomcatConfiguration {

    @Bean
    static ServerFactoryLimit<TomcatWebServerFactory> connectionLimitOfTomcatFactory(
            ObjectProvider<TomcatLimit> limit) {
        return new ServerFactoryLimit<>(TomcatWebServerFactory.class, factory -> limit(factory, limit.getObject()));
    }

    private static void limit(TomcatWebServerFactory factory, TomcatLimit limit) {
        factory.setProtocol(limit.protocol(factory.getProtocol()));
        factory.addProtocolHandlerCustomizers(limit::customize);
        // The last: after the RemoteIpValve.
        factory.addEngineValves(limit.newValve());
    }
}
