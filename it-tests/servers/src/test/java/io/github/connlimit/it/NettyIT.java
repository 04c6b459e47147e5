package io.github.connlimit.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionPermit;
import io.github.connlimit.ConnectionPhase;
import io.github.connlimit.Refusal;
import io.github.connlimit.netty.ConnectionLimitChannelFactory;
import io.github.connlimit.netty.ConnectionLimitHandler;
import io.github.connlimit.netty.ConnectionLimitProxyHandler;
import io.github.connlimit.testing.TestCertificate;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFactory;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.DefaultChannelId;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.ServerChannel;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.channel.epoll.Epoll;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollServerSocketChannel;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioServerDomainSocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.channel.uring.IoUring;
import io.netty.channel.uring.IoUringIoHandler;
import io.netty.channel.uring.IoUringServerSocketChannel;
import io.netty.handler.codec.haproxy.HAProxyMessageDecoder;
import io.netty.handler.ssl.OptionalSslHandler;
import io.netty.handler.ssl.SniHandler;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslProvider;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import javax.net.ssl.KeyManagerFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What is special about Netty: pipelines of all kinds, and transports. On Netty 4.2 only, by whose names they go. */
@Timeout(120)
class NettyIT {

    private static final String ALICE = "127.0.0.2";
    private static final String BOB = "127.0.0.3";
    private static final String PROXY = "127.0.0.9";
    private static final byte[] OK =
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK".getBytes(StandardCharsets.US_ASCII);

    private final RecordedEvents events = new RecordedEvents();
    private final ConnectionLimiter limiter = new ConnectionLimiter(TestBed.limits(3), events);
    private final List<EventLoopGroup> groups = new ArrayList<>();
    private final List<Channel> children = new CopyOnWriteArrayList<>();
    private final List<TestConnection> connections = new ArrayList<>();

    private EventLoopGroup nio() {
        return ended(new MultiThreadIoEventLoopGroup(2, NioIoHandler.newFactory()));
    }

    /** Ends a group after the test. */
    private EventLoopGroup ended(EventLoopGroup group) {
        groups.add(group);
        return group;
    }

    private Channel start(
            ConnectionLimitHandler handler,
            EventLoopGroup acceptors,
            EventLoopGroup workers,
            Class<? extends ServerChannel> transport,
            SocketAddress address,
            Consumer<Channel> front)
            throws InterruptedException {
        return new ServerBootstrap()
                .group(acceptors, workers)
                .channel(transport)
                .handler(handler)
                .childHandler(new ChannelInitializer<Channel>() {
                    @Override
                    protected void initChannel(Channel channel) {
                        children.add(channel);
                        front.accept(withAnswer(channel));
                    }
                })
                .bind(address)
                .sync()
                .channel();
    }

    private Channel start(Consumer<Channel> front) throws InterruptedException {
        EventLoopGroup group = nio();
        return start(
                new ConnectionLimitHandler(limiter, ConnectionPhase.HANDSHAKE),
                group,
                group,
                NioServerSocketChannel.class,
                anyPort(),
                front);
    }

    private static InetSocketAddress anyPort() {
        return new InetSocketAddress(TestBed.SERVER, 0);
    }

    private TestConnection connect(String from, Channel server) throws IOException {
        int port = ((InetSocketAddress) server.localAddress()).getPort();
        TestConnection connection = new TestConnection(from, TestBed.SERVER, port);
        connections.add(connection);
        return connection;
    }

    private boolean isServed(TestConnection connection) {
        try {
            return connection.get("/").status() == 200;
        } catch (IOException refused) {
            return false;
        }
    }

    @AfterEach
    void endAtZero() throws Exception {
        for (TestConnection connection : connections) {
            connection.close();
        }
        for (EventLoopGroup group : groups) {
            group.shutdownGracefully(0, 10, TimeUnit.SECONDS).sync();
        }
        TestBed.awaitUntil("nothing counted", () -> {
            assertThat(limiter.snapshot().openConnections()).isZero();
            assertThat(limiter.snapshot().clients()).isZero();
        });
        assertThat(events.closedByClient()).isEqualTo(events.admittedByClient());
    }

