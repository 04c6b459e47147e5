package io.github.connlimit.netty;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.connlimit.ClientUsage;
import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.ConnectionPhase;
import io.github.connlimit.LimiterListener;
import io.github.connlimit.Ticker;
import io.github.connlimit.testing.TestCertificate;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.ServerChannel;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslProvider;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.awaitility.Awaitility;
import org.awaitility.core.ThrowingRunnable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Timeout;

/** Servers of Netty with a limiter, and clients of theirs. At the end of each test, nothing is counted. */
@Timeout(60)
abstract class ServerTest {

    static final String ALICE = "127.0.0.2";
    static final String BOB = "127.0.0.3";
    static final String PROXY = "127.0.0.9";

    static final byte[] OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK".getBytes(StandardCharsets.US_ASCII);

    /** "client phase" of each connection that was closed at its deadline. */
    final List<String> timedOut = new CopyOnWriteArrayList<>();

    /** The clock of the limiter. */
    volatile Ticker ticker = Ticker.system();

    final ConnectionLimiter limiter = new ConnectionLimiter(
            ConnectionLimits.builder()
                    .maxPerClient(3)
                    .handshakeTimeout(Duration.ofMinutes(1))
                    .build(),
            () -> ticker.read(),
            new LimiterListener() {
                @Override
                public void timedOut(ClientUsage client, ConnectionPhase phase, Duration timeout, boolean dryRun) {
                    timedOut.add(client.client().address().getHostAddress() + " " + phase);
                }
            });

    /** The channels of connections, in the order in which they were accepted. */
    final List<Channel> children = new CopyOnWriteArrayList<>();

    private final List<EventLoopGroup> groups = new ArrayList<>();
    private final List<Client> clients = new ArrayList<>();

    static void awaitUntil(String what, ThrowingRunnable assertion) {
        Awaitility.await(what).atMost(20, TimeUnit.SECONDS).untilAsserted(assertion);
    }

    /** For clients that are to meet a short deadline: tries again. */
    static <T> T inTime(Callable<T> connecting) throws Exception {
        for (int i = 0; i < 20; i++) {
            try {
                return connecting.call();
            } catch (IOException late) {
                // Once more.
            }
        }
        return connecting.call();
    }

    EventLoopGroup nio() {
        return nio(2);
    }

    EventLoopGroup nio(int threads) {
        return ended(new MultiThreadIoEventLoopGroup(threads, NioIoHandler.newFactory()));
    }

    /** Ends a group after the test. */
    EventLoopGroup ended(EventLoopGroup group) {
        groups.add(group);
        return group;
    }

    static InetSocketAddress anyPort() {
        return new InetSocketAddress("127.0.0.1", 0);
    }

    ServerBootstrap bootstrap(ConnectionLimitHandler handler, Consumer<Channel> front) {
        EventLoopGroup group = nio();
        return bootstrap(handler, front, group, group);
    }

    ServerBootstrap bootstrap(
            ConnectionLimitHandler handler, Consumer<Channel> front, EventLoopGroup acceptors, EventLoopGroup workers) {
        return new ServerBootstrap()
                .group(acceptors, workers)
                .handler(handler)
                .childHandler(new ChannelInitializer<Channel>() {
                    @Override
                    protected void initChannel(Channel channel) {
                        children.add(channel);
                        front.accept(withAnswer(channel));
                    }
                });
    }

    Channel start(
            ConnectionLimitHandler handler,
            EventLoopGroup acceptors,
            EventLoopGroup workers,
            Class<? extends ServerChannel> transport,
            SocketAddress address,
            Consumer<Channel> front)
            throws InterruptedException {
        return bootstrap(handler, front, acceptors, workers)
                .channel(transport)
                .bind(address)
                .sync()
                .channel();
    }

    /** A server that has its {@link Answer} behind what is put in front. */
    Channel start(Consumer<Channel> front) throws InterruptedException {
        return start(new ConnectionLimitHandler(limiter, ConnectionPhase.HANDSHAKE), front);
    }

    Channel start(ConnectionLimitHandler handler, Consumer<Channel> front) throws InterruptedException {
        return bootstrap(handler, front)
                .channel(NioServerSocketChannel.class)
                .bind(anyPort())
                .sync()
                .channel();
    }

    static Channel withAnswer(Channel channel) {
        channel.pipeline().addLast(new Answer());
        return channel;
    }

    Client connect(String from, Channel server) throws IOException {
        int port = ((InetSocketAddress) server.localAddress()).getPort();
        Client client = new Client(from, "127.0.0.1", port);
        clients.add(client);
        return client;
    }

    static Client secure(Client client) throws Exception {
        return client.handshake(TestCertificate.clientContext(), "http/1.1");
    }

    static boolean isServed(Client client) {
        try {
            return client.get("/").status() == 200;
        } catch (IOException refused) {
            return false;
        }
    }

    void timeout(long millis) {
        limiter.reconfigure(limits -> limits.toBuilder()
                .maxPerClient(100)
                .handshakeTimeout(Duration.ofMillis(millis))
                .build());
    }

    static SslContext tls() {
        try {
            return SslContextBuilder.forServer(TestCertificate.keys())
                    .sslProvider(SslProvider.JDK)
                    .build();
        } catch (Exception error) {
            throw new IllegalStateException(error);
        }
    }

    @AfterEach
    void endAtZero() throws Exception {
        for (Client client : clients) {
            client.close();
        }
        for (EventLoopGroup group : groups) {
            group.shutdownGracefully(0, 10, TimeUnit.SECONDS).sync();
        }
        awaitNothingCounted(limiter);
    }

    static void awaitNothingCounted(ConnectionLimiter limiter) {
        awaitUntil("nothing counted", () -> {
            assertThat(limiter.snapshot().openConnections()).isZero();
            assertThat(limiter.snapshot().pendingConnections()).isZero();
            assertThat(limiter.snapshot().clients()).isZero();
        });
        assertThat(limiter.snapshot().forgotten()).isZero();
        assertThat(limiter.snapshot().errors()).isZero();
    }

    /** Answers each piece of a request that ends it. */
    static final class Answer extends SimpleChannelInboundHandler<ByteBuf> {

        @Override
        protected void channelRead0(ChannelHandlerContext context, ByteBuf bytes) {
            if (bytes.toString(StandardCharsets.US_ASCII).endsWith("\r\n\r\n")) {
                context.writeAndFlush(Unpooled.wrappedBuffer(OK));
            }
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
            context.close();
        }
    }
}
