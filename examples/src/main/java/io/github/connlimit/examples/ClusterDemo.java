package io.github.connlimit.examples;

import io.github.connlimit.testing.RedisProcess;
import java.io.IOException;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;

/**
 * The demo of a cluster: a Redis, two nodes that are processes of their own, and three clients. One floods both nodes, one has
 * few connections, one moves from node to node; then a node is killed.
 */
final class ClusterDemo {

    private static final int LIMIT = 20;
    private static final int FREE = 4;
    private static final int LEASE_MILLIS = 2000;
    private static final int ROUND = 3;
    private static final int PAUSE_MILLIS = 2;

    /** How long to wait for what takes a lease, on however slow a machine. */
    private static final long PATIENCE_NANOS = TimeUnit.MILLISECONDS.toNanos(5 * LEASE_MILLIS);

    private final PrintStream out;
    private final List<AutoCloseable> open = new ArrayList<>();

    ClusterDemo(PrintStream out) {
        this.out = out;
    }

    /**
     * Plays for about ten seconds.
     *
     * @return the exit status: 0 if every promise was kept, 1 if one was not
     */
    int run() throws Exception {
        try (Screen screen = new Screen(out, false, List::of)) {
            Promises promises = new Promises(screen);
            play(screen, promises);
            screen.say("All " + promises.kept() + " promises were kept.");
            return 0;
        } catch (BrokenPromiseException broken) {
            out.println("  FAIL  " + broken.getMessage());
            return 1;
        } finally {
            for (int i = open.size() - 1; i >= 0; i--) {
                open.get(i).close();
            }
        }
    }

    private <T extends AutoCloseable> T opened(T resource) {
        open.add(resource);
        return resource;
    }

    private void play(Screen screen, Promises promises) throws Exception {
        RedisProcess redis = opened(new RedisProcess().start());
        DemoNode a = opened(node("A", redis));
        DemoNode b = opened(node("B", redis));
        DemoClient greedyAtA = opened(new DemoClient("greedy", "127.0.0.2", List.of(a.address())));
        DemoClient greedyAtB = opened(new DemoClient("greedy", "127.0.0.2", List.of(b.address())));
        DemoClient modest = opened(new DemoClient("modest", "127.0.0.3", List.of(a.address(), b.address())));
        DemoClient moverAtA = opened(new DemoClient("mover", "127.0.0.4", List.of(a.address())));
        DemoClient moverAtB = opened(new DemoClient("mover", "127.0.0.4", List.of(b.address())));
        screen.say("A Redis on port " + redis.port() + ", nodes A and B: a client may have " + LIMIT
                + " connections on both together, " + FREE + " of them on each without asking.");

        screen.say("127.0.0.3 opens a connection on each node.");
        promises.check("served, refused", new Tally.Count(2, 0), modest.open(2, PAUSE_MILLIS));
        promises.check("reservations for it", 0L, a.figure("connlimit_cluster_requests_total"));

        screen.say("127.0.0.2 floods both nodes at once.");
        Callable<Boolean> atTheLimit = () -> greedyAtA.connections() + greedyAtB.connections() >= LIMIT;
        until(atTheLimit, () -> {
            greedyAtA.open(ROUND, PAUSE_MILLIS);
            greedyAtB.open(ROUND, PAUSE_MILLIS);
        });
        for (int i = 0; i < 2 * LIMIT; i++) {
            greedyAtA.open(ROUND, PAUSE_MILLIS);
            greedyAtB.open(ROUND, PAUSE_MILLIS);
        }
        promises.checkBetween("it has on both", LIMIT, LIMIT + FREE, greedyAtA.connections() + greedyAtB.connections());
        show(screen, a, b);

        screen.say("127.0.0.4 takes all it may have on A, leaves, and comes to B.");
        until(() -> moverAtA.connections() == LIMIT, () -> moverAtA.open(ROUND, PAUSE_MILLIS));
        moverAtA.close(LIMIT);
        until(() -> moverAtB.connections() == LIMIT, () -> moverAtB.open(ROUND, PAUSE_MILLIS));
        promises.check("it has on B", LIMIT, moverAtB.connections());
        moverAtB.close(LIMIT);
        show(screen, a, b);

        screen.say("Node A is killed. Its reservations end with their leases, of " + LEASE_MILLIS + " ms.");
        a.kill();
        greedyAtA.close(greedyAtA.connections());
        until(() -> greedyAtB.connections() == LIMIT, () -> greedyAtB.open(ROUND, PAUSE_MILLIS));
        promises.check("127.0.0.2 has on B", LIMIT, greedyAtB.connections());
        promises.check("refused beyond", new Tally.Count(0, ROUND), greedyAtB.open(ROUND, PAUSE_MILLIS));
        screen.say("        B: " + figures(b));

        screen.say("All clients leave.");
        greedyAtB.close(LIMIT);
        modest.close(2);
        until(() -> b.figure("connlimit_cluster_reserved") == 0, () -> Thread.sleep(PAUSE_MILLIS));
        promises.check("reserved by B", 0L, b.figure("connlimit_cluster_reserved"));
    }

    private static DemoNode node(String name, RedisProcess redis) throws IOException {
        return new DemoNode(
                name,
                List.of(
                        "--cluster",
                        redis.uri(),
                        "--max-per-client",
                        Integer.toString(LIMIT),
                        "--free-per-client",
                        Integer.toString(FREE),
                        "--lease-time",
                        LEASE_MILLIS + "ms"));
    }

    private interface Step {

        void run() throws Exception;
    }

    private static void until(Callable<Boolean> condition, Step step) throws Exception {
        long end = System.nanoTime() + PATIENCE_NANOS;
        while (!condition.call() && System.nanoTime() - end < 0) {
            step.run();
        }
    }

    private static void show(Screen screen, DemoNode a, DemoNode b) throws Exception {
        screen.say("        A: " + figures(a) + "; B: " + figures(b));
    }

    private static String figures(DemoNode node) throws Exception {
        return node.figure("connlimit_connections_open") + " open, " + node.figure("connlimit_cluster_reserved")
                + " reserved for " + node.figure("connlimit_cluster_reservations") + " clients";
    }
}