    /** Answers each piece of a request that ends it. */
    private static final class Answer extends SimpleChannelInboundHandler<ByteBuf> {

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

    /** Where TLS is in the pipeline. */
    enum Tls {
        FIRST {
            @Override
            void add(Channel channel) throws Exception {
                channel.pipeline().addFirst(context().newHandler(channel.alloc()));
            }
        },
        BEFORE_THE_APPLICATION {
            @Override
            void add(Channel channel) throws Exception {
                channel.pipeline().addBefore(answer(channel), null, context().newHandler(channel.alloc()));
            }
        },
        BY_SERVER_NAME {
            @Override
            void add(Channel channel) throws Exception {
                SslContext context = context();
                channel.pipeline()
                        .addBefore(
                                answer(channel), null, new SniHandler((host, promise) -> promise.setSuccess(context)));
            }
        },
        IF_IT_BEGINS_SO {
            @Override
            void add(Channel channel) throws Exception {
                channel.pipeline().addBefore(answer(channel), null, new OptionalSslHandler(context()));
            }
        };

        abstract void add(Channel channel) throws Exception;

        private static String answer(Channel channel) {
            return channel.pipeline().context(Answer.class).name();
        }

        private static SslContext context() throws Exception {
            KeyManagerFactory keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
            keys.init(TestCertificate.keyStore(), TestCertificate.PASSWORD.toCharArray());
            return SslContextBuilder.forServer(keys)
                    .sslProvider(SslProvider.JDK)
                    .build();
        }

        void addTo(Channel channel) {
            try {
                add(channel);
            } catch (Exception error) {
                throw new IllegalStateException(error);
            }
        }
    }

    private void hurry() {
        limiter.reconfigure(limits -> limits.toBuilder()
                .maxPerClient(100)
                .handshakeTimeout(Duration.ofMillis(1500))
                .build());
    }

    @ParameterizedTest
    @EnumSource
    void tlsIsFoundWhereverItIs(Tls place) throws Exception {
        hurry();
        Channel server = start(place::addTo);
        TestConnection served = TestBed.inTime(() -> {
            TestConnection connection = connect(ALICE, server).handshake(TestCertificate.clientContext(), "http/1.1");
            connection.get("/");
            return connection;
        });
        int before = events.timedOut().size();
        TestConnection silent = connect(BOB, server);
        TestConnection half = connect(BOB, server).write(TlsContract.HALF_A_CLIENT_HELLO);
        silent.awaitEnd();
        half.awaitEnd();
        TestConnection withoutRequest = connect(BOB, server).handshake(TestCertificate.clientContext(), "http/1.1");
        withoutRequest.awaitEnd();
        TestBed.awaitUntil(
                "three connections that were closed at their deadline",
                () -> assertThat(events.timedOut().stream().skip(before))
                        .extracting(RecordedEvents.TimedOut::phase)
                        .containsExactly(
                                ConnectionPhase.HANDSHAKE, ConnectionPhase.HANDSHAKE, ConnectionPhase.FIRST_BYTE));
        // Long after its own deadlines.
        assertThat(served.get("/").status()).isEqualTo(200);
        assertThat(limiter.snapshot().openConnections()).isEqualTo(1);
    }

    @Test
    void clearTextIsFoundWhereTlsMayBe() throws Exception {
        hurry();
        Channel server = start(Tls.IF_IT_BEGINS_SO::addTo);
        TestConnection served = TestBed.inTime(() -> {
            TestConnection connection = connect(ALICE, server);
            connection.get("/");
            return connection;
        });
        int before = events.timedOut().size();
        connect(BOB, server).awaitEnd();
        TestBed.awaitUntil(
                "a connection that was closed at its deadline",
                () -> assertThat(events.timedOut()).hasSizeGreaterThan(before));
        assertThat(served.get("/").status()).isEqualTo(200);
    }

