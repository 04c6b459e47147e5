package io.github.connlimit.springboot4;

import io.github.connlimit.springboot.ReactorNettyLimit;
import org.springframework.boot.reactor.netty.NettyReactiveWebServerFactory;
import org.springframework.boot.web.server.WebServerFactoryCustomizer;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.Ordered;

/** Limits Reactor Netty. */
@Configuration(proxyBeanMethods = false)
class ReactorNettyConfiguration {

    @Bean
    WebServerFactoryCustomizer<NettyReactiveWebServerFactory> connectionLimitOfReactorNettyCustomizer(
            ReactorNettyLimit limit) {
        return new Customizer(limit);
    }

    /** After the users' own, which may add TLS. */
    private record Customizer(ReactorNettyLimit limit)
            implements WebServerFactoryCustomizer<NettyReactiveWebServerFactory>, Ordered {

        @Override
        public void customize(NettyReactiveWebServerFactory factory) {
            factory.addServerCustomizers(limit::limit);
        }

        @Override
        public int getOrder() {
            return LOWEST_PRECEDENCE - 10;
        }
    }
}
