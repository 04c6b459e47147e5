package io.github.connlimit.netty;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.embedded.EmbeddedChannel;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Handlers that come and go while their server accepts, and several for one server. */
class HandlerChangeTest extends ServerTest {

    /** Elsewhere, Netty lets connections pass between one handler and the next. */
    private static void onLoop(Channel server, Runnable change) throws InterruptedException {
        server.eventLoop().submit(change).sync();
    }

    @Test
    void anotherHandlerMayReplaceOneOnALiveServer() throws Exception {
        ConnectionLimitHandler before = new ConnectionLimitHandler(limiter);
        Channel server = start(before, channel -> {});
        Client first = connect(ALICE, server);
        assertThat(isServed(first)).isTrue();

        onLoop(server, () -> server.pipeline().replace(before, null, new ConnectionLimitHandler(limiter)));

        assertThat(isServed(connect(ALICE, server))).isTrue();
        assertThat(isServed(connect(ALICE, server))).isTrue();
        assertThat(isServed(connect(ALICE, server))).isFalse();
        assertThat(isServed(first)).isTrue();
        first.close();
        awaitUntil("room", () -> assertThat(isServed(connect(ALICE, server))).isTrue());
    }

    @Test
    void aHandlerMayReplaceItself() throws Exception {
        ConnectionLimitHandler handler = new ConnectionLimitHandler(limiter);
        Channel server = start(handler, channel -> {});
        onLoop(server, () -> server.pipeline().replace(handler, null, handler));
        for (int i = 0; i < 4; i++) {
            assertThat(isServed(connect(ALICE, server))).isEqualTo(i < 3);
        }
    }

    @Test
    void aHandlerMayBeRemovedAndComeBack() throws Exception {
        ConnectionLimitHandler handler = new ConnectionLimitHandler(limiter);
        Channel server = start(handler, channel -> {});
        assertThat(isServed(connect(ALICE, server))).isTrue();
        onLoop(server, () -> server.pipeline().remove(handler));
        for (int i = 0; i < 4; i++) {
            assertThat(isServed(connect(ALICE, server))).isTrue();
        }
        assertThat(limiter.openConnections(InetAddress.getByName(ALICE))).isEqualTo(1);
        onLoop(server, () -> server.pipeline().addFirst(handler));
        for (int i = 0; i < 3; i++) {
            assertThat(isServed(connect(ALICE, server))).isEqualTo(i < 2);
        }
    }

    @Test
    void whatARemovedHandlerHasAdmittedHasItsDeadline() throws Exception {
        timeout(1500);
        ConnectionLimitHandler handler = new ConnectionLimitHandler(limiter);
        Channel server = start(handler, channel -> {});
        Client silent = connect(ALICE, server);
        awaitUntil(
                "it is accepted",
                () -> assertThat(limiter.snapshot().openConnections()).isEqualTo(1));
        onLoop(server, () -> server.pipeline().remove(handler));
        silent.awaitEnd();
        awaitUntil("it is reported", () -> assertThat(timedOut).containsExactly(ALICE + " FIRST_BYTE"));
    }

    @Test
    void twoHandlersOfOneLimiterCountAConnectionOnce() throws Exception {
        ConnectionLimitHandler handler = new ConnectionLimitHandler(limiter);
        Channel server = start(handler, channel -> {});
        onLoop(server, () -> server.pipeline().addFirst(new ConnectionLimitHandler(limiter)));
        onLoop(server, () -> server.pipeline().addFirst(handler));
        for (int i = 0; i < 4; i++) {
            assertThat(isServed(connect(ALICE, server))).isEqualTo(i < 3);
        }
        assertThat(limiter.openConnections(InetAddress.getByName(ALICE))).isEqualTo(3);
        assertThat(limiter.snapshot().admitted()).isEqualTo(3);
    }

    @Test
    void handlersOfTwoLimitersLimitByEach() throws Exception {
        ConnectionLimiter stricter = new ConnectionLimiter(
                ConnectionLimits.builder().maxPerClient(2).exempt(BOB).build());
        Channel server = start(new ConnectionLimitHandler(limiter), channel -> {});
        // In front of Netty's own acceptor, behind the first one.
        String first = server.pipeline().context(ConnectionLimitHandler.class).name();
        onLoop(server, () -> server.pipeline().addAfter(first, null, new ConnectionLimitHandler(stricter)));
        List<Client> served = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            Client client = connect(ALICE, server);
            assertThat(isServed(client)).isEqualTo(i < 2);
            served.add(client);
        }
        assertThat(stricter.snapshot().refused()).isEqualTo(2);
        awaitUntil(
                "what one refuses counts for none",
                () -> assertThat(limiter.openConnections(InetAddress.getByName(ALICE)))
                        .isEqualTo(2));
        for (int i = 0; i < 4; i++) {
            assertThat(isServed(connect(BOB, server))).isEqualTo(i < 3);
        }
        assertThat(stricter.openConnections(InetAddress.getByName(BOB))).isEqualTo(3);
        for (Client client : served) {
            client.close();
        }
        awaitUntil(
                "both know of the end",
                () -> assertThat(List.of(
                                limiter.openConnections(InetAddress.getByName(ALICE)),
                                stricter.openConnections(InetAddress.getByName(ALICE))))
                        .containsOnly(0));
        endAtZero();
        awaitNothingCounted(stricter);
    }

    @Test
    void aHandlerForConnectionsIsAMistakeThatIsReported() {
        List<Throwable> errors = new ArrayList<>();
        EmbeddedChannel connection = new EmbeddedChannel(new ChannelInboundHandlerAdapter() {
            @Override
            public void exceptionCaught(ChannelHandlerContext context, Throwable error) {
                errors.add(error);
            }
        });
        connection.pipeline().addFirst(new ConnectionLimitHandler(limiter));
        assertThat(errors).hasSize(1);
        assertThat(errors.get(0)).hasStackTraceContaining("use ServerBootstrap.handler, not childHandler");
    }
}
