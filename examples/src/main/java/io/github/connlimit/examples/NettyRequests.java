package io.github.connlimit.examples;

import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.timeout.IdleStateEvent;
import java.net.InetSocketAddress;
import java.util.concurrent.TimeUnit;

/** Answers requests, one after the other. Used by the connection's event loop only. */
final class NettyRequests extends SimpleChannelInboundHandler<FullHttpRequest> {

    private final Resources resources;
    private final boolean direct;

    /** @param direct whether the peer is the client */
    NettyRequests(Resources resources, boolean direct) {
        this.resources = resources;
        this.direct = direct;
    }

    @Override
    protected void channelRead0(ChannelHandlerContext context, FullHttpRequest request) {
        boolean keepAlive = HttpUtil.isKeepAlive(request);
        if (request.decoderResult().isFailure()) {
            send(context, Answer.text(400, "not a request of HTTP/1.1"), false);
            return;
        }
        String[] target = request.uri().split("\\?", 2);
        Answer answer = resources.answer(
                request.method().name(), target[0], target.length == 1 ? null : target[1], direct && isLocal(context));
        // The next request waits for this answer.
        context.channel().config().setAutoRead(false);
        context.executor()
                .schedule(
                        () -> {
                            send(context, answer, keepAlive);
                            context.channel().config().setAutoRead(true);
                        },
                        answer.delayMillis(),
                        TimeUnit.MILLISECONDS);
    }

    private static boolean isLocal(ChannelHandlerContext context) {
        return context.channel().remoteAddress() instanceof InetSocketAddress remote
                && remote.getAddress().isLoopbackAddress();
    }

    static void send(ChannelHandlerContext context, Answer answer, boolean keepAlive) {
        FullHttpResponse response = new DefaultFullHttpResponse(
                HttpVersion.HTTP_1_1,
                HttpResponseStatus.valueOf(answer.status()),
                Unpooled.wrappedBuffer(answer.bytes()));
        answer.headers().forEach((name, value) -> response.headers().set(name, value));
        HttpUtil.setContentLength(response, response.content().readableBytes());
        HttpUtil.setKeepAlive(response, keepAlive);
        context.writeAndFlush(response)
                .addListener(keepAlive ? ChannelFutureListener.CLOSE_ON_FAILURE : ChannelFutureListener.CLOSE);
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext context, Object event) {
        if (event instanceof IdleStateEvent) {
            context.close();
        }
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable error) {
        // The client has left, or does not speak TLS or HTTP.
        context.close();
    }
}
