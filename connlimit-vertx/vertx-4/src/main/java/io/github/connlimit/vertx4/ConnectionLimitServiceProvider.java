package io.github.connlimit.vertx4;

import io.github.connlimit.netty.ServerHandlers;
import io.vertx.core.impl.VertxBuilder;
import io.vertx.core.spi.VertxServiceProvider;

/**
 * Limits all servers of a Vert.x 4 instance. Vert.x finds it on the class path; there is nothing to call. What limits a
 * server is up to {@link ServerHandlers#find()}.
 *
 * @since 0.1.0
 */
public final class ConnectionLimitServiceProvider implements VertxServiceProvider {

    /** Made by Vert.x. */
    public ConnectionLimitServiceProvider() {}

    /**
     * Called by Vert.x when an instance is made.
     *
     * @param builder knows the transport
     * @throws IllegalArgumentException if the limits are bad
     */
    @Override
    public void init(VertxBuilder builder) {
        builder.findTransport(new LimitedTransport(builder.findTransport(), ServerHandlers.find()));
    }
}
