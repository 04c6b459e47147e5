package io.github.connlimit.springboot;

import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.micrometer.ConnectionLimitMetrics;
import io.micrometer.core.instrument.binder.MeterBinder;
import org.springframework.beans.factory.ListableBeanFactory;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnNotWarDeployment;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.boot.autoconfigure.condition.ConditionalOnWebApplication;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;

/**
 * The limiter and its metrics, in every application; and what limits the web server, where the application brings its own. A
 * test without a server has a limiter, too, which whatever needs one gets injected.
 *
 * @since 0.1.0
 */
@AutoConfiguration
@ConditionalOnProperty(name = "connlimit.enabled", matchIfMissing = true)
@EnableConfigurationProperties(ConnectionLimitProperties.class)
public class ConnectionLimitAutoConfiguration {

    /** Made by Spring. */
    public ConnectionLimitAutoConfiguration() {}

    /** Unless the user has a limiter of their own, for which the properties have no effect. */
    @Configuration(proxyBeanMethods = false)
    @ConditionalOnMissingBean(ConnectionLimiter.class)
    static class ByProperties {

        @Bean
        ConnectionLimiter connectionLimiter(ConnectionLimitProperties properties, ListenerBeans listeners) {
            ConnectionLimits limits;
            try {
                limits = properties.limits();
            } catch (IllegalArgumentException bad) {
                throw new InvalidLimitsException(bad);
            }
            return new ConnectionLimiter(limits, listeners.forwarding());
        }

        @Bean
        ListenerBeans connectionLimitListeners(ListableBeanFactory beans) {
            return new ListenerBeans(beans);
        }

        @Bean
        TrustedProxies connectionLimitTrustedProxies(ConnectionLimitProperties properties) {
            return new TrustedProxies(properties.trustedProxies());
        }
    }

    /** Where the application brings its web server. */
    @Configuration(proxyBeanMethods = false)
    @ConditionalOnWebApplication
    @ConditionalOnNotWarDeployment
    @Import({ServerLimitConfiguration.class, ClusterNodeConfiguration.class})
    static class OnServer {}

    /** With Micrometer. */
    @Configuration(proxyBeanMethods = false)
    @ConditionalOnClass(MeterBinder.class)
    static class WithMicrometer {

        @Bean
        @ConditionalOnMissingBean
        ConnectionLimitMetrics connectionLimitMetrics(ConnectionLimiter limiter, ConnectionLimitProperties properties) {
            ConnectionLimitMetrics metrics = new ConnectionLimitMetrics(limiter, "server");
            return properties.clusterViaSpringDataRedis() ? metrics.withCluster() : metrics;
        }
    }
}
