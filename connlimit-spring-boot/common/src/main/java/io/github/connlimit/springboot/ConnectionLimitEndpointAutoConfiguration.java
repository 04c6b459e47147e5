package io.github.connlimit.springboot;

import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.page.StatusPage;
import org.springframework.aot.hint.BindingReflectionHintsRegistrar;
import org.springframework.aot.hint.RuntimeHints;
import org.springframework.aot.hint.RuntimeHintsRegistrar;
import org.springframework.boot.actuate.autoconfigure.endpoint.condition.ConditionalOnAvailableEndpoint;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.ImportRuntimeHints;
import org.springframework.core.env.Environment;

/**
 * The Actuator endpoint and, if asked for, its page, where there is an Actuator.
 *
 * @since 0.1.0
 */
@AutoConfiguration(after = ConnectionLimitAutoConfiguration.class)
@ConditionalOnClass(ConditionalOnAvailableEndpoint.class)
@ConditionalOnBean(ConnectionLimiter.class)
@ConditionalOnAvailableEndpoint(ConnectionLimitEndpoint.class)
@EnableConfigurationProperties(ConnectionLimitEndpointProperties.class)
@ImportRuntimeHints(ConnectionLimitEndpointAutoConfiguration.EndpointHints.class)
public class ConnectionLimitEndpointAutoConfiguration {

    /** Made by Spring. */
    public ConnectionLimitEndpointAutoConfiguration() {}

    @Bean
    @ConditionalOnMissingBean
    ConnectionLimitEndpoint connectionLimitEndpoint(
            ConnectionLimiter limiter, ConnectionLimitEndpointProperties properties) {
        return new ConnectionLimitEndpoint(limiter, properties);
    }

    @Bean
    @ConditionalOnMissingBean
    @ConditionalOnProperty("management.endpoint.connlimit.page")
    ConnectionLimitPage connectionLimitPage(
            ConnectionLimiter limiter, ConnectionLimitEndpointProperties properties, Environment environment) {
        String application = environment.getProperty("spring.application.name", "");
        StatusPage page = new StatusPage(limiter, application.isBlank() ? "server" : application);
        return new ConnectionLimitPage(page, properties);
    }

    /** The answers, which the types of the operations do not all tell, and what the page is made of. */
    static final class EndpointHints implements RuntimeHintsRegistrar {

        @Override
        public void registerHints(RuntimeHints hints, ClassLoader classLoader) {
            new BindingReflectionHintsRegistrar()
                    .registerReflectionHints(
                            hints.reflection(),
                            ConnectionLimitEndpoint.Limits.class,
                            ConnectionLimitEndpoint.Refused.class);
            hints.resources().registerPattern("io/github/connlimit/page/page.*");
        }
    }
}