    /** Where PROXY protocol is read, in front of TLS if there is any. */
    private Channel startBehindProxy(boolean tls) throws InterruptedException {
        limiter.reconfigure(limits -> limits.toBuilder().exempt(PROXY).build());
        return start(channel -> {
            if (tls) {
                Tls.BEFORE_THE_APPLICATION.addTo(channel);
            }
            // tag::netty-proxy[]
            channel.pipeline().addFirst(new HAProxyMessageDecoder(), new ConnectionLimitProxyHandler());
            // end::netty-proxy[]
        });
    }

    private TestConnection through(String peer, String client, Channel server) throws IOException {
        return connect(peer, server).write("PROXY TCP4 " + client + " 127.0.0.1 1000 2000\r\n");
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void behindAProxyConnectionsCountForTheClientInTheHeader(boolean tls) throws Exception {
        Channel server = startBehindProxy(tls);
        for (int i = 0; i < 3; i++) {
            TestConnection connection = through(PROXY, "192.0.2.1", server);
            assertThat(isServed(tls ? secure(connection) : connection)).isTrue();
        }
        assertThat(limiter.openConnections(InetAddress.getByName("192.0.2.1"))).isEqualTo(3);
        assertThat(limiter.openConnections(InetAddress.getByName(PROXY))).isZero();
        TestBed.awaitUntil(
                "all established",
                () -> assertThat(limiter.snapshot().pendingConnections()).isZero());

        TestConnection refused =
                connect(PROXY, server).write("PROXY TCP4 192.0.2.1 127.0.0.1 1000 2000\r\n" + RespondContract.GET);
        assertThat(refused.awaitEnd()).isEqualTo(TestConnection.Ending.RESET);
        assertThat(events.refused()).isEqualTo(1);

        TestConnection other = through(PROXY, "192.0.2.2", server);
        assertThat(isServed(tls ? secure(other) : other)).isTrue();
        TestConnection scoped = connect(PROXY, server).write("PROXY TCP6 2001:db8::1%1 ::1 1000 2000\r\n");
        assertThat(isServed(tls ? secure(scoped) : scoped)).isTrue();
        assertThat(limiter.openConnections(InetAddress.getByName("2001:db8::1")))
                .isEqualTo(1);
        TestConnection check = connect(PROXY, server).write("PROXY UNKNOWN\r\n");
        assertThat(isServed(tls ? secure(check) : check)).isTrue();
        assertThat(limiter.openConnections(InetAddress.getByName(PROXY))).isEqualTo(1);
    }

    private static TestConnection secure(TestConnection connection) throws Exception {
        return connection.handshake(TestCertificate.clientContext(), "http/1.1");
    }

    @Test
    void aHeaderOfAnybodyElseChangesNothing() throws Exception {
        Channel server = startBehindProxy(false);
        for (int i = 0; i < 3; i++) {
            assertThat(isServed(through(ALICE, "192.0.2." + i, server))).isTrue();
        }
        assertThat(limiter.openConnections(InetAddress.getByName(ALICE))).isEqualTo(3);
        assertThat(connect(ALICE, server).awaitEnd()).isEqualTo(TestConnection.Ending.RESET);
    }

    @Test
    void aHeaderAloneIsNoFirstByte() throws Exception {
        hurry();
        Channel server = startBehindProxy(false);
        through(PROXY, "192.0.2.1", server).awaitEnd();
        connect(PROXY, server).write("PROXY TCP4 192.0.2.1").awaitEnd();
        TestBed.awaitUntil(
                "two connections that were closed at their deadline",
                () -> assertThat(events.timedOut()).hasSize(2));
    }

    @Test
    void anEstablishedConnectionHasNothingOfItInItsPipeline() throws Exception {
        Channel server = start(Tls.BEFORE_THE_APPLICATION::addTo);
        TestConnection connection = connect(ALICE, server).handshake(TestCertificate.clientContext(), "http/1.1");
        assertThat(connection.get("/").status()).isEqualTo(200);
        TestBed.awaitUntil(
                "its handlers have gone",
                () -> assertThat(children.get(0).pipeline().toMap().entrySet())
                        .extracting(Map.Entry::getValue)
                        .noneMatch(handler -> handler.getClass().getName().startsWith("io.github.connlimit.netty")));
        assertThat(limiter.snapshot().pendingConnections()).isZero();
    }

    @Test
    void limitsAsTheDocumentationShows() throws Exception {
        EventLoopGroup acceptors = nio();
        EventLoopGroup workers = nio();
        ChannelInitializer<Channel> application = new ChannelInitializer<>() {
            @Override
            protected void initChannel(Channel channel) {
                Tls.BEFORE_THE_APPLICATION.addTo(withAnswer(channel));
            }
        };
        // tag::netty[]
        ServerBootstrap bootstrap = new ServerBootstrap()
                .group(acceptors, workers)
                .channel(NioServerSocketChannel.class)
                .handler(new ConnectionLimitHandler(limiter, ConnectionPhase.HANDSHAKE)) // FIRST_BYTE without TLS
                .childHandler(application);
        // end::netty[]
        Channel server = bootstrap.bind(anyPort()).sync().channel();
        for (int i = 0; i < 3; i++) {
            TestConnection connection = connect(ALICE, server).handshake(TestCertificate.clientContext(), "http/1.1");
            assertThat(isServed(connection)).isTrue();
        }
        assertThat(connect(ALICE, server).awaitEnd()).isEqualTo(TestConnection.Ending.RESET);
    }

    private static Channel withAnswer(Channel channel) {
        channel.pipeline().addLast(new Answer());
        return channel;
    }

    @Test
    void findsThePermitOfAConnectionAndOfWhatIsInIt() throws Exception {
        limiter.reconfigure(limits ->
                limits.toBuilder().maxPerClient(20).reservedConnections(1).build());
        Channel server = start(channel -> {});
        assertThat(isServed(connect(ALICE, server))).isTrue();
        Channel connection = children.get(0);
        EmbeddedChannel channel =
                new EmbeddedChannel(connection, DefaultChannelId.newInstance(), true, false, new Answer());
        // tag::netty-stream[]
        Optional<ConnectionPermit.Stream> stream =
                ConnectionLimitHandler.permit(channel).flatMap(ConnectionPermit::tryBeginStream);
        // if it is empty, refuse the upgrade; else:
        stream.ifPresent(begun -> channel.closeFuture().addListener(closed -> begun.close()));
        // end::netty-stream[]
        assertThat(stream).isPresent();
        assertThat(limiter.snapshot().streams()).isOne();
        channel.close();
        assertThat(limiter.snapshot().streams()).isZero();
        assertThat(ConnectionLimitHandler.permit(new EmbeddedChannel())).isEmpty();
        connections.get(0).close();
        TestBed.awaitUntil(
                "the end of the connection",
                () -> assertThat(ConnectionLimitHandler.permit(connection)).isEmpty());
    }

    @Test
    void oneHandlerServesSeveralServerChannels() throws Exception {
        EventLoopGroup group = nio();
        ConnectionLimitHandler handler = new ConnectionLimitHandler(limiter);
        List<Channel> servers = new ArrayList<>();
        for (int i = 0; i < 2; i++) {
            servers.add(start(handler, group, group, NioServerSocketChannel.class, anyPort(), channel -> {}));
        }
        assertThat(isServed(connect(ALICE, servers.get(0)))).isTrue();
        assertThat(isServed(connect(ALICE, servers.get(1)))).isTrue();
        servers.get(0).close().sync();
        // Its connection is still open, and still counts.
        assertThat(isServed(connections.get(0))).isTrue();
        assertThat(isServed(connect(ALICE, servers.get(1)))).isTrue();
        assertThat(isServed(connect(ALICE, servers.get(1)))).isFalse();
        connections.get(0).close();
        TestBed.awaitUntil(
                "a place for another one",
                () -> assertThat(limiter.snapshot().openConnections()).isEqualTo(2));
        assertThat(isServed(connect(ALICE, servers.get(1)))).isTrue();
    }

    /** As with frameworks that show a server channel only when it accepts already. */
    @Test
    void limitsWhatAServerChannelHasAcceptedBeforeItHadTheHandler() throws Exception {
        EventLoopGroup group = nio();
        ConnectionLimitHandler handler = new ConnectionLimitHandler(limiter);
        Channel server = new ServerBootstrap()
                .group(group, group)
                .channel(NioServerSocketChannel.class)
                .childHandler(new ChannelInitializer<Channel>() {
                    @Override
                    protected void initChannel(Channel channel) {
                        withAnswer(channel);
                        handler.admitLate(channel);
                    }
                })
                .bind(anyPort())
                .sync()
                .channel();
        List<TestConnection> served = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            served.add(connect(ALICE, server));
            assertThat(isServed(served.get(i))).isTrue();
        }
        assertThat(connect(ALICE, server).awaitEnd()).isEqualTo(TestConnection.Ending.RESET);

        server.pipeline().addFirst(handler);

        assertThat(connect(ALICE, server).awaitEnd()).isEqualTo(TestConnection.Ending.RESET);
        assertThat(isServed(connect(BOB, server))).isTrue();
        served.get(0).close();
        TestBed.awaitUntil(
                "room", () -> assertThat(isServed(connect(ALICE, server))).isTrue());
        assertThat(events.admitted()).isEqualTo(5);
        // What counts already is not looked at again.
        for (TestConnection connection : served.subList(1, 3)) {
            assertThat(isServed(connection)).isTrue();
        }
    }

