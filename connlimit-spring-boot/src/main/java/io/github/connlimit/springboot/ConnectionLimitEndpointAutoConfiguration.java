package io.github.connlimit.springboot;

import io.github.connlimit.ConnectionLimiter;
import org.springframework.boot.actuate.autoconfigure.endpoint.condition.ConditionalOnAvailableEndpoint;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.annotation.Bean;

/**
 * The Actuator endpoint, where there is an Actuator.
 *
 * @since 0.1.0
 */
@AutoConfiguration(after = ConnectionLimitAutoConfiguration.class)
@ConditionalOnClass(ConditionalOnAvailableEndpoint.class)
@ConditionalOnBean(ConnectionLimiter.class)
@ConditionalOnAvailableEndpoint(ConnectionLimitEndpoint.class)
@EnableConfigurationProperties(ConnectionLimitEndpointProperties.class)
public class ConnectionLimitEndpointAutoConfiguration {

    /** Made by Spring. */
    public ConnectionLimitEndpointAutoConfiguration() {}

    @Bean
    @ConditionalOnMissingBean
    ConnectionLimitEndpoint connectionLimitEndpoint(
            ConnectionLimiter limiter, ConnectionLimitEndpointProperties properties) {
        return new ConnectionLimitEndpoint(limiter, properties);
    }
}
