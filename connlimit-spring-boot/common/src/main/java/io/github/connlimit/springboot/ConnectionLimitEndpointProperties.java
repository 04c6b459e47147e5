package io.github.connlimit.springboot;

import java.util.Set;
import org.springframework.boot.actuate.endpoint.Show;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;

/**
 * The properties of the Actuator endpoint.
 *
 * @param showClients When to show the clients with most connections: their addresses are personal data.
 * @param page Whether there is a page to look at, under connlimit/page.
 * @param roles Roles that make a user authorized to see them; without any, every user is who is authenticated.
 */
@ConfigurationProperties("management.endpoint.connlimit")
record ConnectionLimitEndpointProperties(
        @DefaultValue("never") Show showClients,
        @DefaultValue("false") boolean page,
        @DefaultValue Set<String> roles) {}
