package io.github.connlimit.netty;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.connlimit.ConnectionPhase;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelOption;
import io.netty.channel.ChannelPipeline;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.handler.codec.ByteToMessageDecoder;
import io.netty.handler.ssl.SslHandler;
import io.netty.handler.ssl.SslHandshakeCompletionEvent;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Late is who has sent nothing, and not whom nobody has read. */
class DeadlineTest extends ServerTest {

    private static final String GET = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

    private final CountDownLatch blocked = new CountDownLatch(1);
    private final CountDownLatch release = new CountDownLatch(1);

    private final AtomicLong passed = new AtomicLong();

    /** Time passes only where a test says so. */
    @BeforeEach
    void stopTheClock() {
        long now = System.nanoTime();
        ticker = () -> now + passed.get();
        // Swept as often in real time, too.
        timeout(100);
    }

    /** Lets the deadline pass of everything that waits, and waits for the end of this connection. */
    private Client.Ending awaitDeadlineOf(Client silent) throws IOException {
        String port = ":" + silent.localPort();
        awaitUntil(
                "it is accepted",
                () -> assertThat(children)
                        .anyMatch(child -> String.valueOf(child.remoteAddress()).endsWith(port)));
        passed.addAndGet(TimeUnit.MILLISECONDS.toNanos(100));
        return silent.awaitEnd();
    }

    /** Returns after the deadline of everything that has been accepted until now, and that is read. */
    private void awaitDeadline(Channel server) throws Exception {
        int before = timedOut.size();
        awaitDeadlineOf(connect(BOB, server));
        awaitUntil("a missed deadline", () -> assertThat(timedOut).hasSizeGreaterThan(before));
    }

    private void assertOnlyBobWasLate() {
        assertThat(timedOut).isNotEmpty().allMatch(late -> late.startsWith(BOB));
    }

    /** As a proxy does after CONNECT. */
    private static final class Takeover extends ChannelInboundHandlerAdapter {

        @Override
        public void channelRead(ChannelHandlerContext context, Object message) {
            takeOver(context.pipeline(), null);
            context.pipeline().fireChannelRead(message);
        }
    }

    private static void takeOver(ChannelPipeline pipeline, ChannelHandler but) {
        for (Map.Entry<String, ChannelHandler> entry : pipeline) {
            if (entry.getValue() != but) {
                pipeline.remove(entry.getValue());
            }
        }
        pipeline.addLast(new Answer());
    }

    @Test
    void anApplicationMayEmptyItsPipelineOnTheFirstMessage() throws Exception {
        Channel server = start(channel -> channel.pipeline().addFirst(new Takeover()));
        Client client = connect(ALICE, server);
        assertThat(isServed(client)).isTrue();
        awaitDeadline(server);
        awaitDeadline(server);
        assertThat(isServed(client)).isTrue();
        assertThat(timedOut).containsExactly(BOB + " HANDSHAKE", BOB + " HANDSHAKE");
    }

    @Test
    void anApplicationMayEmptyItsPipelineBeforeTheFirstMessage() throws Exception {
        Channel server = start(channel -> channel.pipeline().addLast(new ChannelInboundHandlerAdapter() {
            @Override
            public void channelActive(ChannelHandlerContext context) {
                takeOver(context.pipeline(), null);
            }
        }));
        Client client = connect(ALICE, server);
        assertThat(isServed(client)).isTrue();
        awaitDeadline(server);
        awaitDeadline(server);
        assertThat(isServed(client)).isTrue();
        assertOnlyBobWasLate();
    }

    @Test
    void anApplicationMayEmptyItsPipelineBehindTls() throws Exception {
        Channel server = start(channel -> {
            SslHandler tls = tls().newHandler(channel.alloc());
            channel.pipeline().addFirst(tls);
            channel.pipeline().addLast(new ChannelInboundHandlerAdapter() {
                @Override
                public void userEventTriggered(ChannelHandlerContext context, Object event) {
                    if (event instanceof SslHandshakeCompletionEvent) {
                        takeOver(context.pipeline(), tls);
                    }
                }
            });
        });
        Client client = secure(connect(ALICE, server));
        assertThat(isServed(client)).isTrue();
        awaitDeadline(server);
        Client silent = secure(connect("127.0.0.4", server));
        awaitDeadlineOf(silent);
        awaitDeadline(server);
        assertThat(isServed(client)).isTrue();
        assertThat(timedOut).contains("127.0.0.4 FIRST_BYTE").noneMatch(late -> late.startsWith(ALICE));
    }

