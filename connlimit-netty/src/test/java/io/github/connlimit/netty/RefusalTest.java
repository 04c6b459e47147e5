package io.github.connlimit.netty;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.ConnectionPhase;
import io.github.connlimit.ErrorPolicy;
import io.github.connlimit.Refusal;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelOption;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.channel.socket.nio.NioSocketChannel;
import java.net.InetSocketAddress;
import java.nio.channels.SocketChannel;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** How connections end that are not let in. */
class RefusalTest extends ServerTest {

    private static final int ANSWER_BYTES = 8 * 1024 * 1024;

    /** As io_uring gives it for a connection that was reset before it was accepted. */
    private static final class Forgetful extends NioServerSocketChannel {

        @Override
        protected int doReadMessages(List<Object> accepted) throws Exception {
            SocketChannel channel = javaChannel().accept();
            if (channel == null) {
                return 0;
            }
            accepted.add(new NioSocketChannel(this, channel) {
                @Override
                public InetSocketAddress remoteAddress() {
                    return null;
                }
            });
            return 1;
        }
    }

    @Test
    void aConnectionWhoseClientIsNotKnownAnyMoreIsClosedInSilence() throws Exception {
        Channel server = bootstrap(new ConnectionLimitHandler(limiter), channel -> {})
                .channelFactory(Forgetful::new)
                .bind(anyPort())
                .sync()
                .channel();
        for (int i = 0; i < 5; i++) {
            connect(ALICE, server).awaitEnd();
        }
        assertThat(limiter.snapshot().errors()).isZero();
        assertThat(limiter.snapshot().admitted()).isZero();
        assertThat(limiter.snapshot().refused()).isZero();
        assertThat(children).isEmpty();
    }

    /** Its connections fail where they are asked for their end for the first time. */
    private static final class Failing extends NioServerSocketChannel {

        @Override
        protected int doReadMessages(List<Object> accepted) throws Exception {
            SocketChannel channel = javaChannel().accept();
            if (channel == null) {
                return 0;
            }
            accepted.add(new NioSocketChannel(this, channel) {

                private boolean hasFailed;

                @Override
                public ChannelFuture closeFuture() {
                    if (!hasFailed) {
                        hasFailed = true;
                        throw new IllegalStateException("no end");
                    }
                    return super.closeFuture();
                }
            });
            return 1;
        }
    }

    @ParameterizedTest
    @EnumSource
    void whatCannotBeCountedToItsEndDoesNotCount(ErrorPolicy policy) throws Exception {
        ConnectionLimiter failing = new ConnectionLimiter(
                ConnectionLimits.builder().maxPerClient(1).onError(policy).build());
        Channel server = bootstrap(new ConnectionLimitHandler(failing), channel -> {})
                .channelFactory(Failing::new)
                .bind(anyPort())
                .sync()
                .channel();
        for (int i = 1; i <= 3; i++) {
            Client client = connect(ALICE, server);
            if (policy == ErrorPolicy.ADMIT) {
                assertThat(client.get("/").status()).isEqualTo(200);
            } else {
                client.awaitEnd();
            }
            assertThat(failing.snapshot().openConnections()).isZero();
            assertThat(failing.snapshot().clients()).isZero();
            assertThat(failing.snapshot().errors()).isEqualTo(i);
        }
        assertThat(children).hasSize(policy == ErrorPolicy.ADMIT ? 3 : 0);
    }

    private Channel startWithLongAnswer() throws InterruptedException {
        limiter.reconfigure(limits -> limits.toBuilder().maxPerClient(1).build());
        return bootstrap(
                        new ConnectionLimitHandler(limiter, ConnectionPhase.FIRST_BYTE, (channel, client) -> {
                            // A socket that takes all of it at once would leave nothing to be written later.
                            channel.config().setOption(ChannelOption.SO_SNDBUF, 64 * 1024);
                            channel.writeAndFlush(Unpooled.wrappedBuffer(new byte[ANSWER_BYTES]));
                        }),
                        channel -> {})
                .channel(NioServerSocketChannel.class)
                .bind(anyPort())
                .sync()
                .channel();
    }

    @Test
    void aLongAnswerOfAHandlerArrivesAsAWhole() throws Exception {
        Channel server = startWithLongAnswer();
        assertThat(isServed(connect(ALICE, server))).isTrue();
        Client refused = connect(ALICE, server).write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assertThat(refused.read(ANSWER_BYTES)).hasSize(ANSWER_BYTES);
        assertThat(refused.awaitEnd()).isEqualTo(Client.Ending.END_OF_STREAM);
    }

    @Test
    void aLongAnswerThatNobodyReadsEndsByReset() throws Exception {
        limiter.reconfigure(limits -> limits.toBuilder().respondMaxOpen(1).build());
        Channel server = startWithLongAnswer();
        assertThat(isServed(connect(ALICE, server))).isTrue();
        Client refused = connect(ALICE, server);
        awaitUntil(
                "an answer is on its way",
                () -> assertThat(limiter.snapshot().responded()).isEqualTo(1));
        awaitUntil("its place is free for another one", () -> {
            connect(ALICE, server);
            assertThat(limiter.snapshot().responded()).isGreaterThan(1);
        });
        assertThat(refused.awaitEnd()).isEqualTo(Client.Ending.RESET);
    }

    @Test
    void withoutRoomForAnswersALongOneIsReset() throws Exception {
        limiter.reconfigure(limits -> limits.toBuilder().respondMaxOpen(0).build());
        Channel server = startWithLongAnswer();
        assertThat(isServed(connect(ALICE, server))).isTrue();
        assertThat(connect(ALICE, server).awaitEnd()).isEqualTo(Client.Ending.RESET);
    }

    @Test
    void answersWithRefuseRespond() throws Exception {
        limiter.reconfigure(limits ->
                limits.toBuilder().maxPerClient(1).refuse(Refusal.RESPOND).build());
        Channel server = start(new ConnectionLimitHandler(limiter), channel -> {});
        assertThat(isServed(connect(ALICE, server))).isTrue();
        Client refused = connect(ALICE, server).write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
        Client.Response answer = refused.response();
        assertThat(answer.status()).isEqualTo(429);
        assertThat(refused.awaitEnd()).isEqualTo(Client.Ending.END_OF_STREAM);
    }

    /** It is no fault of the client's that the server is full. */
    @Test
    void answersThatTheServerIsFull() throws Exception {
        limiter.reconfigure(
                limits -> limits.toBuilder().maxTotal(1).refuse(Refusal.RESPOND).build());
        Channel server = start(new ConnectionLimitHandler(limiter), channel -> {});
        assertThat(isServed(connect(ALICE, server))).isTrue();
        Client refused = connect(BOB, server).write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
        Client.Response answer = refused.response();
        assertThat(answer.status()).isEqualTo(503);
        assertThat(answer.headers()).containsEntry("retry-after", "1").containsEntry("connection", "close");
        assertThat(answer.body()).isEqualTo("server connection limit reached\n");
        assertThat(refused.awaitEnd()).isEqualTo(Client.Ending.END_OF_STREAM);
    }

    /** A handshake is to come: nobody would understand an answer in clear text. */
    @Test
    void resetsInPlaceOfAnAnswerWhereTlsMayBe() throws Exception {
        limiter.reconfigure(limits ->
                limits.toBuilder().maxPerClient(1).refuse(Refusal.RESPOND).build());
        Channel server = start(channel -> {});
        assertThat(isServed(connect(ALICE, server))).isTrue();
        assertThat(connect(ALICE, server).awaitEnd()).isEqualTo(Client.Ending.RESET);
    }
}