    @Test
    void limitsTheChannelsOfAFactory() throws Exception {
        // tag::netty-channel-factory[]
        ConnectionLimitHandler handler = new ConnectionLimitHandler(limiter);
        ChannelFactory<ServerChannel> channels =
                new ConnectionLimitChannelFactory<>(NioServerSocketChannel::new, address -> Optional.of(handler));
        // end::netty-channel-factory[]
        Channel server = bind(channels).sync().channel();
        for (int i = 0; i < 3; i++) {
            assertThat(isServed(connect(ALICE, server))).isTrue();
        }
        assertThat(connect(ALICE, server).awaitEnd()).isEqualTo(TestConnection.Ending.RESET);
        assertThat(isServed(connect(BOB, server))).isTrue();
    }

    @Test
    void aFactoryBindsNothingThatItCannotLimit() {
        IllegalStateException failure = new IllegalStateException("no limits");
        ChannelFactory<ServerChannel> channels =
                new ConnectionLimitChannelFactory<>(NioServerSocketChannel::new, address -> {
                    throw failure;
                });
        assertThat(bind(channels).awaitUninterruptibly().cause()).isSameAs(failure);
    }

    private ChannelFuture bind(ChannelFactory<ServerChannel> channels) {
        EventLoopGroup group = nio();
        return new ServerBootstrap()
                .group(group, group)
                .channelFactory(channels)
                .childHandler(new ChannelInitializer<Channel>() {
                    @Override
                    protected void initChannel(Channel channel) {
                        withAnswer(channel);
                    }
                })
                .bind(anyPort());
    }

