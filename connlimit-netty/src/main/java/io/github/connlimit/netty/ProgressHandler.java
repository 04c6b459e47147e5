package io.github.connlimit.netty;

import io.github.connlimit.ConnectionGate;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.ssl.AbstractSniHandler;
import io.netty.handler.ssl.OptionalSslHandler;
import io.netty.handler.ssl.SslHandler;
import io.netty.handler.ssl.SslHandshakeCompletionEvent;
import java.util.Map;

/**
 * Follows one connection through handshake and first byte, and leaves its pipeline then: an established connection pays
 * nothing. It is in front of all other handlers, and sees bytes as they come from the network, unless the application has
 * put an {@code SslHandler} before it. Used by the connection's event loop only.
 */
final class ProgressHandler extends ChannelInboundHandlerAdapter {

    private final ConnectionGate<Channel> gate;

    /** Whether somebody waits for the end of the handshake. */
    private boolean handshaking;

    ProgressHandler(ConnectionGate<Channel> gate) {
        this.gate = gate;
    }

    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
        context.fireChannelRead(message);
        // Not before: some handlers decide by the first bytes whether TLS follows.
        if (!handshaking && !context.isRemoved()) {
            received(context);
        }
    }

    private void received(ChannelHandlerContext context) {
        boolean behind = false;
        for (Map.Entry<String, ChannelHandler> entry : context.pipeline()) {
            ChannelHandler handler = entry.getValue();
            if (handler == this) {
                behind = true;
            } else if (behind && handler instanceof SslHandler tls) {
                await(context, tls);
                return;
            } else if (behind && waits(handler)) {
                return;
            }
        }
        established(context);
    }

    /** Whether a handler has not read enough yet to put another one in its own place, or to go. */
    private static boolean waits(ChannelHandler handler) {
        return handler instanceof AbstractSniHandler
                || handler instanceof OptionalSslHandler
                || handler instanceof ConnectionLimitProxyHandler;
    }

    private void await(ChannelHandlerContext context, SslHandler tls) {
        handshaking = true;
        tls.handshakeFuture().addListener(handshake -> {
            if (handshake.isSuccess()) {
                gate.handshakeCompleted(context.channel());
            }
        });
        // What it has decrypted, before anybody else.
        context.pipeline().addAfter(context.pipeline().context(tls).name(), null, new FirstByteHandler());
    }

    private void established(ChannelHandlerContext context) {
        gate.established(context.channel());
        context.pipeline().remove(this);
    }

    /** Of an {@code SslHandler} that is in front of this one. */
    @Override
    public void userEventTriggered(ChannelHandlerContext context, Object event) {
        if (event instanceof SslHandshakeCompletionEvent handshake && handshake.isSuccess()) {
            gate.handshakeCompleted(context.channel());
        }
        context.fireUserEventTriggered(event);
    }

    /** Notes the first byte that has been decrypted. */
    private final class FirstByteHandler extends ChannelInboundHandlerAdapter {

        @Override
        public void channelRead(ChannelHandlerContext context, Object message) {
            established(context.pipeline().context(ProgressHandler.this));
            context.fireChannelRead(message);
            context.pipeline().remove(this);
        }
    }
}
