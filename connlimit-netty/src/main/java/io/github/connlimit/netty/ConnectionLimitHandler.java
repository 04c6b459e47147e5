package io.github.connlimit.netty;

import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionPermit;
import io.github.connlimit.ConnectionPhase;
import io.github.connlimit.RefusalHandler;
import io.github.connlimit.ServerSupport;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ServerChannel;
import io.netty.util.AttributeKey;
import java.net.InetAddress;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Limits the connections that a Netty server accepts. It is the handler of the server's own channel:
 * {@code serverBootstrap.handler(new ConnectionLimitHandler(limiter))}. A connection over the limit is ended before Netty
 * has registered its channel: no handler of the application sees it, and no TLS is spent on it. Every other one counts
 * until its channel is closed, in whatever way.
 *
 * <p>Connections that do not get going are closed after {@link io.github.connlimit.ConnectionLimits#handshakeTimeout()}. TLS
 * is recognised by an {@code SslHandler} in the connection's pipeline, wherever it is and whenever it comes.
 * {@link io.github.connlimit.Refusal#RESPOND} answers by HTTP/1.1 in clear text. Where a handshake comes first, it is as
 * {@link io.github.connlimit.Refusal#RESET}: TLS is up to handlers that a refused connection does not have.
 *
 * <p>Channels whose remote address is no IP address, such as Unix domain sockets, are not limited. One handler may serve
 * several server channels, in Netty 4.1 and 4.2, with any transport. It may be added to a live server channel, replaced, or
 * removed: what it has accepted counts until it is closed. Several handlers on one channel limit by each of their limiters,
 * and the first one's has the {@linkplain #permit permit}. This class is thread-safe.
 *
 * @since 0.1.0
 */
@ChannelHandler.Sharable
public final class ConnectionLimitHandler extends ChannelInboundHandlerAdapter {

    /**
     * For adapters: an attribute of a server channel that says which server it is of. Warnings of what connlimit cannot do
     * there go by it. To be set before a handler is added; without it, the server is {@link ServerSupport#NETTY}.
     */
    public static final AttributeKey<ServerSupport> SERVER =
            AttributeKey.valueOf(ConnectionLimitHandler.class, "server");

    private static final System.Logger LOGGER = System.getLogger(ConnectionLimitHandler.class.getName());

    /** What a connection was admitted by: one for each limiter that counts it. */
    static final AttributeKey<List<Acceptor>> ACCEPTORS =
            AttributeKey.valueOf(ConnectionLimitHandler.class, "acceptors");

    private final ConnectionLimiter limiter;
    private final ConnectionPhase firstPhase;
    private final RefusalHandler<? super Channel> refusalHandler;

    /** One for each server channel. */
    private final Map<Channel, Acceptor> acceptors = new ConcurrentHashMap<>();

    /**
     * Creates a handler for a server in clear text, or one where it is not known what comes first.
     *
     * @param limiter counts the connections; other servers may share it
     */
    public ConnectionLimitHandler(ConnectionLimiter limiter) {
        this(limiter, ConnectionPhase.FIRST_BYTE);
    }

    /**
     * Creates a handler.
     *
     * @param limiter counts the connections; other servers may share it
     * @param firstPhase what a connection has to do first: {@link ConnectionPhase#HANDSHAKE} for TLS, else
     *     {@link ConnectionPhase#FIRST_BYTE}. It tells how a connection is called that does nothing at all, and whether a
     *     refused one can be answered; a handshake has its deadline in either case.
     */
    public ConnectionLimitHandler(ConnectionLimiter limiter, ConnectionPhase firstPhase) {
        this(limiter, firstPhase, null);
    }

    /**
     * Creates a handler that ends refused connections in a way of its own.
     *
     * @param limiter counts the connections; other servers may share it
     * @param firstPhase what a connection has to do first
     * @param refusalHandler called for each refused connection by the server channel's event loop, with which its channel is
     *     registered for that; the channel is closed afterwards. {@code null} to do what
     *     {@link io.github.connlimit.ConnectionLimits#refuse()} says
     */
    public ConnectionLimitHandler(
            ConnectionLimiter limiter, ConnectionPhase firstPhase, RefusalHandler<? super Channel> refusalHandler) {
        this.limiter = Objects.requireNonNull(limiter, "limiter");
        this.firstPhase = Objects.requireNonNull(firstPhase, "firstPhase");
        this.refusalHandler = refusalHandler;
    }

    /** {@return the limiter that counts the connections} */
    public ConnectionLimiter limiter() {
        return limiter;
    }

    /**
     * Finds the permit of a connection, to count a stream for instance.
     *
     * @param channel a connection's channel, or one inside of it such as that of an HTTP/2 stream
     * @return empty if the connection is closed, or was not accepted by a server channel with such a handler
     */
    public static Optional<ConnectionPermit> permit(Channel channel) {
        for (Channel one = channel; one != null; one = one.parent()) {
            List<Acceptor> all = acceptors(one);
            if (!all.isEmpty()) {
                return all.get(0).permit(one);
            }
        }
        return Optional.empty();
    }

    static List<Acceptor> acceptors(Channel connection) {
        List<Acceptor> all = connection.attr(ACCEPTORS).get();
        return all == null ? List.of() : all;
    }

    /** {@return the client that a PROXY protocol header names, or {@code null} if nobody believes it or it is no address} */
    static InetAddress namedClient(Channel channel, String name) {
        for (Acceptor acceptor : acceptors(channel)) {
            Optional<InetAddress> client = acceptor.namedClient(channel, name);
            if (client.isPresent()) {
                return client.get();
            }
        }
        return null;
    }

    /** Counts a connection for this client; ends it if the client is at a limit, and returns false. */
    static boolean reassign(Channel channel, InetAddress client) {
        for (Acceptor acceptor : acceptors(channel)) {
            if (!acceptor.reassign(channel, client)) {
                return false;
            }
        }
        return true;
    }

    /**
     * Counts a connection that its server channel may have accepted before this handler was added to that, or ends it if its
     * client is at a limit. For frameworks that show their server channel only when it accepts already. To be called by the
     * connection's event loop before anything is read from it. It does nothing to a connection that is counted already, or
     * that no server channel has accepted.
     *
     * @param accepted the channel of the connection
     * @return whether the connection may go on
     */
    public boolean admitLate(Channel accepted) {
        return !(accepted.parent() instanceof ServerChannel server)
                || acceptor(server).admitLate(accepted);
    }

    /** @throws IllegalArgumentException as {@link ConnectionLimiter#joinCluster}; whatever is thrown, the channel is closed */
    Acceptor acceptor(Channel server) {
        Acceptor present = acceptors.get(server);
        if (present != null) {
            return present;
        }
        Acceptor made = new Acceptor(limiter, firstPhase, refusalHandler, server);
        present = acceptors.putIfAbsent(server, made);
        if (present != null) {
            return present;
        }
        try {
            made.start();
        } catch (Throwable cannot) {
            acceptors.remove(server, made);
            // Netty would go on without this handler, and so without limits.
            LOGGER.log(System.Logger.Level.ERROR, "closing " + server + ": " + cannot, cannot);
            server.close();
            throw cannot;
        }
        server.closeFuture().addListener(closed -> {
            acceptors.remove(server, made);
            made.stop();
        });
        return made;
    }

    /**
     * Called by Netty when this handler is added to a server channel.
     *
     * @param context of that channel
     * @throws IllegalArgumentException if {@link ConnectionLimiter#joinCluster} throws it; the channel is closed
     * @throws IllegalStateException if the channel is not that of a server
     */
    @Override
    public void handlerAdded(ChannelHandlerContext context) {
        if (!(context.channel() instanceof ServerChannel server)) {
            throw new IllegalStateException("a ConnectionLimitHandler belongs to the channel of a server, and not to "
                    + context.channel() + ": use ServerBootstrap.handler, not childHandler");
        }
        acceptor(server).added();
    }

    /**
     * Called by Netty when the server channel has been closed, or this handler was removed from it. What it has accepted
     * counts until it is closed.
     *
     * @param context of that channel
     */
    @Override
    public void handlerRemoved(ChannelHandlerContext context) {
        Acceptor acceptor = acceptors.get(context.channel());
        if (acceptor != null && acceptor.removed()) {
            acceptors.remove(context.channel(), acceptor);
            acceptor.stop();
        }
    }

    /**
     * Called by Netty for each accepted connection: passes it on, or refuses it.
     *
     * @param context of the server channel
     * @param message the channel of the connection
     */
    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
        Acceptor acceptor = message instanceof Channel ? acceptors.get(context.channel()) : null;
        if (acceptor == null) {
            // None of a handler that is being removed.
            context.fireChannelRead(message);
            return;
        }
        Channel accepted = (Channel) message;
        if (acceptor.admit(accepted)) {
            context.fireChannelRead(accepted);
            acceptor.passedOn(accepted);
        }
    }
}
