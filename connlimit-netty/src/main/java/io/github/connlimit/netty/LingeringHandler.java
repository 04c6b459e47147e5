package io.github.connlimit.netty;

import io.github.connlimit.RefusalBudget;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.FixedRecvByteBufAllocator;
import io.netty.channel.RecvByteBufAllocator;
import io.netty.channel.socket.DuplexChannel;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/**
 * The first handler of a refused connection whose answer is to reach the client. It reads on for a moment: a close with
 * unread bytes would be a reset, and the answer would be lost. Used by one event loop.
 */
final class LingeringHandler extends ChannelInboundHandlerAdapter {

    private static final int READ_BYTES = 8 * 1024;

    private long received;

    /** A little at a time: the loop that reads this is the one that accepts. */
    static RecvByteBufAllocator littleAtATime() {
        return new FixedRecvByteBufAllocator(READ_BYTES).maxMessagesPerRead(1);
    }

    /** Writes the end of the answer, and closes when the client has, or when time is up: then, half an answer is reset. */
    static void finish(Channel channel, ByteBuf last) {
        // By the first handler, so that it is nobody else's message.
        Future<?> written = channel.pipeline()
                .firstContext()
                .writeAndFlush(last)
                .addListener(end -> {
                    if (end.isSuccess() && channel instanceof DuplexChannel duplex) {
                        duplex.shutdownOutput();
                    }
                });
        Future<?> deadline = channel.eventLoop()
                .schedule(
                        () -> {
                            if (!written.isDone()) {
                                Acceptor.resetOnClose(channel);
                            }
                            channel.close();
                        },
                        RefusalBudget.MAX_LINGER_MILLIS,
                        TimeUnit.MILLISECONDS);
        channel.closeFuture().addListener(closed -> deadline.cancel(false));
    }

    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
        if (message instanceof ByteBuf bytes) {
            received += bytes.readableBytes();
        }
        ReferenceCountUtil.release(message);
        if (received > RefusalBudget.MAX_LINGER_BYTES) {
            context.close();
        }
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable error) {
        // The client has gone.
        context.close();
    }
}
