package io.github.connlimit.netty;

import io.github.connlimit.ConnectionGate;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelPromise;
import io.netty.handler.ssl.AbstractSniHandler;
import io.netty.handler.ssl.OptionalSslHandler;
import io.netty.handler.ssl.SslHandler;
import io.netty.handler.ssl.SslHandshakeCompletionEvent;
import java.util.Map;
import java.util.concurrent.RejectedExecutionException;

/**
 * Follows one connection through handshake and first byte, and leaves its pipeline then: an established connection pays
 * nothing. It goes to the front of all other handlers, and sees bytes as they come from the network, unless the application
 * puts an {@code SslHandler} before it later. An application that removes it too early gets another one. Used by the
 * connection's event loop only.
 */
final class ProgressHandler extends ChannelDuplexHandler {

    private static final int RECORD_HEADER_BYTES = 5;
    private static final int HANDSHAKE_RECORD = 22;
    private static final int ANY_TLS_VERSION = 3;

    private final ConnectionGate<Channel> gate;

    /** How many bytes have come from the network, as far as anybody asks. */
    private long received;

    /** The first {@value #RECORD_HEADER_BYTES} of them, or as many as there are. */
    private long head;

    /** What comes has been decrypted by a handler in front of this one. */
    private boolean decrypted;

    /** Somebody waits for the end of the handshake. */
    private boolean handshaking;

    /** The handlers behind this one have what has come. */
    private boolean passing;

    private boolean established;

    /** The application has removed what waits for the first byte. */
    private boolean insists;

    /** Another one does the rest. */
    private boolean replaced;

    /** Something was written after something had come. */
    private boolean answered;

    /** The application, or Netty for it, wants to read, and nothing has come since. */
    private boolean readRequested;

    ProgressHandler(ConnectionGate<Channel> gate) {
        this.gate = gate;
    }

    /** Goes on where another one was removed. */
    private ProgressHandler(ProgressHandler removed) {
        gate = removed.gate;
        received = removed.received;
        head = removed.head;
        answered = removed.answered;
        readRequested = removed.readRequested;
    }

    /**
     * {@return whether somebody reads what the client sends} To be called by the connection's event loop.
     *
     * @param channel the connection
     * @param gate has admitted it
     */
    static boolean isRead(Channel channel, ConnectionGate<Channel> gate) {
        if (channel.config().isAutoRead()) {
            return true;
        }
        for (Map.Entry<String, ChannelHandler> entry : channel.pipeline()) {
            if (entry.getValue() instanceof ProgressHandler progress && progress.gate == gate) {
                return progress.readRequested;
            }
        }
        return true;
    }

    /** The application has put its handlers into the pipeline by now, and some of them perhaps in front of this one. */
    @Override
    public void channelRegistered(ChannelHandlerContext context) {
        if (context.pipeline().firstContext() != context) {
            context.pipeline().addFirst(new ProgressHandler(this));
            replaced = true;
            context.pipeline().remove(this);
        }
        context.fireChannelRegistered();
    }