    @Test
    void givesBackWhatNettyCannotRegister() throws Exception {
        EventLoopGroup gone = nio();
        gone.shutdownGracefully(0, 10, TimeUnit.SECONDS).sync();
        Channel server = start(
                new ConnectionLimitHandler(limiter),
                nio(),
                gone,
                NioServerSocketChannel.class,
                anyPort(),
                channel -> {});
        for (int i = 0; i < 10; i++) {
            connect(ALICE, server).awaitEnd();
        }
        TestBed.awaitUntil(
                "all given back",
                () -> assertThat(limiter.snapshot().openConnections()).isZero());
        assertThat(limiter.snapshot().admitted()).isEqualTo(10);
    }

    @Test
    void limitsWithEpoll() throws Exception {
        assumeTrue(
                Epoll.isAvailable(),
                () -> "not tested with epoll, whose native part is not to be had here: " + Epoll.unavailabilityCause());
        assertLimits(new MultiThreadIoEventLoopGroup(2, EpollIoHandler.newFactory()), EpollServerSocketChannel.class);
    }

    @Test
    void limitsWithIoUring() throws Exception {
        assumeTrue(
                IoUring.isAvailable(),
                () -> "not tested with io_uring, which is not to be had here: " + IoUring.unavailabilityCause());
        assertLimits(
                new MultiThreadIoEventLoopGroup(2, IoUringIoHandler.newFactory()), IoUringServerSocketChannel.class);
    }