    @Test
    void anApplicationMayEmptyItsPipelineOnTheFirstMessageOfTls() throws Exception {
        Channel server = start(channel -> {
            SslHandler tls = tls().newHandler(channel.alloc());
            channel.pipeline().addFirst(tls);
            channel.pipeline()
                    .addAfter(channel.pipeline().context(tls).name(), null, new ChannelInboundHandlerAdapter() {
                        @Override
                        public void channelRead(ChannelHandlerContext context, Object message) {
                            takeOver(context.pipeline(), tls);
                            context.pipeline().context(tls).fireChannelRead(message);
                        }
                    });
        });
        Client client = secure(connect(ALICE, server));
        assertThat(isServed(client)).isTrue();
        awaitDeadline(server);
        assertThat(isServed(client)).isTrue();
        assertOnlyBobWasLate();
    }

    /** Blocks the loop of each connection that says so. */
    private final class Blocking extends ChannelInboundHandlerAdapter {

        @Override
        public void channelRead(ChannelHandlerContext context, Object message) throws Exception {
            if (((ByteBuf) message).toString(StandardCharsets.US_ASCII).startsWith("GET /slow")) {
                blocked.countDown();
                assertThat(release.await(20, TimeUnit.SECONDS)).isTrue();
            }
            context.fireChannelRead(message);
        }
    }

    /** Two loops, which connections use in turns. */
    private Channel startBlocking() throws InterruptedException {
        return bootstrap(
                        new ConnectionLimitHandler(limiter),
                        channel -> channel.pipeline().addFirst(new Blocking()),
                        nio(1),
                        nio(2))
                .channel(NioServerSocketChannel.class)
                .bind(anyPort())
                .sync()
                .channel();
    }

    @Test
    void aConnectionWhoseFirstRequestTakesLongStays() throws Exception {
        Channel server = startBlocking();
        Client slow = connect(ALICE, server).request("/slow");
        assertThat(blocked.await(20, TimeUnit.SECONDS)).isTrue();
        awaitDeadline(server);
        release.countDown();
        assertThat(slow.response().status()).isEqualTo(200);
        awaitDeadline(server);
        assertThat(isServed(slow)).isTrue();
        assertOnlyBobWasLate();
    }

    @Test
    void aRequestThatABusyLoopHasNotReadIsServed() throws Exception {
        Channel server = startBlocking();
        Client slow = connect(ALICE, server).request("/slow");
        assertThat(blocked.await(20, TimeUnit.SECONDS)).isTrue();
        Client onTheOther = connect(ALICE, server);
        assertThat(isServed(onTheOther)).isTrue();
        Client unread = connect(ALICE, server).write(GET);
        Client silent = connect("127.0.0.4", server);
        // On the other loop, as the one before.
        assertThat(awaitDeadlineOf(silent)).isEqualTo(Client.Ending.RESET);
        awaitUntil("it is reported", () -> assertThat(timedOut).hasSize(1));
        release.countDown();
        assertThat(slow.response().status()).isEqualTo(200);
        assertThat(unread.response().status()).isEqualTo(200);
        assertThat(timedOut).containsExactly("127.0.0.4 FIRST_BYTE");
    }

    @Test
    void aConnectionThatTheApplicationDoesNotReadYetIsNotLate() throws Exception {
        ConnectionLimitHandler handler = new ConnectionLimitHandler(limiter);
        Channel proxy = bootstrap(handler, channel -> {})
                .childOption(ChannelOption.AUTO_READ, false)
                .channel(NioServerSocketChannel.class)
                .bind(anyPort())
                .sync()
                .channel();
        Client eager = connect(ALICE, proxy).write(GET);
        Client silent = connect("127.0.0.4", proxy);
        awaitUntil("both are accepted", () -> assertThat(children).hasSize(2));
        Channel other = start(channel -> {});
        awaitDeadline(other);
        awaitDeadline(other);
        assertOnlyBobWasLate();
        children.get(0).config().setAutoRead(true);
        children.get(1).config().setAutoRead(true);
        assertThat(eager.response().status()).isEqualTo(200);
        assertThat(silent.awaitEnd()).isEqualTo(Client.Ending.RESET);
        awaitUntil("it is reported", () -> assertThat(timedOut).contains("127.0.0.4 FIRST_BYTE"));
        assertThat(isServed(eager)).isTrue();
    }

