package io.github.connlimit.springboot3;

import io.github.connlimit.springboot.ConnectionLimitAutoConfiguration;
import io.github.connlimit.springboot.StartCheck;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;

/**
 * Limits the embedded web servers of Spring Boot 3.5, and of no other version.
 *
 * @since 0.1.0
 */
@AutoConfiguration(after = ConnectionLimitAutoConfiguration.class)
@ConditionalOnClass(name = "org.springframework.boot.web.context.WebServerInitializedEvent")
@ConditionalOnBean(StartCheck.class)
@Import(StartCheckConfiguration.class)
public class SpringBoot3AutoConfiguration {

    /** Made by Spring. */
    public SpringBoot3AutoConfiguration() {}

    /** Where there is Tomcat. */
    @Configuration(proxyBeanMethods = false)
    @ConditionalOnClass(
            name = {
                "org.apache.catalina.startup.Tomcat",
                "org.springframework.boot.web.embedded.tomcat.ConfigurableTomcatWebServerFactory"
            })
    @Import(TomcatConfiguration.class)
    static class OnTomcat {}

    /** Where there is Jetty. */
    @Configuration(proxyBeanMethods = false)
    @ConditionalOnClass(
            name = {
                "org.eclipse.jetty.server.Server",
                "org.springframework.boot.web.embedded.jetty.ConfigurableJettyWebServerFactory"
            })
    @Import(JettyConfiguration.class)
    static class OnJetty {}

    /** Where there is Reactor Netty. */
    @Configuration(proxyBeanMethods = false)
    @ConditionalOnClass(
            name = {
                "reactor.netty.http.server.HttpServer",
                "org.springframework.boot.web.embedded.netty.NettyReactiveWebServerFactory"
            })
    @Import(ReactorNettyConfiguration.class)
    static class OnReactorNetty {}
}
