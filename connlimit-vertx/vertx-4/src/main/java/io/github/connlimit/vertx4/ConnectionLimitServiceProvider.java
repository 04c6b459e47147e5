package io.github.connlimit.vertx4;

import io.github.connlimit.netty.ServerHandlers;
import io.vertx.core.impl.VertxBuilder;
import io.vertx.core.spi.VertxServiceProvider;
import java.util.Objects;

/**
 * Limits all servers of a Vert.x 4 instance. Vert.x finds it on the class path; there is nothing to call. What limits a
 * server is up to {@link ServerHandlers#find()}; in Quarkus, the properties are those of its configuration.
 *
 * @since 0.1.0
 */
public final class ConnectionLimitServiceProvider implements VertxServiceProvider {

    /**
     * Made by Vert.x.
     *
     * @throws IllegalStateException if that is another Vert.x
     */
    public ConnectionLimitServiceProvider() {
        try {
            Objects.requireNonNull(VertxBuilder.class);
        } catch (NoClassDefFoundError otherVersion) {
            throw new IllegalStateException(
                    "connlimit-vertx-4 is for Vert.x 4 and Quarkus 3, and this is another version: use connlimit-vertx, which is for Vert.x 5, and only one of the two",
                    otherVersion);
        }
    }

    /**
     * Called by Vert.x when an instance is made.
     *
     * @param builder knows the transport
     * @throws IllegalArgumentException if the limits are bad
     */
    @Override
    public void init(VertxBuilder builder) {
        builder.findTransport(
                new LimitedTransport(builder.findTransport(), ServerHandlers.find(Configuration.properties())));
    }
}
