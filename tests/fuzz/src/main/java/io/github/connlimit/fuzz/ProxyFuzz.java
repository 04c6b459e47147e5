package io.github.connlimit.fuzz;

import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.ConnectionPermit;
import io.github.connlimit.LimiterSnapshot;
import io.github.connlimit.netty.ConnectionLimitHandler;
import io.github.connlimit.netty.ConnectionLimitProxyHandler;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.DefaultChannelId;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.channel.local.LocalIoHandler;
import io.netty.channel.local.LocalServerChannel;
import io.netty.handler.codec.DecoderException;
import io.netty.handler.codec.haproxy.HAProxyMessageDecoder;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.logging.Level;
import java.util.logging.Logger;

/**
 * Has a connection of Netty begin with any bytes, where PROXY protocol is expected: whom it counts for, and what the
 * application gets, is the same however the bytes are cut into pieces. It counts once while it is open and not at all
 * afterwards, for its peer if no rule exempts that, and nothing of a refused one is passed on.
 */
public final class ProxyFuzz {

    private static final InetSocketAddress PROXY = new InetSocketAddress("127.0.0.1", 50_000);
    private static final InetSocketAddress ANYBODY = new InetSocketAddress("127.0.0.2", 50_000);
    private static final InetSocketAddress FULL = new InetSocketAddress("192.0.2.1", 50_000);

    /** Kept, or it would be collected with its level. */
    private static final Logger LOGGER = Logger.getLogger("io.github.connlimit");

    private static final ConnectionLimiter LIMITER = new ConnectionLimiter(ConnectionLimits.builder()
            .exempt("127.0.0.1")
            .limit("192.0.2.0/24", 1)
            .handshakeTimeout(Duration.ZERO)
            .build());
    private static final ConnectionLimitHandler HANDLER = new ConnectionLimitHandler(LIMITER);
    private static final EventLoopGroup GROUP = new MultiThreadIoEventLoopGroup(1, LocalIoHandler.newFactory());
    private static final LocalServerChannel SERVER = new LocalServerChannel();

    /** All that its client may have. */
    private static final ConnectionPermit HELD;

    static {
        LOGGER.setLevel(Level.OFF);
        GROUP.register(SERVER).syncUninterruptibly();
        HELD = LIMITER.tryAcquire(FULL.getAddress()).orElseThrow();
    }

    /** A connection of a peer, accepted by {@link #SERVER}. */
    private static final class Accepted extends EmbeddedChannel {

        private final SocketAddress peer;

        private Accepted(SocketAddress peer) {
            super(
                    SERVER,
                    DefaultChannelId.newInstance(),
                    true,
                    false,
                    new HAProxyMessageDecoder(),
                    new ConnectionLimitProxyHandler());
            this.peer = peer;
        }

        @Override
        protected SocketAddress remoteAddress0() {
            return peer;
        }
    }

    private ProxyFuzz() {}

    /** Called by Jazzer again and again. */
    public static void fuzzerTestOneInput(byte[] input) {
        if (input.length < 2) {
            return;
        }
        int piece = 1 + Byte.toUnsignedInt(input[0]);
        InetSocketAddress peer = input[1] % 2 == 0 ? PROXY : ANYBODY;
        byte[] sent = Arrays.copyOfRange(input, 2, input.length);
        String whole = receive(peer, sent, Math.max(1, sent.length));
        require(whole.equals(receive(peer, sent, piece)), "in pieces of " + piece + " not: " + whole);
        LimiterSnapshot after = LIMITER.snapshot(0);
        require(after.openConnections() == 1 && HELD != null, after.openConnections() + " open");
        require(after.errors() == 0 && after.forgotten() == 0, after.toString());
    }

    /** {@return whom the connection counted for, and what was passed on} */
    private static String receive(InetSocketAddress peer, byte[] sent, int piece) {
        Accepted channel = new Accepted(peer);
        try {
            require(HANDLER.admitLate(channel), "not admitted");
            boolean malformed = !read(channel, sent, piece);
            String passed = passed(channel);
            if (malformed) {
                require(passed.isEmpty(), "passed on of what is malformed: " + passed);
                return "malformed";
            }
            if (!channel.isOpen()) {
                require(peer == PROXY && passed.isEmpty(), "refused and passed on: " + passed);
                return "refused";
            }
            require(LIMITER.snapshot(0).openConnections() == 2, "does not count once");
            require(peer == PROXY || LIMITER.openConnections(peer.getAddress()) == 1, "does not count for its peer");
            return LIMITER.snapshot().topClients() + " " + passed;
        } finally {
            end(channel);
        }
    }

    /** What is left of a malformed header is decoded at the end. */
    private static void end(EmbeddedChannel channel) {
        try {
            channel.finishAndReleaseAll();
        } catch (DecoderException malformed) {
            require(channel.inboundMessages().isEmpty(), "passed on at the end");
        }
    }

    /** {@return whether there was no error} */
    private static boolean read(Channel channel, byte[] sent, int piece) {
        EmbeddedChannel embedded = (EmbeddedChannel) channel;
        try {
            for (int from = 0; from < sent.length && channel.isOpen(); from += piece) {
                embedded.writeInbound(Unpooled.copiedBuffer(sent, from, Math.min(piece, sent.length - from)));
            }
            return true;
        } catch (DecoderException malformed) {
            return false;
        }
    }

    private static String passed(EmbeddedChannel channel) {
        StringBuilder passed = new StringBuilder();
        for (Object next = channel.readInbound(); next != null; next = channel.readInbound()) {
            require(next instanceof ByteBuf, "passed on: " + next);
            ByteBuf bytes = (ByteBuf) next;
            byte[] copy = new byte[bytes.readableBytes()];
            bytes.readBytes(copy);
            bytes.release();
            passed.append(HexFormat.of().formatHex(copy));
        }
        return passed.toString();
    }

    private static void require(boolean holds, String text) {
        if (!holds) {
            throw new AssertionError(text);
        }
    }
}
