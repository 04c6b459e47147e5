package io.github.connlimit.springboot;

import io.github.connlimit.ClusterProvider;
import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.LimiterListener;
import io.github.connlimit.RefusalHandler;
import io.github.connlimit.cluster.RedisClusterProvider;
import io.github.connlimit.micrometer.ConnectionLimitMetrics;
import io.github.connlimit.tomcat.ConnectionLimitHttp11Nio2Protocol;
import io.github.connlimit.tomcat.ConnectionLimitHttp11NioProtocol;
import io.micrometer.core.instrument.binder.MeterBinder;
import io.netty.channel.Channel;
import java.nio.channels.SocketChannel;
import org.apache.catalina.Valve;
import org.eclipse.jetty.server.Server;
import org.springframework.aot.hint.MemberCategory;
import org.springframework.aot.hint.RuntimeHints;
import org.springframework.aot.hint.RuntimeHintsRegistrar;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnNotWarDeployment;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.boot.autoconfigure.condition.ConditionalOnWebApplication;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.ImportRuntimeHints;
import org.springframework.core.env.Environment;
import org.springframework.data.redis.connection.RedisConnectionFactory;
import org.springframework.data.redis.connection.lettuce.LettuceConnectionFactory;
import reactor.netty.http.server.HttpServer;

/**
 * The limiter of the embedded web server, what limits Tomcat, Jetty and Reactor Netty, the metrics, and the look after the start.
 *
 * @since 0.1.0
 */
@AutoConfiguration
@ConditionalOnWebApplication
@ConditionalOnNotWarDeployment
@ConditionalOnProperty(name = "connlimit.enabled", matchIfMissing = true)
@EnableConfigurationProperties(ConnectionLimitProperties.class)
public class ConnectionLimitAutoConfiguration {

    /** Made by Spring. */
    public ConnectionLimitAutoConfiguration() {}

    @Bean
    @ConditionalOnMissingBean
    ConnectionLimiter connectionLimiter(
            ConnectionLimitProperties properties, ObjectProvider<LimiterListener> listeners) {
        ConnectionLimits limits;
        try {
            limits = properties.limits();
        } catch (IllegalArgumentException bad) {
            throw new InvalidLimitsException(bad);
        }
        return new ConnectionLimiter(limits, listeners.orderedStream().toArray(LimiterListener[]::new));
    }

    @Bean
    StartCheck connectionLimitStartCheck(
            ConnectionLimiter limiter, ObjectProvider<ServerLimit> servers, Environment environment) {
        return new StartCheck(limiter, servers, environment);
    }

    /** For Tomcat. */
    @Configuration(proxyBeanMethods = false)
    @ConditionalOnClass(Valve.class)
    @ImportRuntimeHints(TomcatHints.class)
    static class OnTomcat {

        @Bean
        TomcatLimit connectionLimitOfTomcat(
                ConnectionLimiter limiter, ObjectProvider<RefusalHandler<SocketChannel>> refusalHandler) {
            return new TomcatLimit(limiter, refusalHandler.getIfAvailable());
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

    /** Of a cluster, by the Redis that the application has. */
    @Configuration(proxyBeanMethods = false)
    @ConditionalOnProperty("connlimit.cluster-via-spring-data-redis")
    static class InCluster {

        @Bean
        ClusterNodeLifecycle connectionLimitClusterNode(
                ConnectionLimiter limiter, ObjectProvider<ClusterProvider> providers) {
            return new ClusterNodeLifecycle(limiter, providers.getIfUnique());
        }

        /** With connlimit-cluster. */
        @Configuration(proxyBeanMethods = false)
        @ConditionalOnClass({LettuceConnectionFactory.class, RedisClusterProvider.class})
        static class WithRedis {

            @Bean
            @ConditionalOnMissingBean
            ClusterProvider connectionLimitClusterProvider(ObjectProvider<RedisConnectionFactory> factories) {
                if (factories.getIfUnique() instanceof LettuceConnectionFactory factory) {
                    return new RedisClusterProvider(factory::getRequiredNativeClient);
                }
                throw ClusterNodeLifecycle.notAllowed("there is no LettuceConnectionFactory, or more than one");
            }
        }
    }

    /** With Micrometer. */
    @Configuration(proxyBeanMethods = false)
    @ConditionalOnClass(MeterBinder.class)
    static class WithMicrometer {

        @Bean
        @ConditionalOnMissingBean
        ConnectionLimitMetrics connectionLimitMetrics(ConnectionLimiter limiter) {
            return new ConnectionLimitMetrics(limiter, "server");
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
