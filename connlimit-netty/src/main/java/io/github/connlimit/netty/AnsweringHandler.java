package io.github.connlimit.netty;

import io.github.connlimit.Refusal;
import io.github.connlimit.RefusalBudget;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
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
 * The only handler of a refused connection that is answered. It answers at once, and reads on for a moment: a close with
 * unread bytes would be a reset, and the answer would be lost. Used by one event loop.
 */
final class AnsweringHandler extends ChannelInboundHandlerAdapter {

    private static final int READ_BYTES = 8 * 1024;

    private long received;

    /** A little at a time: the loop that reads this is the one that accepts. */
    static RecvByteBufAllocator littleAtATime() {
        return new FixedRecvByteBufAllocator(READ_BYTES).maxMessagesPerRead(1);
    }

    @Override
    public void channelActive(ChannelHandlerContext context) {
        Channel channel = context.channel();
        Future<?> deadline = context.executor()
                .schedule(() -> context.close(), RefusalBudget.MAX_LINGER_MILLIS, TimeUnit.MILLISECONDS);
        channel.closeFuture().addListener(closed -> deadline.cancel(false));
        context.writeAndFlush(Unpooled.wrappedBuffer(Refusal.httpResponse())).addListener(written -> {
            if (written.isSuccess() && channel instanceof DuplexChannel duplex) {
                duplex.shutdownOutput();
            }
        });
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
