package io.github.connlimit.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Nodes end, hang and are cut off. */
@Timeout(180)
class LostNodesTest extends ClusterNodes {

    @Test
    void whatANodeHadThatWasKilledIsFreeAfterItsLease() throws Exception {
        NodeProcess killed = node();
        NodeProcess other = node();
        while (attacker.open(killed) < LIMIT) {
            attacker.tryConnect(killed);
        }
        attacker.flood(other);
        awaitOpen(other, FREE, DEADLINE);
        killed.kill();
        attacker.close(killed);
        awaitOpen(other, LIMIT, LEASE.plus(TOLERANCE));
        assertThat(attacker.most()).isLessThanOrEqualTo(LIMIT + FREE);
        everythingEndsAtZero(other);
    }

    /** Others get what it had, as it cannot use it. When it is back, it knows that. */
    @Test
    void aNodeThatWasStoppedAdmitsNothingByAnOldReservation() throws Exception {
        NodeProcess stopped = node();
        NodeProcess other = node();
        while (attacker.open(stopped) < LIMIT / 2) {
            attacker.tryConnect(stopped);
        }
        int before = attacker.open(stopped);
        stopped.freeze();
        attacker.flood(other);
        awaitOpen(other, LIMIT, LEASE.plus(DEADLINE));
        stopped.thaw();
        for (int i = 0; i < 200; i++) {
            assertThat(attacker.tryConnect(stopped)).isFalse();
        }
        assertThat(attacker.open(stopped)).isEqualTo(before);
        everythingEndsAtZero(stopped, other);
    }

    /** Whether the end of the connection is seen, or nothing comes through any more. */
    @Test
    void aNodeThatIsCutOffKeepsWhatItHasForALeaseAndIsThenByItself() throws Exception {
        Wire wire = opened(new Wire(engine));
        NodeProcess cutOff = node(wire.uri());
        NodeProcess other = node();
        for (boolean seen : new boolean[] {true, false}) {
            try (Attacker client = new Attacker(seen ? "127.0.0.3" : "127.0.0.4")) {
                while (client.open(cutOff) < LIMIT / 2) {
                    client.tryConnect(cutOff);
                }
                if (seen) {
                    wire.cut();
                } else {
                    wire.swallow();
                }
                client.flood(cutOff);
                client.flood(other);
                await("the limit on each node")
                        .atMost(DEADLINE)
                        .until(() -> client.open(cutOff) == LIMIT && client.open(other) == LIMIT);
                letPass(LEASE);
                assertThat(client.most()).isEqualTo(2 * LIMIT);
                wire.mend();
                await("answers").atMost(DEADLINE).until(() -> cutOff.figures().connected());
            }
            everythingEndsAtZero(cutOff, other);
        }
    }
}
