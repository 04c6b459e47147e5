package io.github.connlimit.netty;

import java.net.InetSocketAddress;
import java.util.Optional;
import java.util.ServiceLoader;

/**
 * Says what limits the servers of a framework that makes their channels itself. To be found, an implementation has a public
 * constructor without parameters and is named in {@code META-INF/services/io.github.connlimit.netty.ServerHandlers}. It is
 * called by event loops, and so has to be thread-safe, and quick.
 *
 * @since 0.1.0
 */
@FunctionalInterface
public interface ServerHandlers {

    /**
     * Called before a server channel is bound.
     *
     * @param address where it is to listen; port 0 means any port
     * @return what limits its connections; empty to let all of them in. The channel is not bound if this method throws
     */
    Optional<ConnectionLimitHandler> handler(InetSocketAddress address);

    /**
     * {@return the first implementation that {@link ServiceLoader} finds; if there is none, one that limits all servers
     * together by the limits in system properties, each called {@code connlimit.} and the key of the setting}
     *
     * @throws IllegalArgumentException if such a property is no setting, or its value is not allowed
     * @throws java.util.ServiceConfigurationError if an implementation cannot be made
     */
    static ServerHandlers find() {
        return ServiceLoader.load(ServerHandlers.class).findFirst().orElseGet(SystemPropertyHandlers::new);
    }
}
