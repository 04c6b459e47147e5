package io.github.connlimit.springboot;

import jakarta.servlet.ServletContext;
import java.util.Objects;
import java.util.stream.Stream;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.boot.autoconfigure.condition.ConditionalOnWarDeployment;
import org.springframework.boot.autoconfigure.condition.ConditionalOnWebApplication;

/**
 * Warns of an application in a container of somebody else's, which connlimit cannot limit from within.
 *
 * @since 0.1.0
 */
@AutoConfiguration
@ConditionalOnWebApplication
@ConditionalOnWarDeployment
@ConditionalOnProperty(name = "connlimit.enabled", matchIfMissing = true)
public class WarDeploymentAutoConfiguration {

    private static final System.Logger LOGGER = System.getLogger(WarDeploymentAutoConfiguration.class.getName());

    /**
     * Made by Spring.
     *
     * @param container what the application runs in
     */
    public WarDeploymentAutoConfiguration(ObjectProvider<ServletContext> container) {
        if (!isMock(container.getIfAvailable())) {
            LOGGER.log(
                    System.Logger.Level.WARNING,
                    "Connections are not limited: this application runs as a WAR, and the container accepts its"
                            + " connections. Set up connlimit in Tomcat's server.xml, or as a module of Jetty");
        }
    }

    /** Whether it is what Spring's tests have in place of a container: to Spring Boot, that is a WAR, too. */
    private static boolean isMock(ServletContext container) {
        return container != null
                && Stream.<Class<?>>iterate(container.getClass(), Objects::nonNull, Class::getSuperclass)
                        .anyMatch(type -> type.getName().equals("org.springframework.mock.web.MockServletContext"));
    }
}
