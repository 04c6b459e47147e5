package io.github.connlimit.netty;

import io.netty.channel.ChannelFactory;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelOutboundHandlerAdapter;
import io.netty.channel.ChannelPromise;
import io.netty.channel.ServerChannel;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.util.Objects;

/**
 * Makes server channels that limit their connections, for frameworks that take a factory in place of a handler: gRPC does.
 * This class is thread-safe if the other factory is.
 *
 * @param <C> the kind of channel
 * @since 0.1.0
 */
public final class ConnectionLimitChannelFactory<C extends ServerChannel> implements ChannelFactory<C> {

    private final ChannelFactory<? extends C> channels;
    private final ServerHandlers handlers;

    /**
     * Creates a factory.
     *
     * @param channels makes the channels, as in {@code NioServerSocketChannel::new}
     * @param handlers asked before each channel is bound to an address of TCP
     */
    public ConnectionLimitChannelFactory(ChannelFactory<? extends C> channels, ServerHandlers handlers) {
        this.channels = Objects.requireNonNull(channels, "channels");
        this.handlers = Objects.requireNonNull(handlers, "handlers");
    }

    @Override
    public C newChannel() {
        C channel = channels.newChannel();
        channel.pipeline().addFirst(new AtBind(handlers));
        return channel;
    }

    /** Waits for the address, and adds what limits. Then nothing has been accepted yet. */
    private static final class AtBind extends ChannelOutboundHandlerAdapter {

        private final ServerHandlers handlers;

        private AtBind(ServerHandlers handlers) {
            this.handlers = handlers;
        }

        @Override
        public void bind(ChannelHandlerContext context, SocketAddress address, ChannelPromise bound) {
            if (address instanceof InetSocketAddress tcp) {
                try {
                    handlers.handler(tcp).ifPresent(handler -> {
                        // What it throws has to be the failure of the bind: to the pipeline, it would be nothing.
                        handler.acceptor(context.channel());
                        context.pipeline().addFirst(handler);
                    });
                } catch (Throwable error) {
                    bound.setFailure(error);
                    return;
                }
            }
            context.bind(address, bound);
        }
    }
}
