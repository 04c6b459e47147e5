package io.github.connlimit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class StreamTest {

    private static final InetAddress PEER = Addresses.ip("192.0.2.1");

    private final ConnectionLimiter limiter = new ConnectionLimiter(
            ConnectionLimits.builder().maxPerClient(10).reservedConnections(4).build());
    private final List<ConnectionPermit> permits = new ArrayList<>();

    private ConnectionPermit connect() {
        ConnectionPermit permit = limiter.tryAcquire(PEER).orElseThrow();
        permits.add(permit);
        return permit;
    }

    private int streams() {
        return limiter.snapshot().topClients().get(0).streams();
    }

    @AfterEach
    void nothingStays() {
        permits.forEach(ConnectionPermit::close);
        assertThat(limiter.snapshot().openConnections()).isZero();
        assertThat(limiter.snapshot().clients()).isZero();
        assertThat(limiter.snapshot().pendingConnections()).isZero();
        assertThat(limiter.snapshot().streams()).isZero();
        assertThat(limiter.snapshot().largestClient()).isZero();
    }

    @Test
    void leaveTheReserveFree() {
        List<ConnectionPermit.Stream> streams = new ArrayList<>();
        for (int i = 0; i < 6; i++) {
            streams.add(connect().tryBeginStream().orElseThrow());
        }
        ConnectionPermit seventh = connect();
        assertThat(seventh.tryBeginStream()).isEmpty();
        assertThat(limiter.snapshot().refusedStreams()).isEqualTo(1);
        for (int i = 0; i < 3; i++) {
            connect();
        }
        assertThat(limiter.tryAcquire(PEER)).isEmpty();
        streams.get(0).close();
        streams.get(0).close();
        assertThat(streams()).isEqualTo(5);
        assertThat(seventh.tryBeginStream()).isPresent();
        assertThat(connectIsRefused()).isTrue();
    }

    private boolean connectIsRefused() {
        return limiter.tryAcquire(PEER).isEmpty();
    }

    @Test
    void severalOnOneConnectionCountOnce() {
        ConnectionPermit permit = connect();
        ConnectionPermit.Stream first = permit.tryBeginStream().orElseThrow();
        ConnectionPermit.Stream second = permit.tryBeginStream().orElseThrow();
        assertThat(streams()).isEqualTo(1);
        first.close();
        assertThat(streams()).isEqualTo(1);
        second.close();
        assertThat(streams()).isZero();
        first.close();
        assertThat(streams()).isZero();
    }

    @Test
    void endWithTheirConnection() {
        connect();
        ConnectionPermit permit = connect();
        ConnectionPermit.Stream stream = permit.tryBeginStream().orElseThrow();
        permit.close();
        assertThat(streams()).isZero();
        stream.close();
        assertThat(streams()).isZero();
        assertThat(permit.tryBeginStream()).isEmpty();
        assertThat(streams()).isZero();
    }

    @Test
    void areLikeAnyOtherWithoutAReserveOrALimit() {
        limiter.reconfigure(limits -> limits.toBuilder().reservedConnections(0).build());
        for (int i = 0; i < 10; i++) {
            assertThat(connect().tryBeginStream()).isPresent();
        }
        limiter.reconfigure(limits ->
                limits.toBuilder().reservedConnections(4).exempt("192.0.2.1").build());
        assertThat(connect().tryBeginStream()).isPresent();
    }

    @Test
    void areOnlyReportedInADryRun() {
        limiter.reconfigure(limits -> limits.toBuilder().dryRun(true).build());
        for (int i = 0; i < 7; i++) {
            assertThat(connect().tryBeginStream()).isPresent();
        }
        assertThat(streams()).isEqualTo(7);
        assertThat(limiter.snapshot().refusedStreams()).isZero();
        assertThat(limiter.snapshot().dryRunRefused()).isEqualTo(1);
    }

    @Test
    void neverExceedTheirLimitUnderConcurrency() throws Exception {
        for (int i = 0; i < 10; i++) {
            connect();
        }
        ExecutorService threads = Executors.newFixedThreadPool(10);
        try {
            for (int round = 0; round < 500; round++) {
                CountDownLatch start = new CountDownLatch(1);
                List<Future<Optional<ConnectionPermit.Stream>>> begun = new ArrayList<>();
                for (ConnectionPermit permit : permits) {
                    begun.add(threads.submit(() -> {
                        start.await();
                        return permit.tryBeginStream();
                    }));
                }
                start.countDown();
                List<ConnectionPermit.Stream> admitted = new ArrayList<>();
                for (Future<Optional<ConnectionPermit.Stream>> stream : begun) {
                    stream.get().ifPresent(admitted::add);
                }
                assertThat(admitted).hasSize(6);
                assertThat(streams()).isEqualTo(6);
                admitted.forEach(ConnectionPermit.Stream::close);
                assertThat(streams()).isZero();
            }
        } finally {
            threads.shutdownNow();
        }
    }

    @Test
    void closeAgainstBeginLosesNoCount() throws Exception {
        connect();
        ExecutorService threads = Executors.newFixedThreadPool(2);
        try {
            for (int round = 0; round < 2000; round++) {
                ConnectionPermit permit = limiter.tryAcquire(PEER).orElseThrow();
                CountDownLatch start = new CountDownLatch(1);
                Future<?> close = threads.submit(() -> {
                    start.await();
                    permit.close();
                    return null;
                });
                Future<?> begin = threads.submit(() -> {
                    start.await();
                    permit.tryBeginStream().ifPresent(ConnectionPermit.Stream::close);
                    return permit.tryBeginStream();
                });
                start.countDown();
                close.get();
                begin.get();
                assertThat(streams()).isZero();
                assertThat(limiter.openConnections(PEER)).isEqualTo(1);
            }
        } finally {
            threads.shutdownNow();
        }
    }

    @Test
    void aReserveNeedsRoom() {
        ConnectionLimits.Builder builder =
                ConnectionLimits.builder().maxPerClient(26).reservedConnections(20);
        assertThat(builder.build().reservedConnections()).isEqualTo(20);
        assertThatThrownBy(() -> builder.maxPerClient(25).build())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(
                        "reservedConnections: \"20\" is not allowed; every limit has to be greater than it by more than"
                                + " 5, and maxPerClient is 25");
        assertThatThrownBy(() -> builder.maxPerClient(0).limit("10.0.0.0/8", 25).build())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(
                        "reservedConnections: \"20\" is not allowed; every limit has to be greater than it by more than"
                                + " 5, and the limit of 10.0.0.0/8 is 25");
        assertThat(builder.rules("10.0.0.0/8=unlimited").build().maxPerClient()).isZero();
    }
}
