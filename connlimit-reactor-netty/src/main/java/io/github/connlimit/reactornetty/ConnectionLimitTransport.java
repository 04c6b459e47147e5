package io.github.connlimit.reactornetty;

import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionPhase;
import io.github.connlimit.RefusalHandler;
import io.github.connlimit.ServerSupport;
import io.github.connlimit.netty.ConnectionLimitHandler;
import io.github.connlimit.netty.ConnectionLimitProxyHandler;
import io.netty.channel.Channel;
import io.netty.channel.ChannelPipeline;
import io.netty.util.AttributeKey;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.Objects;
import reactor.netty.NettyPipeline;
import reactor.netty.http.server.HttpServer;
import reactor.netty.tcp.TcpServer;
import reactor.netty.transport.ServerTransport;
import reactor.netty.transport.ServerTransportConfig;

/**
 * Limits the connections that a server of Reactor Netty accepts:
 * {@code ConnectionLimitTransport.limit(HttpServer.create().port(8080), limiter)}. All is as with a
 * {@link ConnectionLimitHandler}. With {@code HttpServer.proxyProtocol}, connections from a peer that a rule exempts count
 * for the client in the header. For Reactor Netty 1.3 and 1.2. Its HTTP/3, which is no TCP, is not limited.
 *
 * @since 0.1.0
 */
public final class ConnectionLimitTransport {

    private static final System.Logger LOGGER = System.getLogger(ConnectionLimitTransport.class.getName());

    /** Where Reactor Netty keeps it. */
    private static final AttributeKey<InetSocketAddress> CLIENT_IN_HEADER =
            AttributeKey.valueOf("remoteAddressFromProxyProtocol");

    private ConnectionLimitTransport() {}

    /**
     * Limits an HTTP server.
     *
     * @param server has its {@code secure(…)} already, if it speaks TLS
     * @param limiter counts the connections; other servers may share it
     * @return the server to be bound
     */
    public static HttpServer limit(HttpServer server, ConnectionLimiter limiter) {
        return limit(server, limiter, null);
    }

    /**
     * Limits an HTTP server that ends refused connections in a way of its own.
     *
     * @param server has its {@code secure(…)} already, if it speaks TLS
     * @param limiter counts the connections; other servers may share it
     * @param refusalHandler as {@link ConnectionLimitHandler} has it; {@code null} for what the limits say
     * @return the server to be bound
     */
    public static HttpServer limit(
            HttpServer server, ConnectionLimiter limiter, RefusalHandler<? super Channel> refusalHandler) {
        if (server.configuration().isForwarded()) {
            LOGGER.log(
                    System.Logger.Level.WARNING,
                    "Clients in forwarded headers are not limited: connlimit reads none in Reactor Netty. All of a proxy count"
                            + " as one client, or as none if a rule exempts it. Use proxyProtocol(ON) if the proxy can send it");
        }
        return limit(server, handler(limiter, server.configuration().isSecure(), refusalHandler));
    }

    /**
     * Limits a TCP server.
     *
     * @param server has its {@code secure(…)} already, if it speaks TLS
     * @param limiter counts the connections; other servers may share it
     * @return the server to be bound. With {@link io.github.connlimit.Refusal#RESPOND} its clients get an answer of HTTP
     */
    public static TcpServer limit(TcpServer server, ConnectionLimiter limiter) {
        return limit(server, handler(limiter, server.configuration().isSecure(), null));
    }

    private static ConnectionLimitHandler handler(
            ConnectionLimiter limiter, boolean secure, RefusalHandler<? super Channel> refusalHandler) {
        return new ConnectionLimitHandler(
                limiter, secure ? ConnectionPhase.HANDSHAKE : ConnectionPhase.FIRST_BYTE, refusalHandler);
    }

    /**
     * Limits a server of any kind by a handler of your own making.
     *
     * @param server to be limited
     * @param handler limits it
     * @param <T> the kind of server
     * @param <C> its configuration
     * @return the server to be bound
     */
    public static <T extends ServerTransport<T, C>, C extends ServerTransportConfig<C>> T limit(
            T server, ConnectionLimitHandler handler) {
        Objects.requireNonNull(handler, "handler");
        // The server may accept for a moment before it says that it is bound.
        return server.attr(ConnectionLimitHandler.SERVER, ServerSupport.REACTOR_NETTY)
                .doOnBound(bound -> bound.channel().pipeline().addFirst(handler))
                .doOnChannelInit((observer, channel, peer) -> {
                    handler.admitLate(channel);
                    followProxyProtocol(channel.pipeline());
                });
    }

    /** Where the server itself reads PROXY protocol, a connection counts for the client that the header names. */
    private static void followProxyProtocol(ChannelPipeline pipeline) {
        for (String name : List.of(NettyPipeline.ProxyProtocolReader, NettyPipeline.ProxyProtocolDecoder)) {
            if (pipeline.get(name) != null) {
                pipeline.addAfter(
                        name, null, new ConnectionLimitProxyHandler(ConnectionLimitTransport::clientInHeader));
                return;
            }
        }
    }

    private static InetAddress clientInHeader(Channel channel) {
        InetSocketAddress client = channel.attr(CLIENT_IN_HEADER).get();
        return client == null ? null : client.getAddress();
    }
}
