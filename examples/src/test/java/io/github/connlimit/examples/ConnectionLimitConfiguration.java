package io.github.connlimit.examples;

import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.tomcat.ConnectionLimitHttp11NioProtocol;
import org.springframework.boot.tomcat.servlet.TomcatServletWebServerFactory;
import org.springframework.boot.web.server.WebServerFactoryCustomizer;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

// tag::spring-boot-tomcat[]
@Configuration
class ConnectionLimitConfiguration {

    @Bean
    ConnectionLimiter connectionLimiter() {
        return new ConnectionLimiter(ConnectionLimits.builder().maxPerClient(50).build());
    }

    @Bean
    WebServerFactoryCustomizer<TomcatServletWebServerFactory> connectionLimit(ConnectionLimiter limiter) {
        return factory -> {
            factory.setProtocol(ConnectionLimitHttp11NioProtocol.class.getName());
            factory.addProtocolHandlerCustomizers(
                    (ConnectionLimitHttp11NioProtocol protocol) -> protocol.setLimiter(limiter));
        };
    }
}
// end::spring-boot-tomcat[]
