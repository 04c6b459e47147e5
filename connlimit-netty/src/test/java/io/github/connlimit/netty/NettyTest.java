package io.github.connlimit.netty;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.connlimit.ConnectionPermit;
import io.github.connlimit.ConnectionPhase;
import io.github.connlimit.Refusal;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFactory;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.DefaultChannelId;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.ServerChannel;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.channel.epoll.Epoll;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollServerSocketChannel;
import io.netty.channel.socket.nio.NioServerDomainSocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.channel.uring.IoUring;
import io.netty.channel.uring.IoUringIoHandler;
import io.netty.channel.uring.IoUringServerSocketChannel;
import io.netty.handler.codec.haproxy.HAProxyMessageDecoder;
import io.netty.handler.ssl.OptionalSslHandler;
import io.netty.handler.ssl.SniHandler;
import io.netty.handler.ssl.SslContext;
import java.io.IOException;
import java.net.InetAddress;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What is special about Netty: pipelines of all kinds, and transports. */
class NettyTest extends ServerTest {

    private static final String GET = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

    /** A request with a body that a server does not read at once. */
    private static final String POST =
            "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 300000\r\n\r\n" + "x".repeat(300_000);

    /** The beginning of a record and of the message in it, whose ends do not come. */
    private static final byte[] HALF_A_CLIENT_HELLO =
            HexFormat.of().parseHex("1603010200" + "010001fc" + "0303" + "5a".repeat(64));

    /** Where TLS is in the pipeline. */
    enum Tls {
        FIRST {
            @Override
            void add(Channel channel) throws Exception {
                channel.pipeline().addFirst(tls().newHandler(channel.alloc()));
            }
        },
        BEFORE_THE_APPLICATION {
            @Override
            void add(Channel channel) throws Exception {
                channel.pipeline().addBefore(answer(channel), null, tls().newHandler(channel.alloc()));
            }
        },
        BY_SERVER_NAME {
            @Override
            void add(Channel channel) throws Exception {
                SslContext context = tls();
                channel.pipeline()
                        .addBefore(
                                answer(channel), null, new SniHandler((host, promise) -> promise.setSuccess(context)));
            }
        },
        IF_IT_BEGINS_SO {
            @Override
            void add(Channel channel) throws Exception {
                channel.pipeline().addBefore(answer(channel), null, new OptionalSslHandler(tls()));
            }
        };

        abstract void add(Channel channel) throws Exception;

        private static String answer(Channel channel) {
            return channel.pipeline().context(Answer.class).name();
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
        timeout(1500);
    }

    @ParameterizedTest
    @EnumSource
    void tlsIsFoundWhereverItIs(Tls place) throws Exception {
        hurry();
        Channel server = start(place::addTo);
        Client served = inTime(() -> {
            Client connection = secure(connect(ALICE, server));
            connection.get("/");
            return connection;
        });
        int before = timedOut.size();
        Client silent = connect(BOB, server);
        Client half = connect(BOB, server).write(HALF_A_CLIENT_HELLO);
        silent.awaitEnd();
        half.awaitEnd();
        Client withoutRequest = secure(connect(BOB, server));
        withoutRequest.awaitEnd();
        awaitUntil(
                "three connections that were closed at their deadline",
                () -> assertThat(timedOut.subList(before, timedOut.size()))
                        .containsExactly(BOB + " HANDSHAKE", BOB + " HANDSHAKE", BOB + " FIRST_BYTE"));
        // Long after its own deadlines.
        assertThat(served.get("/").status()).isEqualTo(200);
        assertThat(limiter.snapshot().openConnections()).isEqualTo(1);
    }

