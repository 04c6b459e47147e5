package io.github.connlimit.benchmarks.serve;

import io.github.connlimit.ConnectionPhase;
import io.github.connlimit.netty.ConnectionLimitHandler;
import io.github.connlimit.testing.TestCertificate;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.nio.NioIoHandler;
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
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslProvider;
import java.net.InetSocketAddress;
import javax.net.ssl.KeyManagerFactory;

/** Netty with HTTP/1.1. */
final class NettyServing {

    private NettyServing() {}

    /** Returns its port. */
    static int start(Setup setup) throws Exception {
        ServerBootstrap bootstrap = new ServerBootstrap()
                .group(
                        new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory()),
                        new MultiThreadIoEventLoopGroup(NioIoHandler.newFactory()))
                .channel(NioServerSocketChannel.class)
                .option(ChannelOption.SO_BACKLOG, Setup.BACKLOG)
                .childHandler(pipeline(setup));
        protect(bootstrap, setup);
        Channel listening = bootstrap.bind(setup.address(), setup.port()).sync().channel();
        return ((InetSocketAddress) listening.localAddress()).getPort();
    }

    private static void protect(ServerBootstrap bootstrap, Setup setup) {
        switch (setup.protection()) {
            case NONE -> {
                // Nothing.
            }
            case CONNLIMIT, TARPIT, RATE, NETWORKS ->
                bootstrap.handler(new ConnectionLimitHandler(
                        setup.limiter(), setup.tls() ? ConnectionPhase.HANDSHAKE : ConnectionPhase.FIRST_BYTE));
            case BARE_LISTENER -> bootstrap.handler(new Reset());
            default ->
                throw new IllegalArgumentException(
                        "protection: \"" + setup.protection() + "\" is not allowed; Netty has no such thing");
        }
    }

    private static ChannelInitializer<Channel> pipeline(Setup setup) throws Exception {
        SslContext tls = setup.tls() ? tls() : null;
        return new ChannelInitializer<>() {
            @Override
            protected void initChannel(Channel channel) {
                if (tls != null) {
                    channel.pipeline().addLast(tls.newHandler(channel.alloc()));
                }
                channel.pipeline().addLast(new HttpServerCodec(), new Answer());
            }
        };
    }

    private static SslContext tls() throws Exception {
        KeyManagerFactory keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        keys.init(TestCertificate.keyStore(), TestCertificate.PASSWORD.toCharArray());
        return SslContextBuilder.forServer(keys).sslProvider(SslProvider.JDK).build();
    }

    @ChannelHandler.Sharable
    private static final class Reset extends ChannelInboundHandlerAdapter {

        @Override
        public void channelRead(ChannelHandlerContext context, Object message) {
            Channel accepted = (Channel) message;
            accepted.config().setOption(ChannelOption.SO_LINGER, 0);
            accepted.unsafe().closeForcibly();
        }
    }

    private static final class Answer extends SimpleChannelInboundHandler<HttpObject> {

        @Override
        protected void channelRead0(ChannelHandlerContext context, HttpObject message) {
            if (!(message instanceof HttpRequest request)) {
                return;
            }
            FullHttpResponse response = new DefaultFullHttpResponse(
                    HttpVersion.HTTP_1_1, HttpResponseStatus.OK, Unpooled.wrappedBuffer(Setup.body()));
            response.headers().set(HttpHeaderNames.CONTENT_TYPE, Setup.CONTENT_TYPE);
            HttpUtil.setContentLength(response, response.content().readableBytes());
            boolean keepAlive = HttpUtil.isKeepAlive(request);
            HttpUtil.setKeepAlive(response, keepAlive);
            context.writeAndFlush(response)
                    .addListener(keepAlive ? ChannelFutureListener.CLOSE_ON_FAILURE : ChannelFutureListener.CLOSE);
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext context, Throwable error) {
            context.close();
        }
    }
}
