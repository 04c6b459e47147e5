package io.github.connlimit.examples;

import io.github.connlimit.ConnectionPermit;
import io.github.connlimit.netty.ConnectionLimitHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import java.util.Optional;

/** Counts a WebSocket as a stream, before it is upgraded. Used by the connection's event loop only. */
final class NettyStreams extends ChannelInboundHandlerAdapter {

    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
        if (message instanceof FullHttpRequest request && asksForWebSocket(request) && !begins(context)) {
            request.release();
            NettyRequests.send(context, Answer.text(429, "client connection limit reached"), false);
            return;
        }
        context.fireChannelRead(message);
    }

    private static boolean asksForWebSocket(FullHttpRequest request) {
        return request.headers().containsValue(HttpHeaderNames.UPGRADE, HttpHeaderValues.WEBSOCKET, true);
    }

    /** Whether the client may have one more; without connlimit it may. */
    private static boolean begins(ChannelHandlerContext context) {
        Optional<ConnectionPermit> permit = ConnectionLimitHandler.permit(context.channel());
        if (permit.isEmpty()) {
            return true;
        }
        Optional<ConnectionPermit.Stream> stream = permit.get().tryBeginStream();
        stream.ifPresent(begun -> context.channel().closeFuture().addListener(closed -> begun.close()));
        return stream.isPresent();
    }
}
