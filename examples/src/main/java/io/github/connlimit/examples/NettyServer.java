package io.github.connlimit.examples;

import io.github.connlimit.ConnectionPhase;
import io.github.connlimit.netty.ConnectionLimitHandler;
import io.github.connlimit.netty.ConnectionLimitProxyHandler;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.handler.codec.haproxy.HAProxyMessageDecoder;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.http.websocketx.WebSocketServerProtocolHandler;
import io.netty.handler.flow.FlowControlHandler;
import io.netty.handler.ssl.SslHandler;
import io.netty.handler.timeout.IdleStateHandler;
import java.net.InetSocketAddress;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;

/** Netty with HTTP/1.1 and WebSocket. */
final class NettyServer implements ExampleServer {

    private static final int MAX_BODY_BYTES = 1 << 20;

    private final EventLoopGroup loops;
    private final Channel listening;

    private NettyServer(EventLoopGroup loops, Channel listening) {
        this.loops = loops;
        this.listening = listening;
    }

    static NettyServer start(ServerSettings settings) throws Exception {
        Optional<SSLContext> tls = settings.tls().isEmpty()
                ? Optional.empty()
                : Optional.of(settings.tls().get().serverContext());
        EventLoopGroup loops = new MultiThreadIoEventLoopGroup(NioIoHandler.newFactory());
        try {
            ServerBootstrap bootstrap = new ServerBootstrap()
                    .group(loops)
                    .channel(NioServerSocketChannel.class)
                    .childHandler(new Pipeline(settings, tls));
            ConnectionPhase first = tls.isPresent() ? ConnectionPhase.HANDSHAKE : ConnectionPhase.FIRST_BYTE;
            settings.limiter().ifPresent(limiter -> bootstrap.handler(new ConnectionLimitHandler(limiter, first)));
            Channel listening = bootstrap.bind(settings.address()).sync().channel();
            return new NettyServer(loops, listening);
        } catch (Throwable error) {
            loops.shutdownGracefully(0, 0, TimeUnit.SECONDS);
            throw error;
        }
    }

    @Override
    public int port() {
        return ((InetSocketAddress) listening.localAddress()).getPort();
    }

    @Override
    public void close() {
        listening.close().awaitUninterruptibly();
        loops.shutdownGracefully(0, 2, TimeUnit.SECONDS).awaitUninterruptibly();
    }

    /** What each connection gets. */
    private static final class Pipeline extends ChannelInitializer<Channel> {

        private final ServerSettings settings;
        private final Optional<SSLContext> tls;
        private final Resources resources;

        Pipeline(ServerSettings settings, Optional<SSLContext> tls) {
            this.settings = settings;
            this.tls = tls;
            this.resources = settings.resources();
        }

        @Override
        protected void initChannel(Channel channel) {
            if (settings.proxyProtocol()) {
                channel.pipeline().addLast(new HAProxyMessageDecoder(), new ConnectionLimitProxyHandler());
            }
            tls.ifPresent(context -> channel.pipeline().addLast(handshake(context)));
            channel.pipeline()
                    .addLast(new IdleStateHandler(0, 0, ServerSettings.IDLE_MILLIS, TimeUnit.MILLISECONDS))
                    .addLast(new HttpServerCodec())
                    .addLast(new HttpObjectAggregator(MAX_BODY_BYTES))
                    .addLast(new FlowControlHandler())
                    .addLast(new NettyStreams())
                    .addLast(new WebSocketServerProtocolHandler("/ws"))
                    .addLast(new NettyEcho())
                    .addLast(new NettyRequests(resources, !settings.proxyProtocol()));
        }

        private static SslHandler handshake(SSLContext context) {
            SSLEngine engine = context.createSSLEngine();
            engine.setUseClientMode(false);
            SslHandler handler = new SslHandler(engine);
            // The limiter has a deadline for it.
            handler.setHandshakeTimeoutMillis(0);
            return handler;
        }
    }
}
