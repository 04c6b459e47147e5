package io.github.connlimit.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.github.connlimit.Cidr;
import io.github.connlimit.ClusterNode;
import io.github.connlimit.ConnectionLimits;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The thread of a member, without an engine. */
@Timeout(60)
class ClusterMemberTest {

    private static final Duration DEADLINE = Duration.ofSeconds(30);

    private volatile Thread thread;
    private final AtomicInteger looks = new AtomicInteger();

    private class Store implements ReservationStore {

        @Override
        public List<CompletionStage<Reservation>> reserve(List<ReservationRequest> asked) {
            return asked.stream()
                    .<CompletionStage<Reservation>>map(request -> new CompletableFuture<>())
                    .toList();
        }

        @Override
        public String reason(Throwable error) {
            return "";
        }

        @Override
        public boolean isConnected() {
            return true;
        }

        @Override
        public String failure() {
            return "";
        }

        /** Each look begins with that. */
        @Override
        public int connections() {
            thread = Thread.currentThread();
            looks.incrementAndGet();
            return 1;
        }

        @Override
        public void close() {}
    }

    private record Node(int limit) implements ClusterNode {

        @Override
        public int open(Cidr client) {
            return 0;
        }

        @Override
        public ConnectionLimits limits() {
            return ConnectionLimits.builder()
                    .maxPerClient(limit)
                    .leaseTime(Duration.ofSeconds(1))
                    .build();
        }

        @Override
        public void report(String what, Throwable error) {
            throw new AssertionError(what, error);
        }
    }

    @Test
    void aThreadThatIsInterruptedPausesAllTheSame() {
        try (ClusterMember member = ClusterMember.join(new Node(100), "node", "engine", new Store())) {
            assertThat(member).isNotNull();
            awaitLooks(2);
            thread.interrupt();
            await("the interrupt to be taken").atMost(DEADLINE).until(() -> !thread.isInterrupted());
            long wall = System.nanoTime();
            long cpu = cpuNanos();
            awaitLooks(looks.get() + 10);
            assertThat(cpuNanos() - cpu).isLessThan((System.nanoTime() - wall) / 2);
            assertThat(System.nanoTime() - wall).isGreaterThan(TimeUnit.MILLISECONDS.toNanos(500));
        }
    }

    /** Who asks holds locks, and accepts. */
    @Test
    void onlyItsThreadDoesWhatIsInDemand() throws Exception {
        Set<Thread> threads = ConcurrentHashMap.newKeySet();
        Store store = new Store() {
            @Override
            public List<CompletionStage<Reservation>> reserve(List<ReservationRequest> asked) {
                threads.add(Thread.currentThread());
                return super.reserve(asked);
            }

            @Override
            public int connections() {
                threads.add(Thread.currentThread());
                return super.connections();
            }
        };
        try (ClusterMember member = ClusterMember.join(new Node(100), "node", "engine", store)) {
            for (int client = 1; client <= 100; client++) {
                assertThat(member.allowed(Cidr.parse("192.0.2." + client), 9, 100))
                        .isEqualTo(10);
            }
            awaitLooks(looks.get() + 2);
            assertThat(threads).containsExactly(thread);
        }
    }

    @Test
    void aLimitThatEachNodeGivesWholeIsNotHeldTogether() {
        try (Warnings warnings = new Warnings()) {
            ClusterMember.join(new Node(11), "node", "engine", new Store()).close();
            ClusterMember.join(new Node(0), "node", "engine", new Store()).close();
            assertThat(warnings.messages()).isEmpty();
            ClusterMember.join(new Node(10), "node", "engine", new Store()).close();
            assertThat(warnings.messages())
                    .containsExactly("freePerClient=auto is all of maxPerClient=10: each node gives a client its whole"
                            + " limit, and nothing is held together; set a lower freePerClient");
        }
    }

    private void awaitLooks(int many) {
        await("looks").atMost(DEADLINE).until(() -> looks.get() >= many);
    }

    private long cpuNanos() {
        return ManagementFactory.getThreadMXBean().getThreadCpuTime(thread.getId());
    }
}
