package io.github.connlimit.netty;

import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.codec.haproxy.HAProxyCommand;
import io.netty.handler.codec.haproxy.HAProxyMessage;
import io.netty.handler.codec.haproxy.HAProxyProxiedProtocol.AddressFamily;
import io.netty.util.ReferenceCountUtil;
import java.net.InetAddress;
import java.util.Objects;
import java.util.function.Function;

/**
 * Counts a connection for the client that its PROXY protocol header names, if a rule exempts its peer; a header from any
 * other peer changes nothing. It stands right behind Netty's decoder:
 * {@code pipeline.addLast(new HAProxyMessageDecoder(), new ConnectionLimitProxyHandler())}, in front of all other handlers,
 * an {@code SslHandler} too. Needs {@code netty-codec-haproxy}.
 *
 * <p>If the client is at a limit, the connection is ended as {@link io.github.connlimit.ConnectionLimits#refuse()} says, and
 * nothing that it has sent is passed on; where that would hold or answer the connection, it is reset. The header itself is
 * not passed on either: a handler between the two may take note of it.
 *
 * <p>Each connection needs a handler of its own, which leaves the pipeline with the first message after the header. It is
 * used by the connection's event loop only.
 *
 * @since 0.1.0
 */
public final class ConnectionLimitProxyHandler extends ChannelInboundHandlerAdapter {

    /** {@code null} if the header comes to this handler. */
    private final Function<? super Channel, InetAddress> reader;

    private boolean refused;

    /** Makes a handler for one connection of a server that has a {@link ConnectionLimitHandler}. */
    public ConnectionLimitProxyHandler() {
        reader = null;
    }

    /**
     * Makes a handler for one connection of a framework that reads the header itself, and does not pass it on. It stands
     * right behind what reads it.
     *
     * @param reader asked for the client that the header has named, with the first message that comes after it; gives
     *     {@code null} if there was no header, or it has named nobody
     */
    public ConnectionLimitProxyHandler(Function<? super Channel, InetAddress> reader) {
        this.reader = Objects.requireNonNull(reader, "reader");
    }

    /**
     * Called by Netty with the header, and with what follows.
     *
     * @param context of the connection
     * @param message the header, or something else
     */
    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
        if (reader != null && !refused) {
            reassign(context, reader.apply(context.channel()));
        }
        if (refused) {
            ReferenceCountUtil.release(message);
        } else if (reader == null && message instanceof HAProxyMessage header) {
            try {
                reassign(context, client(context.channel(), header));
            } finally {
                header.release();
            }
        } else {
            context.fireChannelRead(message);
            // Not if the application has cleared its pipeline.
            if (!context.isRemoved()) {
                context.pipeline().remove(this);
            }
        }
    }

    private void reassign(ChannelHandlerContext context, InetAddress client) {
        refused = client != null && !ConnectionLimitHandler.reassign(context.channel(), client);
    }

    /** {@return the client that the header names, or {@code null} if it names no IP address} */
    private static InetAddress client(Channel channel, HAProxyMessage header) {
        AddressFamily family = header.proxiedProtocol().addressFamily();
        boolean address = header.command() == HAProxyCommand.PROXY
                && (family == AddressFamily.AF_IPv4 || family == AddressFamily.AF_IPv6);
        return address ? ConnectionLimitHandler.namedClient(channel, header.sourceAddress()) : null;
    }
}