    @Test
    void aSilentConnectionThatIsReadPieceByPieceIsLate() throws Exception {
        ConnectionLimitHandler handler = new ConnectionLimitHandler(limiter);
        Channel server = bootstrap(
                        handler,
                        channel -> channel.pipeline().addFirst(new ChannelInboundHandlerAdapter() {
                            @Override
                            public void channelActive(ChannelHandlerContext context) {
                                context.read();
                                context.fireChannelActive();
                            }

                            @Override
                            public void channelReadComplete(ChannelHandlerContext context) {
                                context.read();
                                context.fireChannelReadComplete();
                            }
                        }))
                .childOption(ChannelOption.AUTO_READ, false)
                .channel(NioServerSocketChannel.class)
                .bind(anyPort())
                .sync()
                .channel();
        Client client = connect(ALICE, server);
        assertThat(isServed(client)).isTrue();
        awaitDeadline(server);
        assertThat(isServed(client)).isTrue();
        assertOnlyBobWasLate();
    }

    /** Decides by five bytes, as servers do that speak TLS and clear text on one port. */
    private static final class Unification extends ByteToMessageDecoder {

        @Override
        protected void decode(ChannelHandlerContext context, ByteBuf bytes, List<Object> out) {
            if (bytes.readableBytes() >= 5) {
                if (SslHandler.isEncrypted(bytes, false)) {
                    context.pipeline().addAfter(context.name(), null, tls().newHandler(context.alloc()));
                }
                context.pipeline().remove(this);
            }
        }
    }

    private static final class Counting extends ChannelInboundHandlerAdapter {

        private final AtomicLong read;

        private Counting(AtomicLong read) {
            this.read = read;
        }

        @Override
        public void channelRead(ChannelHandlerContext context, Object message) {
            read.addAndGet(((ByteBuf) message).readableBytes());
            context.fireChannelRead(message);
        }
    }

    @Test
    void tlsThatADecoderPutsInHasItsDeadline() throws Exception {
        AtomicLong read = new AtomicLong();
        Channel server = start(channel -> {
            String answer = channel.pipeline().context(Answer.class).name();
            channel.pipeline().addBefore(answer, null, new Counting(read));
            channel.pipeline().addBefore(answer, null, new Unification());
        });
        Client served = secure(connect(ALICE, server));
        assertThat(isServed(served)).isTrue();
        Client clear = connect(ALICE, server);
        assertThat(isServed(clear)).isTrue();
        long before = read.get();
        Client oneByte = connect(BOB, server).write(new byte[] {22});
        Client head = connect(BOB, server).write(new byte[] {22, 3, 1, 1});
        Client halfAHello = connect(BOB, server).write(new byte[] {22}).write(HALF_A_CLIENT_HELLO);
        awaitUntil(
                "all has been read",
                () -> assertThat(read.get() - before).isEqualTo(1 + 4 + 1 + HALF_A_CLIENT_HELLO.length));
        for (Client late : List.of(oneByte, head, halfAHello)) {
            awaitDeadlineOf(late);
        }
        awaitUntil("all are reported", () -> assertThat(timedOut).hasSize(3));
        assertOnlyBobWasLate();
        assertThat(isServed(served)).isTrue();
        assertThat(isServed(clear)).isTrue();
    }

    private static final byte[] HALF_A_CLIENT_HELLO = new byte[100];

    static {
        // The rest of its record's header: 512 bytes are to come.
        System.arraycopy(new byte[] {3, 1, 2, 0, 1, 0, 1, (byte) 0xfc, 3, 3}, 0, HALF_A_CLIENT_HELLO, 0, 10);
    }

    /** A protocol of its own that looks like TLS at first. */
    @Test
    void aServerThatAnswersWithoutTlsIsEstablished() throws Exception {
        ConnectionLimitHandler handler = new ConnectionLimitHandler(limiter, ConnectionPhase.FIRST_BYTE);
        Channel server = start(
                handler,
                channel -> channel.pipeline().addFirst(new ChannelInboundHandlerAdapter() {
                    @Override
                    public void channelRead(ChannelHandlerContext context, Object message) {
                        ((ByteBuf) message).release();
                        context.writeAndFlush(Unpooled.wrappedBuffer(new byte[] {6}));
                    }
                }));
        Client client = connect(ALICE, server).write(new byte[] {22, 3, 1});
        assertThat(client.read(1)).containsExactly(6);
        awaitUntil(
                "it is established",
                () -> assertThat(limiter.snapshot().pendingConnections()).isZero());
        awaitDeadline(server);
        assertThat(client.write(new byte[] {1}).read(1)).containsExactly(6);
        assertOnlyBobWasLate();
    }
}
