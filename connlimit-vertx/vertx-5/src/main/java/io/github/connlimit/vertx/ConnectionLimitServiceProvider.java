package io.github.connlimit.vertx;

import io.github.connlimit.netty.ServerHandlers;
import io.vertx.core.internal.VertxBootstrap;
import io.vertx.core.spi.VertxServiceProvider;
import io.vertx.core.spi.transport.Transport;
import java.util.Objects;

/**
 * Limits all servers of a Vert.x 5 instance. Vert.x finds it on the class path; there is nothing to call. What limits a
 * server is up to {@link ServerHandlers#find()}.
 *
 * @since 0.1.0
 */
public final class ConnectionLimitServiceProvider implements VertxServiceProvider {

    private static final System.Logger LOGGER = System.getLogger(ConnectionLimitServiceProvider.class.getName());

    /**
     * Made by Vert.x.
     *
     * @throws IllegalStateException if that is another Vert.x
     */
    public ConnectionLimitServiceProvider() {
        try {
            Objects.requireNonNull(VertxBootstrap.class);
        } catch (NoClassDefFoundError otherVersion) {
            throw new IllegalStateException(
                    "connlimit-vertx is for Vert.x 5, and this is another version: use connlimit-vertx-4, which is for Vert.x 4 and for Quarkus 3, and only one of the two",
                    otherVersion);
        }
    }

    /**
     * Called by Vert.x when an instance is made.
     *
     * @param bootstrap knows the transport
     * @throws IllegalArgumentException if the limits are bad
     */
    @Override
    public void init(VertxBootstrap bootstrap) {
        Transport transport = available(bootstrap.transport());
        try {
            transport.datagramChannelFactory();
        } catch (LinkageError ofAnOldVersion) {
            LOGGER.log(
                    System.Logger.Level.WARNING,
                    "Connections are not limited: this is an old version of Vert.x, and connlimit needs 5.1 or later");
            return;
        }
        bootstrap.transport(new LimitedTransport(transport, ServerHandlers.find()));
    }

    /** Vert.x itself would replace what is not available, and with it what limits. */
    private static Transport available(Transport wanted) {
        if (wanted != null && wanted.isAvailable()) {
            return wanted;
        } else if (wanted != null) {
            LOGGER.log(
                    System.Logger.Level.WARNING,
                    "The transport that Vert.x is to use is not available here, and NIO is used: "
                            + wanted.unavailabilityCause());
        }
        return io.vertx.core.transport.Transport.NIO.implementation();
    }
}
