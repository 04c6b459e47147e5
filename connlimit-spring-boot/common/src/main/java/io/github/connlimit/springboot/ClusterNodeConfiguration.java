package io.github.connlimit.springboot;

import io.github.connlimit.ClusterProvider;
import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.cluster.RedisClusterProvider;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.data.redis.connection.RedisConnectionFactory;
import org.springframework.data.redis.connection.lettuce.LettuceConnectionFactory;

/** Makes the limiter a node of a cluster, by the Redis that the application has. */
@Configuration(proxyBeanMethods = false)
@ConditionalOnProperty("connlimit.cluster-via-spring-data-redis")
class ClusterNodeConfiguration {

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
