package io.github.connlimit.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.lettuce.core.RedisClient;
import io.lettuce.core.api.StatefulRedisConnection;
import java.net.InetAddress;
import java.net.Socket;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** All is well but for what clients do. */
@Timeout(180)
class FloodedNodesTest extends ClusterNodes {

    @Test
    void threeNodesAreFloodedAtOnce() throws Exception {
        NodeProcess[] three = {node(), node(), node()};
        for (NodeProcess node : three) {
            attacker.flood(node);
        }
        awaitTotal(LIMIT);
        letPass(LEASE.multipliedBy(2));
        assertThat(attacker.most()).isBetween(LIMIT, LIMIT + 2 * FREE);
        for (NodeProcess node : three) {
            assertThat(attacker.open(node)).isGreaterThanOrEqualTo(FREE);
        }
        everythingEndsAtZero(three);
    }

    @Test
    void oneNodeHasTheWholeLimitWithinASecond() throws Exception {
        NodeProcess node = node();
        // Not the first client of all, for which nothing has been compiled.
        try (Attacker early = new Attacker("127.0.0.9")) {
            early.flood(node);
            await("all connections of an earlier client").atMost(DEADLINE).until(() -> early.total() == LIMIT);
        }
        long began = System.nanoTime();
        attacker.flood(node);
        awaitOpen(node, LIMIT, DEADLINE);
        assertThat(passed(began)).isLessThan(1000);
        everythingEndsAtZero(node);
    }

    @Test
    void aClientThatMovesIsRefusedForNoLongerThanARenewal() throws Exception {
        // Long enough for a renewal not to be taken for the end of the lease.
        Duration lease = LEASE.multipliedBy(4);
        NodeProcess from = node(engine.uri(), "leaseTime", lease.toMillis() + "ms");
        NodeProcess to = node(engine.uri(), "leaseTime", lease.toMillis() + "ms");
        while (attacker.open(from) < LIMIT) {
            attacker.tryConnect(from);
        }
        attacker.close(from);
        attacker.flood(to);
        awaitOpen(to, LIMIT, lease.dividedBy(3).plus(TOLERANCE));
        assertThat(attacker.most()).isLessThanOrEqualTo(LIMIT);
        everythingEndsAtZero(from, to);
    }

    /** A connection takes a millisecond, or four beside other tests. */
    @Timeout(600)
    @Test
    void smallClientsSendNothingOverTheNetwork() throws Exception {
        NodeProcess[] three = {node(), node(), node()};
        long before = scripts();
        long began = System.nanoTime();
        Deque<Socket> lately = new ArrayDeque<>();
        for (int i = 0; i < 100_000; i++) {
            InetAddress client =
                    InetAddress.getByAddress(new byte[] {127, (byte) (1 + (i >> 16)), (byte) (i >> 8), (byte) i});
            Socket socket = Attacker.connect(client, three[i % 3]);
            assertThat(socket).isNotNull();
            lately.add(socket);
            if (lately.size() > 3000) {
                lately.remove().close();
            }
        }
        // An idle node only asks whether the engine is still there.
        assertThat(scripts() - before).isLessThanOrEqualTo(three.length * (passed(began) / RENEWAL.toMillis() + 1));
        while (!lately.isEmpty()) {
            lately.remove().close();
        }
        for (NodeProcess node : three) {
            assertThat(node.figures().requests()).isZero();
        }
        everythingEndsAtZero(three);
    }

    /** How often the engine has been asked to run the script. */
    private long scripts() {
        String begin = "cmdstat_evalsha:calls=";
        try (RedisClient client = RedisClient.create(engine.uri());
                StatefulRedisConnection<String, String> connection = client.connect()) {
            return connection
                    .sync()
                    .info("commandstats")
                    .lines()
                    .filter(line -> line.startsWith(begin))
                    .mapToLong(line -> Long.parseLong(line.substring(begin.length(), line.indexOf(','))))
                    .sum();
        }
    }
}
