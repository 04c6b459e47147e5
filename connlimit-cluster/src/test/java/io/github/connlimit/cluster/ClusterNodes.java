package io.github.connlimit.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.github.connlimit.testing.RedisProcess;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/** Nodes that are processes of their own, a real engine, and a client that opens whatever it gets. */
abstract class ClusterNodes {

    static final int LIMIT = 100;
    static final int FREE = 10;
    static final Duration LEASE = Duration.ofSeconds(3);
    static final Duration RENEWAL = LEASE.dividedBy(3);
    static final Duration DEADLINE = Duration.ofSeconds(30);

    /** What a busy machine may take on top of what the clock says. */
    static final Duration TOLERANCE = Duration.ofSeconds(2);

    final List<AutoCloseable> open = new ArrayList<>();
    RedisProcess engine;
    Attacker attacker;

    @BeforeEach
    void start() throws Exception {
        engine = opened(new RedisProcess().start());
        attacker = opened(new Attacker("127.0.0.2"));
    }

    @AfterEach
    void stop() throws Exception {
        for (int i = open.size() - 1; i >= 0; i--) {
            open.get(i).close();
        }
    }

    <T extends AutoCloseable> T opened(T resource) {
        open.add(resource);
        return resource;
    }

    NodeProcess node(String uri, String... more) throws Exception {
        Map<String, String> settings = new LinkedHashMap<>(Map.of(
                "maxPerClient",
                Integer.toString(LIMIT),
                "freePerClient",
                Integer.toString(FREE),
                "leaseTime",
                LEASE.toMillis() + "ms",
                "clusterUri",
                uri));
        for (int i = 0; i < more.length; i += 2) {
            settings.put(more[i], more[i + 1]);
        }
        NodeProcess node = opened(new NodeProcess(settings));
        await("a connection to the engine")
                .atMost(DEADLINE)
                .until(() -> node.figures().connected());
        return node;
    }

    NodeProcess node() throws Exception {
        return node(engine.uri());
    }

    void awaitOpen(NodeProcess node, int connections, Duration deadline) {
        await("connections at " + node.port() + ": " + attacker.open(node))
                .atMost(deadline)
                .pollInterval(Duration.ofMillis(10))
                .until(() -> attacker.open(node) >= connections);
    }

    void awaitTotal(int connections) {
        await("connections in all").atMost(DEADLINE).until(() -> attacker.total() >= connections);
    }

    static long passed(long sinceNanos) {
        return TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - sinceNanos);
    }

    /** The flood goes on for a while: nothing may happen in it that has not happened yet. */
    static void letPass(Duration time) {
        long end = System.nanoTime() + time.toNanos();
        await().atMost(time.plus(DEADLINE)).until(() -> System.nanoTime() - end >= 0);
    }

    void everythingEndsAtZero(NodeProcess... nodes) throws Exception {
        attacker.close();
        for (NodeProcess node : nodes) {
            await("no open connection, no client, no reservation")
                    .atMost(DEADLINE)
                    .until(() -> {
                        NodeProcess.Figures figures = node.figures();
                        return figures.open() == 0 && figures.clients() == 0 && figures.reserved() == 0;
                    });
            assertThat(node.figures().errors()).isZero();
        }
    }
}
