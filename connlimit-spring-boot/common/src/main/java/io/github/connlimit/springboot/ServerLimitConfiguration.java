package io.github.connlimit.springboot;

import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.RefusalHandler;
import io.github.connlimit.tomcat.ConnectionLimitHttp11Nio2Protocol;
import io.github.connlimit.tomcat.ConnectionLimitHttp11NioProtocol;
import io.netty.channel.Channel;
import java.nio.channels.AsynchronousSocketChannel;
import java.nio.channels.SocketChannel;
import org.apache.catalina.Valve;
import org.eclipse.jetty.server.Server;
import org.springframework.aot.hint.MemberCategory;
import org.springframework.aot.hint.RuntimeHints;
import org.springframework.aot.hint.RuntimeHintsRegistrar;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.ImportRuntimeHints;
import org.springframework.core.env.Environment;
import reactor.netty.http.server.HttpServer;

/**
 * What limits the web server of one context, that of the application or of the management server, and looks at it after the
 * start. For the adapters of this project.
 *
 * @since 0.1.0
 */
@Configuration(proxyBeanMethods = false)
public class ServerLimitConfiguration {

    /** Made by Spring. */
    public ServerLimitConfiguration() {}

    @Bean
    StartCheck connectionLimitStartCheck(
            ConnectionLimiter limiter,
            ObjectProvider<ServerLimit> servers,
            ObjectProvider<TrustedProxies> trustedProxies,
            ObjectProvider<RefusalHandler<?>> rejectionHandlers,
            Environment environment) {
        return new StartCheck(limiter, servers, trustedProxies, rejectionHandlers, environment);
    }

    /** For Tomcat. */
    @Configuration(proxyBeanMethods = false)
    @ConditionalOnClass(Valve.class)
    @ImportRuntimeHints(TomcatHints.class)
    static class OnTomcat {

        @Bean
        TomcatLimit connectionLimitOfTomcat(
                ConnectionLimiter limiter,
                ObjectProvider<RefusalHandler<SocketChannel>> refusalHandler,
                ObjectProvider<RefusalHandler<AsynchronousSocketChannel>> refusalHandlerOfNio2) {
            return new TomcatLimit(limiter, refusalHandler.getIfAvailable(), refusalHandlerOfNio2.getIfAvailable());
        }
    }

    /** For Jetty. */
    @Configuration(proxyBeanMethods = false)
    @ConditionalOnClass(Server.class)
    static class OnJetty {

        @Bean
        JettyLimit connectionLimitOfJetty(
                ConnectionLimiter limiter, ObjectProvider<RefusalHandler<SocketChannel>> refusalHandler) {
            return new JettyLimit(limiter, refusalHandler.getIfAvailable());
        }
    }

    /** For Reactor Netty. */
    @Configuration(proxyBeanMethods = false)
    @ConditionalOnClass(HttpServer.class)
    static class OnReactorNetty {

        @Bean
        ReactorNettyLimit connectionLimitOfReactorNetty(
                ConnectionLimiter limiter, ObjectProvider<RefusalHandler<Channel>> refusalHandler) {
            return new ReactorNettyLimit(limiter, refusalHandler.getIfAvailable());
        }
    }

    /** Tomcat makes a protocol by the name of its class. */
    static final class TomcatHints implements RuntimeHintsRegistrar {

        @Override
        public void registerHints(RuntimeHints hints, ClassLoader classLoader) {
            hints.reflection()
                    .registerType(ConnectionLimitHttp11NioProtocol.class, MemberCategory.INVOKE_PUBLIC_CONSTRUCTORS)
                    .registerType(ConnectionLimitHttp11Nio2Protocol.class, MemberCategory.INVOKE_PUBLIC_CONSTRUCTORS);
        }
    }
}
