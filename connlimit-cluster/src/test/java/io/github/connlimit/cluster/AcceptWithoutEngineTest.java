package io.github.connlimit.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;
import java.net.Socket;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Accepting does not wait. */
@Timeout(180)
class AcceptWithoutEngineTest extends ClusterNodes {

    /** Whatever becomes of the engine, connections are accepted as fast as ever, those too that the cluster has a say in. */
    @Test
    void acceptDoesNotWaitForTheEngine() throws Exception {
        NodeProcess node = node();
        attacker.flood(node);
        awaitTotal(LIMIT);
        List<InetAddress> near = new ArrayList<>();
        Deque<Socket> held = new ArrayDeque<>();
        for (int i = 0; i < 20; i++) {
            near.add(InetAddress.getByAddress(new byte[] {127, 1, 0, (byte) (2 + i)}));
            for (int connections = 0; connections < FREE - 3; connections++) {
                held.add(Attacker.connect(near.get(i), node));
            }
        }
        assertThat(held).doesNotContainNull();
        accepted(node, near, Duration.ofSeconds(1));
        long healthy = accepted(node, near, Duration.ofSeconds(2));
        Signals.send("STOP", engine.process());
        long frozen = accepted(node, near, Duration.ofSeconds(4)) / 2;
        Signals.send("CONT", engine.process());
        engine.kill();
        long gone = accepted(node, near, Duration.ofSeconds(4)) / 2;
        System.out.println("accepted in 2 s: " + healthy + ", engine frozen: " + frozen + ", gone: " + gone);
        assertThat(frozen).isGreaterThan(healthy / 2);
        assertThat(gone).isGreaterThan(healthy / 2);
        for (Socket socket : held) {
            socket.close();
        }
        everythingEndsAtZero(node);
    }

    /** One more connection of each client, which the limiter asks the cluster about, again and again. */
    private static long accepted(NodeProcess node, List<InetAddress> clients, Duration time) throws Exception {
        long end = System.nanoTime() + time.toNanos();
        long accepted = 0;
        while (System.nanoTime() - end < 0) {
            InetAddress client = clients.get((int) (accepted % clients.size()));
            try (Socket socket = Attacker.connect(client, node)) {
                assertThat(socket).isNotNull();
                accepted++;
            }
        }
        return accepted;
    }
}
