package io.github.connlimit.tomcat;

import static java.time.Duration.ofSeconds;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.github.connlimit.Cidr;
import io.github.connlimit.ConnectionGate;
import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.ConnectionPhase;
import io.github.connlimit.RefusalBudget;
import io.github.connlimit.Rejection;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The executor of Tomcat's server, which is given to a connector at its start and taken away at its stop. */
@Timeout(60)
class UtilityExecutorTest {

    private volatile ScheduledExecutorService executor = new ScheduledThreadPoolExecutor(1);

    @BeforeEach
    void quiet() {
        Logs.quiet();
    }

    @AfterEach
    void shutDown() {
        executor.shutdownNow();
    }

    /** Tomcat would make one at the first use after that, with a thread that keeps the virtual machine alive. */
    @Test
    void isNotReplacedAfterTheStopOfAConnector() {
        LimitedNioEndpoint nio = new LimitedNioEndpoint();
        nio.setUtilityExecutor(executor);
        nio.setUtilityExecutor(null);
        LimitedNio2Endpoint nio2 = new LimitedNio2Endpoint();
        nio2.setUtilityExecutor(executor);
        nio2.setUtilityExecutor(null);
        assertThat(nio.limited().transport().executor()).isSameAs(executor);
        assertThat(nio2.limited().transport().executor()).isSameAs(executor);
    }

    @Test
    void dropsItsTasksWhenTheServerStopsAndRefusedConnectionsAreAnsweredAfterTheNextStart() throws Exception {
        ConnectionGate<SocketChannel> gate = new ConnectionGate<>(
                new ConnectionLimiter(ConnectionLimits.builder().build()));
        NioLingeringClose lingering = new NioLingeringClose(new RealSockets());
        InetAddress loopback = InetAddress.getLoopbackAddress();
        Cidr who = Cidr.of(loopback, 32);
        try (ServerSocketChannel server = ServerSocketChannel.open().bind(new InetSocketAddress(loopback, 0))) {
            for (int i = 0; i < 3; i++) {
                lingering.start();
                try (SocketChannel client = SocketChannel.open(server.getLocalAddress());
                        SocketChannel refused = server.accept()) {
                    RefusalBudget.Place place = gate.tryRespond(loopback, false).orElseThrow();
                    lingering.respond(refused, who, Rejection.CLIENT_LIMIT, place, gate);
                    client.shutdownOutput();
                    await().atMost(ofSeconds(30)).until(() -> !refused.isOpen());
                }
                try (SocketChannel client = SocketChannel.open(server.getLocalAddress());
                        SocketChannel silent = server.accept()) {
                    lingering.respond(
                            silent,
                            who,
                            Rejection.CLIENT_LIMIT,
                            gate.tryRespond(loopback, false).orElseThrow(),
                            gate);
                    assertThat(client.isOpen()).isTrue();
                    lingering.stop();
                    assertThat(executor.shutdownNow()).hasSize(1);
                    assertThat(silent.isOpen()).isFalse();
                }
                executor = new ScheduledThreadPoolExecutor(1);
            }
        }
    }

    /** Channels that nobody but the test has. */
    private final class RealSockets implements Transport<SocketChannel> {

        @Override
        public SocketAddress remoteAddress(SocketChannel channel) throws IOException {
            return channel.getRemoteAddress();
        }

        @Override
        public boolean isSecure() {
            return false;
        }

        @Override
        public void resetOnClose(SocketChannel channel) {}

        @Override
        public void destroy(SocketChannel channel) {
            try {
                channel.close();
            } catch (IOException error) {
                throw new IllegalStateException(error);
            }
        }

        @Override
        public void letGo() {}

        @Override
        public ConnectionPhase phase(SocketChannel channel) {
            return null;
        }

        @Override
        public boolean closeExpired(SocketChannel channel) {
            return false;
        }

        @Override
        public void close(SocketChannel channel) {}

        @Override
        public ScheduledExecutorService executor() {
            return executor;
        }
    }
}
