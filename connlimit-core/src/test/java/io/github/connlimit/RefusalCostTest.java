package io.github.connlimit;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** A flood must find nothing that a refusal allocates, whichever limit refuses. */
class RefusalCostTest {

    private static final int REFUSALS = 10_000;
    private static final int ROUNDS = 50;

    private static final long DEADLINE_NANOS = TimeUnit.SECONDS.toNanos(20);
    private static final InetAddress PEER = Addresses.ip("192.0.2.1");

    private final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    private final ConnectionLimiter limiter = new ConnectionLimiter(ConnectionLimits.defaults());
    private final List<ConnectionPermit> permits = new ArrayList<>();
    private final Supplier<ConnectionPermit> pending = () -> new ConnectionPermit(limiter, true);

    @AfterEach
    void nothingStays() {
        permits.forEach(ConnectionPermit::close);
        assertThat(limiter.snapshot().openConnections()).isZero();
        assertThat(limiter.snapshot().clients()).isZero();
    }

    private ConnectionPermit tryAcquire() {
        Object outcome = limiter.acquireOrReason(PEER, pending, true, ConnectionLimiter.Counted.CONNECTION);
        return outcome instanceof ConnectionPermit permit ? permit : null;
    }

    /** What so many refusals allocate, the reading of the address included. */
    private long allocated(RefusalReason reason, long most, UnaryOperator<ConnectionLimits.Builder> limits) {
        limiter.reconfigure(present -> limits.apply(ConnectionLimits.builder()).build());
        long allocated = Long.MAX_VALUE;
        long rounds = 0;
        long begin = System.nanoTime();
        // Again and again: what the compiler has not yet got to allocates what it will later leave out.
        while (rounds < ROUNDS || allocated >= most && System.nanoTime() - begin < DEADLINE_NANOS) {
            rounds++;
            long before = threads.getCurrentThreadAllocatedBytes();
            for (int i = 0; i < REFUSALS; i++) {
                assertRefused(tryAcquire());
            }
            allocated = Math.min(allocated, threads.getCurrentThreadAllocatedBytes() - before);
        }
        assertThat(limiter.snapshot(0).refusals().get(reason)).isEqualTo(rounds * REFUSALS);
        return allocated;
    }

    /** Without AssertJ, which allocates. */
    private static void assertRefused(ConnectionPermit permit) {
        if (permit != null) {
            throw new AssertionError("admitted");
        }
    }

    @Test
    void isTheSameForEachLimitOfAClient() {
        permits.add(tryAcquire());
        permits.add(tryAcquire());
        long connections = allocated(RefusalReason.CONNECTIONS, Long.MAX_VALUE, limits -> limits.maxPerClient(2));
        long most = connections + REFUSALS;
        assertThat(allocated(RefusalReason.PENDING, most, limits -> limits.maxPendingPerClient(2)))
                .isLessThan(most);
        assertThat(allocated(RefusalReason.TOTAL, most, limits -> limits.maxTotal(2)))
                .isLessThan(most);
        assertThat(allocated(RefusalReason.NETWORK, most, limits -> limits.networkLimits("ipv4/24=2, ipv4/16=9")))
                .isLessThan(most);
    }
}
