package io.github.connlimit.netty;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A server that cannot join its cluster, for whatever reason, serves nobody: Netty would go on without limits. */
class ClusterTest extends ServerTest {

    private final ConnectionLimitHandler handler = new ConnectionLimitHandler(limiter);

    @BeforeEach
    void isInCluster() {
        limiter.reconfigure(
                limits -> limits.toBuilder().clusterUri("redis://127.0.0.1:1").build());
    }

    @Test
    void itsPortIsNotBound() {
        assertThatThrownBy(() -> start(handler, channel -> {})).isNotNull();
    }

    @Test
    void itsPortIsNotBoundByAFactory() {
        EventLoopGroup group = nio();
        ServerBootstrap server = new ServerBootstrap()
                .group(group)
                .channelFactory(new ConnectionLimitChannelFactory<>(
                        NioServerSocketChannel::new, address -> Optional.of(handler)))
                .childHandler(new ChannelInboundHandlerAdapter());
        assertThatThrownBy(() -> server.bind(anyPort()).sync())
                .isInstanceOf(NoClassDefFoundError.class)
                .hasMessageContaining("RedisClient");
    }

    @Test
    void aServerThatRunsAlreadyIsClosed() throws Exception {
        EventLoopGroup group = nio();
        Channel server = new ServerBootstrap()
                .group(group)
                .channel(NioServerSocketChannel.class)
                .childHandler(new ChannelInboundHandlerAdapter())
                .bind(anyPort())
                .sync()
                .channel();
        server.pipeline().addFirst(handler);
        assertThat(server.closeFuture().await(20, TimeUnit.SECONDS)).isTrue();
    }
}
