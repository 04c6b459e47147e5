package io.github.connlimit.springboot4;

import io.github.connlimit.springboot.ReactorNettyLimit;
import io.github.connlimit.springboot.ServerFactoryLimit;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.reactor.netty.NettyReactiveWebServerFactory;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** Limits Reactor Netty. */
@Configuration(proxyBeanMethods = false)
class ReactorNettyConfiguration {

    @Bean
    static ServerFactoryLimit<NettyReactiveWebServerFactory> connectionLimitOfReactorNettyFactory(
            ObjectProvider<ReactorNettyLimit> limit) {
        return new ServerFactoryLimit<>(
                NettyReactiveWebServerFactory.class, factory -> factory.addServerCustomizers(limit.getObject()::limit));
    }
}
