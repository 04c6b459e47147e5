package io.github.connlimit.it;

import io.github.connlimit.ConnectionPhase;
import io.github.connlimit.netty.ConnectionLimitHandler;
import io.github.connlimit.testing.TestCertificate;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.nio.NioEventLoopGroup;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpObject;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.ssl.SslHandler;
import io.netty.handler.timeout.ReadTimeoutHandler;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;

/** Netty with HTTP/1.1 in clear text or over TLS. */
final class NettyServer implements TestServer {

    private static final int BACKLOG = 512;

    private final ServerSetup setup;
    private final SSLContext tls;
    private EventLoopGroup acceptors;
    private EventLoopGroup workers;
    private ExecutorService application;
    private Channel listening;

    NettyServer(ServerSetup setup) throws GeneralSecurityException {
        this.setup = setup;
        this.tls = TestCertificate.serverContext();
    }

    @Override
    public void start() throws Exception {
        acceptors = group(1);
        workers = group(2);
        application = Executors.newCachedThreadPool();
        ServerBootstrap bootstrap = new ServerBootstrap()
                .group(acceptors, workers)
                .channel(NioServerSocketChannel.class)
                .option(ChannelOption.SO_BACKLOG, BACKLOG)
                .handler(new ConnectionLimitHandler(
                        setup.limiter(),
                        setup.tls() ? ConnectionPhase.HANDSHAKE : ConnectionPhase.FIRST_BYTE,
                        setup.refusalHandler()))
                .childHandler(new Pipeline());
        InetSocketAddress address = setup.host() == null
                ? new InetSocketAddress(0)
                : new InetSocketAddress(InetAddress.getByName(setup.host()), 0);
        listening = bootstrap.bind(address).sync().channel();
    }

    @Override
    public void stop() throws Exception {
        if (listening == null) {
            return;
        }
        listening.close().sync();
        listening = null;
        application.shutdownNow();
        // Closes all connections. Without a quiet period, Netty leaves one open that is registered just now.
        workers.shutdownGracefully(50, 10_000, TimeUnit.MILLISECONDS).sync();
        acceptors.shutdownGracefully(50, 10_000, TimeUnit.MILLISECONDS).sync();
    }

    @Override
    public int port() {
        return ((InetSocketAddress) listening.localAddress()).getPort();
    }

    /** Its successor is not in Netty 4.1. */
    @SuppressWarnings("deprecation")
    private static EventLoopGroup group(int threads) {
        return new NioEventLoopGroup(threads);
    }

    private final class Pipeline extends ChannelInitializer<Channel> {

        @Override
        protected void initChannel(Channel channel) {
            if (setup.tls()) {
                SSLEngine engine = tls.createSSLEngine();
                engine.setUseClientMode(false);
                SslHandler handler = new SslHandler(engine);
                // The deadline is that of the limiter.
                handler.setHandshakeTimeoutMillis(0);
                channel.pipeline().addLast(handler);
            }
            channel.pipeline()
                    .addLast(
                            new ReadTimeoutHandler(setup.idleTimeoutMillis(), TimeUnit.MILLISECONDS),
                            new HttpServerCodec(),
                            new Requests());
        }
    }

    private final class Requests extends SimpleChannelInboundHandler<HttpObject> {

        @Override
        protected void channelRead0(ChannelHandlerContext context, HttpObject message) {
            if (!(message instanceof HttpRequest request)) {
                return;
            }
            if (request.decoderResult().isFailure()) {
                respond(context, HttpResponseStatus.BAD_REQUEST, "", false);
                return;
            }
            boolean persistent = HttpUtil.isKeepAlive(request);
            String path = request.uri();
            String peer = ((InetSocketAddress) context.channel().remoteAddress())
                    .getAddress()
                    .getHostAddress();
            application.execute(() -> answer(context, path, peer, persistent));
        }

        private void answer(ChannelHandlerContext context, String path, String peer, boolean persistent) {
            try {
                respond(context, HttpResponseStatus.OK, setup.application().answer(path, peer), persistent);
            } catch (InterruptedException | RuntimeException failed) {
                context.close();
            }
        }

        private static void respond(
                ChannelHandlerContext context, HttpResponseStatus status, String body, boolean persistent) {
            FullHttpResponse response = new DefaultFullHttpResponse(
                    HttpVersion.HTTP_1_1, status, Unpooled.copiedBuffer(body, StandardCharsets.ISO_8859_1));
            response.headers().set(HttpHeaderNames.CONTENT_LENGTH, body.length());
            if (!persistent) {
                response.headers().set(HttpHeaderNames.CONNECTION, "close");
            }
            var written = context.writeAndFlush(response);
            if (!persistent) {
                written.addListener(ChannelFutureListener.CLOSE);
            }
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
            context.close();
        }
    }
}