    /** Not given what Netty 4.1 does not have: there, JUnit looks at this class, too. */
    private void assertLimits(EventLoopGroup loops, Class<? extends ServerChannel> transport) throws Exception {
        EventLoopGroup group = ended(loops);
        Channel server = start(new ConnectionLimitHandler(limiter), group, group, transport, anyPort(), channel -> {});
        for (int i = 0; i < 3; i++) {
            assertThat(isServed(connect(ALICE, server))).isTrue();
        }
        assertThat(connect(ALICE, server).awaitEnd()).isEqualTo(TestConnection.Ending.RESET);
        assertThat(isServed(connect(BOB, server))).isTrue();

        limiter.reconfigure(limits -> limits.toBuilder().refuse(Refusal.RESPOND).build());
        RespondContract.unlessTooSlow(() -> {
            TestConnection refused = connect(ALICE, server).write(RespondContract.POST);
            RespondContract.assertTooManyRequests(refused);
            assertThat(refused.awaitEnd()).isEqualTo(TestConnection.Ending.END_OF_STREAM);
        });
    }

    /** What is being answered is closed with the group, and gives its place back. */
    @Test
    void stopsWhileARefusedConnectionIsAnswered() throws Exception {
        limiter.reconfigure(limits ->
                limits.toBuilder().refuse(Refusal.RESPOND).respondMaxOpen(1).build());
        for (int i = 0; i < 3; i++) {
            EventLoopGroup group = nio();
            Channel server = start(
                    new ConnectionLimitHandler(limiter),
                    group,
                    group,
                    NioServerSocketChannel.class,
                    anyPort(),
                    channel -> {});
            List<TestConnection> served = new ArrayList<>();
            for (int j = 0; j < 3; j++) {
                served.add(connect(ALICE, server));
                assertThat(isServed(served.get(j))).isTrue();
            }
            TestConnection refused = connect(ALICE, server);
            RespondContract.assertTooManyRequests(refused);
            server.close().sync();
            group.shutdownGracefully(0, 10, TimeUnit.SECONDS).sync();
            refused.awaitEnd();
            assertThat(limiter.snapshot().responded()).isEqualTo(i + 1);
            for (TestConnection connection : served) {
                connection.close();
            }
            TestBed.awaitUntil(
                    "nothing counted",
                    () -> assertThat(limiter.snapshot().openConnections()).isZero());
        }
    }

    @Test
    void doesNotLimitUnixDomainSockets(@TempDir Path directory) throws Exception {
        EventLoopGroup group = nio();
        UnixDomainSocketAddress address = UnixDomainSocketAddress.of(directory.resolve("socket"));
        start(
                new ConnectionLimitHandler(limiter),
                group,
                group,
                NioServerDomainSocketChannel.class,
                address,
                channel -> {});
        List<SocketChannel> open = new ArrayList<>();
        try {
            for (int i = 0; i < 5; i++) {
                SocketChannel client = SocketChannel.open(address);
                open.add(client);
                client.write(ByteBuffer.wrap("GET / HTTP/1.1\r\n\r\n".getBytes(StandardCharsets.US_ASCII)));
                ByteBuffer answer = ByteBuffer.allocate(OK.length);
                while (answer.hasRemaining() && client.read(answer) >= 0) {
                    // Until all is there.
                }
                assertThat(answer.array()).isEqualTo(OK);
            }
        } finally {
            for (SocketChannel client : open) {
                client.close();
            }
        }
        assertThat(limiter.snapshot().admitted()).isZero();
    }
}