    @Test
    void clearTextIsFoundWhereTlsMayBe() throws Exception {
        hurry();
        Channel server = start(Tls.IF_IT_BEGINS_SO::addTo);
        Client served = inTime(() -> {
            Client connection = connect(ALICE, server);
            connection.get("/");
            return connection;
        });
        int before = timedOut.size();
        connect(BOB, server).awaitEnd();
        awaitUntil(
                "a connection that was closed at its deadline",
                () -> assertThat(timedOut).hasSizeGreaterThan(before));
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

    private Client through(String peer, String client, Channel server) throws IOException {
        return connect(peer, server).write("PROXY TCP4 " + client + " 127.0.0.1 1000 2000\r\n");
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void behindAProxyConnectionsCountForTheClientInTheHeader(boolean tls) throws Exception {
        Channel server = startBehindProxy(tls);
        for (int i = 0; i < 3; i++) {
            Client connection = through(PROXY, "192.0.2.1", server);
            assertThat(isServed(tls ? secure(connection) : connection)).isTrue();
        }
        assertThat(limiter.openConnections(InetAddress.getByName("192.0.2.1"))).isEqualTo(3);
        assertThat(limiter.openConnections(InetAddress.getByName(PROXY))).isZero();
        awaitUntil(
                "all established",
                () -> assertThat(limiter.snapshot().pendingConnections()).isZero());

        Client refused = connect(PROXY, server).write("PROXY TCP4 192.0.2.1 127.0.0.1 1000 2000\r\n" + GET);
        assertThat(refused.awaitEnd()).isEqualTo(Client.Ending.RESET);
        assertThat(limiter.snapshot().refused()).isEqualTo(1);

        Client other = through(PROXY, "192.0.2.2", server);
        assertThat(isServed(tls ? secure(other) : other)).isTrue();
        Client scoped = connect(PROXY, server).write("PROXY TCP6 2001:db8::1%1 ::1 1000 2000\r\n");
        assertThat(isServed(tls ? secure(scoped) : scoped)).isTrue();
        assertThat(limiter.openConnections(InetAddress.getByName("2001:db8::1")))
                .isEqualTo(1);
        Client check = connect(PROXY, server).write("PROXY UNKNOWN\r\n");
        assertThat(isServed(tls ? secure(check) : check)).isTrue();
        assertThat(limiter.openConnections(InetAddress.getByName(PROXY))).isEqualTo(1);
    }

    /** What Netty's decoder takes for an address, and is one. */
    @ParameterizedTest
    @ValueSource(strings = {"[2001:db8::1]", "[2001:db8::1%1]", "2001:db8::1%eth0", "2001:DB8::01"})
    void aHeaderNamesItsClientInAnyForm(String name) throws Exception {
        Channel server = startBehindProxy(false);
        assertThat(isServed(connect(PROXY, server).write("PROXY TCP6 " + name + " ::1 1000 2000\r\n")))
                .isTrue();
        assertThat(limiter.openConnections(InetAddress.getByName("2001:db8::1")))
                .isEqualTo(1);
        assertThat(limiter.openConnections(InetAddress.getByName(PROXY))).isZero();
        assertThat(limiter.snapshot().unnamedClients()).isZero();
        assertThat(limiter.snapshot().errors()).isZero();
    }

    /** What Netty's decoder takes for an address, and may be read in two ways. */
    @ParameterizedTest
    @ValueSource(strings = {"TCP4 192.0.2.010 127.0.0.1", "TCP6 ::ffff:192.0.2.010 ::1"})
    void aHeaderThatNamesNobodyCountsForThePeer(String names) throws Exception {
        Channel server = startBehindProxy(false);
        for (int i = 1; i <= 2; i++) {
            assertThat(isServed(connect(PROXY, server).write("PROXY " + names + " 1000 2000\r\n")))
                    .isTrue();
            assertThat(limiter.openConnections(InetAddress.getByName(PROXY))).isEqualTo(i);
            assertThat(limiter.snapshot().openConnections()).isEqualTo(i);
            assertThat(limiter.snapshot().unnamedClients()).isEqualTo(i);
        }
        assertThat(limiter.snapshot().errors()).isZero();
    }

    @Test
    void aHeaderOfAnybodyElseChangesNothing() throws Exception {
        Channel server = startBehindProxy(false);
        for (int i = 0; i < 3; i++) {
            assertThat(isServed(through(ALICE, "192.0.2." + i, server))).isTrue();
        }
        assertThat(limiter.openConnections(InetAddress.getByName(ALICE))).isEqualTo(3);
        assertThat(connect(ALICE, server).awaitEnd()).isEqualTo(Client.Ending.RESET);
    }

    @Test
    void aHeaderAloneIsNoFirstByte() throws Exception {
        hurry();
        Channel server = startBehindProxy(false);
        through(PROXY, "192.0.2.1", server).awaitEnd();
        connect(PROXY, server).write("PROXY TCP4 192.0.2.1").awaitEnd();
        awaitUntil(
                "two connections that were closed at their deadline",
                () -> assertThat(timedOut).hasSize(2));
    }

    @Test
    void anEstablishedConnectionHasNothingOfItInItsPipeline() throws Exception {
        Channel server = start(Tls.BEFORE_THE_APPLICATION::addTo);
        Client connection = secure(connect(ALICE, server));
        assertThat(connection.get("/").status()).isEqualTo(200);
        awaitUntil(
                "its handlers have gone",
                () -> assertThat(children.get(0).pipeline().toMap().entrySet())
                        .extracting(Map.Entry::getValue)
                        .noneMatch(
                                handler -> handler.getClass().getName().startsWith(ProgressHandler.class.getName())));
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
            Client connection = secure(connect(ALICE, server));
            assertThat(isServed(connection)).isTrue();
        }
        assertThat(connect(ALICE, server).awaitEnd()).isEqualTo(Client.Ending.RESET);
    }

    @Test
    void findsThePermitOfAConnectionAndOfWhatIsInIt() throws Exception {
        limiter.reconfigure(limits ->
                limits.toBuilder().maxPerClient(20).reservedConnections(1).build());
        Channel server = start(channel -> {});
        Client first = connect(ALICE, server);
        assertThat(isServed(first)).isTrue();
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
        first.close();
        awaitUntil(
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
        Client first = connect(ALICE, servers.get(0));
        assertThat(isServed(first)).isTrue();
        assertThat(isServed(connect(ALICE, servers.get(1)))).isTrue();
        servers.get(0).close().sync();
        // Its connection is still open, and still counts.
        assertThat(isServed(first)).isTrue();
        assertThat(isServed(connect(ALICE, servers.get(1)))).isTrue();
        assertThat(isServed(connect(ALICE, servers.get(1)))).isFalse();
        first.close();
        awaitUntil(
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
        List<Client> served = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            served.add(connect(ALICE, server));
            assertThat(isServed(served.get(i))).isTrue();
        }
        assertThat(connect(ALICE, server).awaitEnd()).isEqualTo(Client.Ending.RESET);

        server.pipeline().addFirst(handler);

        assertThat(connect(ALICE, server).awaitEnd()).isEqualTo(Client.Ending.RESET);
        assertThat(isServed(connect(BOB, server))).isTrue();
        served.get(0).close();
        awaitUntil("room", () -> assertThat(isServed(connect(ALICE, server))).isTrue());
        assertThat(limiter.snapshot().admitted()).isEqualTo(5);
        // What counts already is not looked at again.
        for (Client connection : served.subList(1, 3)) {
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
        assertThat(connect(ALICE, server).awaitEnd()).isEqualTo(Client.Ending.RESET);
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
        awaitUntil(
                "all given back",
                () -> assertThat(limiter.snapshot().openConnections()).isZero());
        assertThat(limiter.snapshot().admitted()).isEqualTo(10);
    }

    private static void assertTooManyRequests(Client refused) throws IOException {
        Client.Response response = refused.response();
        assertThat(response.status()).isEqualTo(429);
        assertThat(response.headers()).containsEntry("retry-after", "1").containsEntry("connection", "close");
        assertThat(response.body()).isEqualTo("client connection limit reached\n");
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

    private void assertLimits(EventLoopGroup loops, Class<? extends ServerChannel> transport) throws Exception {
        EventLoopGroup group = ended(loops);
        Channel server = start(new ConnectionLimitHandler(limiter), group, group, transport, anyPort(), channel -> {});
        for (int i = 0; i < 3; i++) {
            assertThat(isServed(connect(ALICE, server))).isTrue();
        }
        assertThat(connect(ALICE, server).awaitEnd()).isEqualTo(Client.Ending.RESET);
        assertThat(isServed(connect(BOB, server))).isTrue();

        limiter.reconfigure(limits -> limits.toBuilder().refuse(Refusal.RESPOND).build());
        Client.Ending ending = inTime(() -> {
            Client refused = connect(ALICE, server).write(POST);
            assertTooManyRequests(refused);
            return refused.awaitEnd();
        });
        assertThat(ending).isEqualTo(Client.Ending.END_OF_STREAM);
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
            List<Client> served = new ArrayList<>();
            for (int j = 0; j < 3; j++) {
                served.add(connect(ALICE, server));
                assertThat(isServed(served.get(j))).isTrue();
            }
            Client refused = connect(ALICE, server);
            assertTooManyRequests(refused);
            server.close().sync();
            group.shutdownGracefully(0, 10, TimeUnit.SECONDS).sync();
            refused.awaitEnd();
            assertThat(limiter.snapshot().responded()).isEqualTo(i + 1);
            for (Client connection : served) {
                connection.close();
            }
            awaitUntil(
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
