package io.github.connlimit.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The engine ends, hangs, forgets and is slow. */
@Timeout(180)
class LostEngineTest extends ClusterNodes {

    @Test
    void anEngineThatHangsLeavesTheLimitToEachNodeOnceTheLeasesHaveEnded() throws Exception {
        NodeProcess[] two = {node(), node()};
        for (NodeProcess node : two) {
            attacker.flood(node);
        }
        awaitTotal(LIMIT);
        Signals.send("STOP", engine.process());
        long frozen = System.nanoTime();
        letPass(LEASE.dividedBy(2));
        assertThat(attacker.most()).isLessThanOrEqualTo(LIMIT + FREE);
        awaitTotal(2 * LIMIT);
        assertThat(passed(frozen)).isGreaterThan(LEASE.minus(RENEWAL).toMillis());
        for (NodeProcess node : two) {
            assertThat(node.figures().connected()).isFalse();
        }
        letPass(LEASE);
        assertThat(attacker.most()).isEqualTo(2 * LIMIT);
        Signals.send("CONT", engine.process());
        for (NodeProcess node : two) {
            await("answers").atMost(DEADLINE).until(() -> node.figures().connected());
        }
        everythingEndsAtZero(two);
    }

    @Test
    void anEngineThatHangsLeavesWhatIsFreeIfThatIsWanted() throws Exception {
        NodeProcess[] two = {node(engine.uri(), "onClusterError", "free"), node(engine.uri(), "onClusterError", "free")
        };
        Signals.send("STOP", engine.process());
        for (NodeProcess node : two) {
            attacker.flood(node);
        }
        letPass(LEASE.multipliedBy(3));
        assertThat(attacker.most()).isEqualTo(2 * FREE);
        Signals.send("CONT", engine.process());
        awaitTotal(LIMIT);
        letPass(LEASE);
        assertThat(attacker.most()).isLessThanOrEqualTo(LIMIT + FREE);
        everythingEndsAtZero(two);
    }

    @Test
    void anEngineThatWasStartedAnewIsToldWhatTheNodesHold() throws Exception {
        NodeProcess[] three = {node(), node(), node()};
        for (NodeProcess node : three) {
            attacker.flood(node);
        }
        awaitTotal(LIMIT);
        for (int i = 0; i < 3; i++) {
            engine.kill();
            engine.start();
            for (NodeProcess node : three) {
                await("answers").atMost(DEADLINE).until(() -> node.figures().connected());
            }
            letPass(LEASE);
        }
        letPass(LEASE);
        assertThat(attacker.most()).isBetween(LIMIT, LIMIT + 2 * FREE);
        everythingEndsAtZero(three);
    }

    @Test
    void anEngineThatIsSlowOnlyTakesLonger() throws Exception {
        Wire wire = opened(new Wire(engine));
        NodeProcess[] two = {node(wire.uri(), "leaseTime", "10s"), node(wire.uri(), "leaseTime", "10s")};
        wire.slow(250);
        for (NodeProcess node : two) {
            attacker.flood(node);
        }
        awaitTotal(LIMIT);
        letPass(LEASE);
        assertThat(attacker.most()).isBetween(LIMIT, LIMIT + FREE);
        for (NodeProcess node : two) {
            assertThat(node.figures().connected()).isTrue();
        }
        wire.slow(0);
        everythingEndsAtZero(two);
    }
}
