package io.github.connlimit.tomcat;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.ConnectionPhase;
import io.github.connlimit.ErrorPolicy;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class LimitedConnectionsTest {

    /** All come from one address, or from nowhere. */
    private static final class FakeTransport implements Transport<SocketChannel> {

        private final List<SocketChannel> destroyed = new ArrayList<>();
        private volatile SocketAddress remote = new InetSocketAddress("192.0.2.1", 1);
        private volatile IOException failure;

        @Override
        public SocketAddress remoteAddress(SocketChannel channel) throws IOException {
            if (failure != null) {
                throw failure;
            }
            return remote;
        }

        @Override
        public boolean isSecure() {
            return false;
        }

        @Override
        public void resetOnClose(SocketChannel channel) {}

        @Override
        public synchronized void destroy(SocketChannel channel) {
            destroyed.add(channel);
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
            throw new IllegalStateException("shut down");
        }
    }

    private final FakeTransport transport = new FakeTransport();
    private final LimitedConnections<SocketChannel> connections =
            new LimitedConnections<>(transport, new NioLingeringClose(transport));
    private final ConnectionLimiter limiter = limiter(2);
    private final List<SocketChannel> channels = new ArrayList<>();

    private static ConnectionLimiter limiter(int maxPerClient) {
        return new ConnectionLimiter(
                ConnectionLimits.builder().maxPerClient(maxPerClient).build());
    }

    @BeforeEach
    void quiet() {
        Logs.quiet();
    }

    @AfterEach
    void close() throws IOException {
        for (SocketChannel channel : channels) {
            channel.close();
        }
    }

    private SocketChannel channel() throws IOException {
        SocketChannel channel = SocketChannel.open();
        channels.add(channel);
        return channel;
    }

    @Test
    void withoutAnAddressOnErrorDecides() throws IOException {
        connections.use(limiter);
        for (boolean failing : new boolean[] {true, false}) {
            transport.failure = failing ? new IOException("as planned") : null;
            transport.remote = null;

            limiter.reconfigure(
                    now -> now.toBuilder().onError(ErrorPolicy.REFUSE).build());
            SocketChannel refused = channel();
            assertThat(connections.admit(refused)).isFalse();
            assertThat(transport.destroyed).containsExactly(refused);

            limiter.reconfigure(
                    now -> now.toBuilder().onError(ErrorPolicy.ADMIT).build());
            assertThat(connections.admit(channel())).isTrue();
            assertThat(transport.destroyed).containsExactly(refused);
            transport.destroyed.clear();
        }
        assertThat(limiter.snapshot().admitted()).isZero();
    }

    @Test
    void refusesBeforeThereIsALimiter() throws IOException {
        SocketChannel channel = channel();
        assertThat(connections.admit(channel)).isFalse();
        assertThat(transport.destroyed).containsExactly(channel);
        connections.release(channel);
        connections.sweep();
        connections.releaseAll();
        assertThat(connections.isEmpty()).isTrue();
    }

    @Test
    void sweepsClosedChannels() throws IOException {
        connections.use(limiter);
        SocketChannel closed = channel();
        assertThat(connections.admit(closed)).isTrue();
        assertThat(connections.admit(channel())).isTrue();
        closed.close();
        connections.releaseClosed();
        assertThat(limiter.snapshot().openConnections()).isOne();
    }

    /** Whoever has Tomcat busy at each deadline, by one byte of its header, would never be late. */
    @Test
    void aHeaderThatIsProcessedAtItsDeadlineIsGivenItsTimeOnceMore() throws IOException {
        connections.use(limiter);
        limiter.reconfigure(
                now -> now.toBuilder().headerTimeout(Duration.ofSeconds(1)).build());
        SocketChannel channel = channel();
        assertThat(connections.admit(channel)).isTrue();
        Progress<SocketChannel> progress = new Progress<>(connections);
        progress.begin(channel);
        progress.established();
        for (int i = 0; i < 3; i++) {
            progress.inHeader(0);
            assertThat(progress.expire(channel, false)).isFalse();
            progress.notInHeader();
        }
        progress.inHeader(0);
        assertThat(progress.expire(channel, false)).isFalse();
        assertThat(progress.phase()).isNull();
        progress.inHeader(0);
        assertThat(progress.phase()).isEqualTo(ConnectionPhase.HEADER);
        assertThat(progress.expire(channel, false)).isTrue();
        assertThat(progress.takeExpiry()).isEqualTo(Progress.Expiry.ANSWER);
    }

    @Test
    void carriesConnectionsOverToAnotherLimiter() throws IOException {
        connections.use(limiter(0));
        ConnectionLimiter before = limiter(0);
        connections.use(before);
        List<SocketChannel> open = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            open.add(channel());
            assertThat(connections.admit(open.get(i))).isTrue();
        }

        connections.use(limiter);

        assertThat(limiter.snapshot().openConnections()).isEqualTo(2);
        assertThat(before.snapshot().openConnections()).isEqualTo(2);
        assertThat(connections.admit(channel())).isFalse();
        assertThat(connections.isEmpty()).isFalse();

        // Each that ends makes room for one that could not be carried over.
        for (int left = 3; left >= 0; left--) {
            connections.release(open.remove(0));
            connections.sweep();
            assertThat(before.snapshot().openConnections() + limiter.snapshot().openConnections())
                    .isEqualTo(left);
            assertThat(limiter.snapshot().openConnections()).isEqualTo(Math.min(left, 2));
        }
        assertThat(connections.isEmpty()).isTrue();
    }

    @Test
    void losesAndLeaksNothingWhenLimitersChangeUnderLoad() throws Exception {
        List<ConnectionLimiter> limiters = new ArrayList<>();
        limiters.add(limiter(0));
        connections.use(limiters.get(0));
        AtomicBoolean done = new AtomicBoolean();
        List<Thread> threads = new ArrayList<>();
        List<SocketChannel> kept = new ArrayList<>();
        CountDownLatch rounds = new CountDownLatch(3 * 2000);
        for (int t = 0; t < 3; t++) {
            SocketChannel keep = channel();
            assertThat(connections.admit(keep)).isTrue();
            kept.add(keep);
            SocketChannel[] own = {channel(), channel(), channel()};
            threads.add(new Thread(() -> {
                while (!done.get()) {
                    for (SocketChannel channel : own) {
                        connections.admit(channel);
                    }
                    for (SocketChannel channel : own) {
                        connections.release(channel);
                    }
                    rounds.countDown();
                }
            }));
        }
        threads.forEach(Thread::start);
        while (rounds.getCount() > 0) {
            ConnectionLimiter next = limiter(0);
            limiters.add(next);
            connections.use(next);
        }
        done.set(true);
        for (Thread thread : threads) {
            thread.join();
        }
        ConnectionLimiter last = limiters.remove(limiters.size() - 1);
        assertThat(last.snapshot().openConnections()).isEqualTo(3);
        assertThat(limiters)
                .allSatisfy(former ->
                        assertThat(former.snapshot().openConnections()).isZero());
        kept.forEach(connections::release);
        connections.sweep();
        assertThat(last.snapshot().openConnections()).isZero();
        assertThat(connections.isEmpty()).isTrue();
    }
}
