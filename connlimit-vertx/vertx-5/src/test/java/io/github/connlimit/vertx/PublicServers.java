package io.github.connlimit.vertx;

import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.ConnectionPhase;
import io.github.connlimit.netty.ConnectionLimitHandler;
import io.github.connlimit.netty.ServerHandlers;
import java.net.InetSocketAddress;
import java.util.Optional;

/** As the documentation shows. */
// tag::vertx-handlers[]
public final class PublicServers implements ServerHandlers {

    private final ConnectionLimiter limiter =
            new ConnectionLimiter(ConnectionLimits.builder().maxPerClient(50).build());
    private final ConnectionLimitHandler handler =
            new ConnectionLimitHandler(limiter, ConnectionPhase.HANDSHAKE); // FIRST_BYTE without TLS

    @Override
    public Optional<ConnectionLimitHandler> handler(InetSocketAddress address) {
        return address.getAddress().isLoopbackAddress() ? Optional.empty() : Optional.of(handler);
    }
}
// end::vertx-handlers[]
