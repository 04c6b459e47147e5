package io.github.connlimit.springboot;

import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionPhase;
import io.github.connlimit.RefusalHandler;
import io.github.connlimit.ServerSupport;
import io.github.connlimit.netty.ConnectionLimitHandler;
import io.github.connlimit.reactornetty.ConnectionLimitTransport;
import io.netty.channel.Channel;
import java.util.List;
import reactor.netty.http.server.HttpServer;
import reactor.netty.http.server.HttpServerConfig;
import reactor.netty.http.server.ProxyProtocolSupportType;

/**
 * Limits the Reactor Netty of one application context. For the adapters of this project; used by the thread that starts the
 * server.
 *
 * @since 0.1.0
 */
public final class ReactorNettyLimit implements ServerLimit {

    private final ConnectionLimiter limiter;

    /** {@code null} for the way that the limits say. */
    private final RefusalHandler<? super Channel> refusalHandler;

    private boolean used;
    private boolean readsProxyHeaders;

    ReactorNettyLimit(ConnectionLimiter limiter, RefusalHandler<? super Channel> refusalHandler) {
        this.limiter = limiter;
        this.refusalHandler = refusalHandler;
    }

    /**
     * Limits a server.
     *
     * @param server has TLS already, if it is to have it
     * @return the server to be bound
     */
    public HttpServer limit(HttpServer server) {
        used = true;
        HttpServerConfig configuration = server.configuration();
        readsProxyHeaders = configuration.proxyProtocolSupportType() != ProxyProtocolSupportType.OFF;
        // By a handler: what the start check says of forwarded headers must not be said twice.
        return ConnectionLimitTransport.limit(
                server,
                new ConnectionLimitHandler(
                        limiter,
                        configuration.isSecure() ? ConnectionPhase.HANDSHAKE : ConnectionPhase.FIRST_BYTE,
                        refusalHandler));
    }

    @Override
    public boolean isUsed() {
        return used;
    }

    @Override
    public List<String> limited(int port) {
        return List.of("Reactor Netty on port " + port);
    }

    @Override
    public List<String> unlimited() {
        return List.of();
    }

    @Override
    public ServerSupport support() {
        return ServerSupport.REACTOR_NETTY;
    }

    @Override
    public boolean findsForwardedClients() {
        return readsProxyHeaders;
    }

    @Override
    public boolean hasRejectionHandler() {
        return refusalHandler != null;
    }

    @Override
    public String rejectionHandlerType() {
        return "RefusalHandler<io.netty.channel.Channel>";
    }
}
