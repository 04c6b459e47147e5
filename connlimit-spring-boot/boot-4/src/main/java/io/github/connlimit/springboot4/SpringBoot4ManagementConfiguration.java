package io.github.connlimit.springboot4;

import io.github.connlimit.springboot.ServerLimitConfiguration;
import org.springframework.boot.actuate.autoconfigure.web.ManagementContextConfiguration;
import org.springframework.boot.actuate.autoconfigure.web.ManagementContextType;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;

/**
 * Limits the management server that has a port of its own, if that is asked for.
 *
 * @since 0.1.0
 */
@ManagementContextConfiguration(value = ManagementContextType.CHILD, proxyBeanMethods = false)
@ConditionalOnClass(name = "org.springframework.boot.web.server.context.WebServerInitializedEvent")
@ConditionalOnProperty(name = "connlimit.enabled", matchIfMissing = true)
@ConditionalOnProperty("connlimit.management.enabled")
@Import({ServerLimitConfiguration.class, StartCheckConfiguration.class})
public class SpringBoot4ManagementConfiguration {

    /** Made by Spring. */
    public SpringBoot4ManagementConfiguration() {}

    /** Where there is Tomcat. */
    @Configuration(proxyBeanMethods = false)
    @ConditionalOnClass(
            name = {
                "org.apache.catalina.startup.Tomcat",
                "org.springframework.boot.tomcat.ConfigurableTomcatWebServerFactory"
            })
    @Import(TomcatConfiguration.class)
    static class OnTomcat {}

    /** Where there is Jetty. */
    @Configuration(proxyBeanMethods = false)
    @ConditionalOnClass(
            name = {
                "org.eclipse.jetty.server.Server",
                "org.springframework.boot.jetty.ConfigurableJettyWebServerFactory"
            })
    @Import(JettyConfiguration.class)
    static class OnJetty {}

    /** Where there is Reactor Netty. */
    @Configuration(proxyBeanMethods = false)
    @ConditionalOnClass(
            name = {
                "reactor.netty.http.server.HttpServer",
                "org.springframework.boot.reactor.netty.NettyReactiveWebServerFactory"
            })
    @Import(ReactorNettyConfiguration.class)
    static class OnReactorNetty {}
}
