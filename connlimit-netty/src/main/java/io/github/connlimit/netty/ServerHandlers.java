package io.github.connlimit.netty;

import java.net.InetSocketAddress;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.stream.Collectors;

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
     * {@return the implementation that {@link ServiceLoader} finds, by the context class loader or by that of this
     * interface; if there is none, one that limits all servers together by the limits in system properties, each called
     * {@code connlimit.} and the key of the setting}
     *
     * @throws IllegalArgumentException if such a property is no setting, or its value is not allowed
     * @throws IllegalStateException if there are several implementations
     * @throws java.util.ServiceConfigurationError if an implementation cannot be made
     */
    static ServerHandlers find() {
        return find(PropertyHandlers.ofTheSystem());
    }

    /**
     * As {@link #find()}, with other properties than those of the system.
     *
     * @param properties of whose names those matter that begin with {@code connlimit.}
     * @return what limits the servers
     * @throws IllegalArgumentException if such a property is no setting, or its value is not allowed
     * @throws IllegalStateException if there are several implementations
     * @throws java.util.ServiceConfigurationError if an implementation cannot be made
     */
    static ServerHandlers find(Map<String, String> properties) {
        Map<Class<?>, ServiceLoader.Provider<ServerHandlers>> found = new LinkedHashMap<>();
        for (ClassLoader loader :
                Arrays.asList(Thread.currentThread().getContextClassLoader(), ServerHandlers.class.getClassLoader())) {
            ServiceLoader.load(ServerHandlers.class, loader).stream()
                    .forEach(provider -> found.putIfAbsent(provider.type(), provider));
        }
        if (found.size() > 1) {
            throw new IllegalStateException("several classes say what limits a server, and only one can: "
                    + found.keySet().stream().map(Class::getName).collect(Collectors.joining(", "))
                    + ". Name one of them in META-INF/services/" + ServerHandlers.class.getName());
        }
        return found.isEmpty()
                ? new PropertyHandlers(properties)
                : found.values().iterator().next().get();
    }
}