    @Override
    public void read(ChannelHandlerContext context) {
        readRequested = true;
        context.read();
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext context) {
        readRequested = false;
        context.fireChannelReadComplete();
    }

    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
        if (!handshaking && !decrypted && message instanceof ByteBuf bytes) {
            note(bytes);
        }
        passing = true;
        context.fireChannelRead(message);
        passing = false;
        // Not before: some handlers decide by the first bytes whether TLS follows.
        if (!handshaking && !established) {
            received(context);
        }
    }

    private void note(ByteBuf bytes) {
        int length = bytes.readableBytes();
        for (int i = 0; i < length && received + i < RECORD_HEADER_BYTES; i++) {
            head = head << 8 | bytes.getUnsignedByte(bytes.readerIndex() + i);
        }
        received += length;
    }

    private void received(ChannelHandlerContext context) {
        // One that was removed meanwhile is in front of nothing any more.
        boolean behind = context.isRemoved() && !decrypted;
        for (Map.Entry<String, ChannelHandler> entry : context.pipeline()) {
            ChannelHandler handler = entry.getValue();
            if (handler == this) {
                behind = true;
            } else if (behind && handler instanceof SslHandler tls) {
                await(context, tls);
                return;
            } else if (behind && waits(handler)) {
                stay(context);
                return;
            }
        }
        if (isInTlsRecord()) {
            stay(context);
        } else {
            established(context);
        }
    }

    /** Whether a handler has not read enough yet to put another one in its own place, or to go. */
    private static boolean waits(ChannelHandler handler) {
        return handler instanceof AbstractSniHandler
                || handler instanceof OptionalSslHandler
                || handler instanceof ConnectionLimitProxyHandler;
    }

    /**
     * Whether what came is the beginning of TLS, and not yet enough to be sure that every handler which puts TLS into the
     * pipeline has done so.
     */
    private boolean isInTlsRecord() {
        if (answered) {
            // A server that answers without TLS expects none.
            return false;
        } else if (received < RECORD_HEADER_BYTES) {
            return received > 0 && head >>> 8 * (received - 1) == HANDSHAKE_RECORD;
        }
        return head >>> 32 == HANDSHAKE_RECORD
                && (head >>> 24 & 0xff) == ANY_TLS_VERSION
                && received < RECORD_HEADER_BYTES + (head & 0xffff);
    }

    @Override
    public void write(ChannelHandlerContext context, Object message, ChannelPromise written) {
        answered = received > 0;
        context.write(message, written);
        if (answered && !passing && !handshaking && !established) {
            received(context);
        }
    }

    private void await(ChannelHandlerContext context, SslHandler tls) {
        handshaking = true;
        tls.handshakeFuture().addListener(handshake -> {
            if (handshake.isSuccess()) {
                gate.handshakeCompleted(context.channel());
            }
        });
        addAfter(context, tls);
    }

    private void established(ChannelHandlerContext context) {
        established = true;
        gate.established(context.channel());
        if (context.pipeline().context(this) != null) {
            context.pipeline().remove(this);
        }
    }

    @Override
    public void handlerRemoved(ChannelHandlerContext context) {
        if (!passing && !handshaking && !established && !replaced) {
            later(context, () -> goOn(context));
        }
    }

    private void stay(ChannelHandlerContext context) {
        if (context.isRemoved()) {
            later(context, () -> goOn(context));
        }
    }

    private void goOn(ChannelHandlerContext removed) {
        if (decrypted) {
            awaitFirstByte(removed);
        } else {
            removed.pipeline().addFirst(new ProgressHandler(this));
        }
    }

    private void awaitFirstByte(ChannelHandlerContext context) {
        SslHandler tls = context.pipeline().get(SslHandler.class);
        if (tls == null) {
            // The application goes on without TLS.
            established(context);
        } else {
            addAfter(context, tls);
        }
    }

    /** To see what TLS has decrypted before anybody else. */
    private void addAfter(ChannelHandlerContext context, SslHandler tls) {
        context.pipeline().addAfter(context.pipeline().context(tls).name(), null, new FirstByteHandler());
    }

    /** Not at once: an application may remove one handler after the other until there is none. */
    private static void later(ChannelHandlerContext context, Runnable add) {
        Channel channel = context.channel();
        if (!channel.isOpen()) {
            return;
        }
        try {
            channel.eventLoop().execute(() -> {
                if (channel.isOpen()) {
                    add.run();
                }
            });
        } catch (RejectedExecutionException | IllegalStateException withoutLoop) {
            // Nobody serves it any more.
        }
    }

    /** Of an {@code SslHandler} that is in front of this one. */
    @Override
    public void userEventTriggered(ChannelHandlerContext context, Object event) {
        if (event instanceof SslHandshakeCompletionEvent handshake && handshake.isSuccess()) {
            decrypted = true;
            gate.handshakeCompleted(context.channel());
        }
        context.fireUserEventTriggered(event);
    }

    /** Notes the first byte that has been decrypted. */
    private final class FirstByteHandler extends ChannelInboundHandlerAdapter {

        @Override
        public void channelRead(ChannelHandlerContext context, Object message) {
            established(context);
            context.fireChannelRead(message);
            if (!context.isRemoved()) {
                context.pipeline().remove(this);
            }
        }

        @Override
        public void handlerRemoved(ChannelHandlerContext context) {
            if (established || !context.channel().isOpen()) {
                return;
            } else if (insists) {
                established(context);
            } else {
                // At once: the first byte may come with the end of the handshake.
                insists = true;
                awaitFirstByte(context);
            }
        }
    }
}
