package io.github.connlimit.springboot;

import io.github.connlimit.ConnectionLimiter;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.core.env.Environment;

/**
 * What limits the management server: the application's limiter, and limits and a check of its own. For the adapters of this
 * project.
 *
 * @since 0.1.0
 */
@Configuration(proxyBeanMethods = false)
@Import({
    ConnectionLimitAutoConfiguration.OnTomcat.class,
    ConnectionLimitAutoConfiguration.OnJetty.class,
    ConnectionLimitAutoConfiguration.OnReactorNetty.class
})
public class ManagementLimitConfiguration {

    /** Made by Spring. */
    public ManagementLimitConfiguration() {}

    @Bean
    StartCheck connectionLimitStartCheck(
            ConnectionLimiter limiter, ObjectProvider<ServerLimit> servers, Environment environment) {
        return new StartCheck(limiter, servers, environment);
    }
}
