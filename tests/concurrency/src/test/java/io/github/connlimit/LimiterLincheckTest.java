package io.github.connlimit;

import static org.jetbrains.lincheck.datastructures.ManagedStrategyGuaranteeKt.forClasses;

import java.lang.reflect.Method;
import java.net.InetAddress;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jetbrains.kotlinx.lincheck.Actor;
import org.jetbrains.kotlinx.lincheck.execution.ExecutionScenario;
import org.jetbrains.lincheck.datastructures.IntGen;
import org.jetbrains.lincheck.datastructures.ModelCheckingOptions;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.Options;
import org.jetbrains.lincheck.datastructures.Param;
import org.jetbrains.lincheck.datastructures.StressOptions;
import org.jetbrains.lincheck.datastructures.ThreadIdGen;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Whether the limiter is linearizable: for each concurrent run of its operations, by threads that each close permits of
 * their own, there is an order of them that gives the same results one after another in {@link Sequential}.
 */
class LimiterLincheckTest {

    private static final List<InetAddress> CLIENTS = List.of(LimiterStress.address(1), LimiterStress.address(2));
    private static final List<ConnectionLimits> LIMITS =
            IntStream.rangeClosed(0, 3).mapToObj(LimiterStress::limit).toList();
    private static final int FIRST_LIMIT = 2;

    /** Both clients are in one network, and that in a wider one. */
    private static final int NETWORK_LIMIT = 3;

    private static final List<ConnectionLimits> LIMITS_IN_NETWORKS = LIMITS.stream()
            .map(limits -> limits.toBuilder()
                    .networkLimits("ipv4/24=" + NETWORK_LIMIT + ", ipv4/8=" + NETWORK_LIMIT)
                    .build())
            .toList();
    private static final int MOST_THREADS = 4;

    /** How many of the known difficulties are tried here. */
    static final int HERE = 5;

    @Test
    void byModelChecking() {
        check(random(modelChecking()));
    }

    @Test
    void byStress() {
        check(random(new StressOptions()));
    }

    /** What scenarios drawn by lot seldom have, and what a limiter that is a little wrong does wrong. */
    @ParameterizedTest
    @MethodSource
    void knownDifficulties(ExecutionScenario scenario) {
        checkKnown(scenario);
    }

    static void checkKnown(ExecutionScenario scenario) {
        check(modelChecking()
                .iterations(0)
                .invocationsPerIteration(Integer.getInteger("lincheck.invocations.known"))
                .addCustomScenario(scenario));
    }

    static Stream<Named<ExecutionScenario>> knownDifficulties() {
        return allKnownDifficulties().limit(HERE);
    }

    /** The first ones are tried here, the others in {@link MoreLimiterLincheckTest}, at the same time. */
    static Stream<Named<ExecutionScenario>> allKnownDifficulties() {
        return Stream.of(
                Named.of(
                        "the limit is lowered while a connection comes",
                        scenario(List.of(acquire(0)), List.of(acquire(1)), List.of(reconfigure(1), openConnections()))),
                Named.of(
                        "the limit is raised while a connection comes",
                        scenario(
                                List.of(acquire(0), acquire(0)),
                                List.of(acquire(1)),
                                List.of(reconfigure(3), openConnections()))),
                Named.of(
                        "the limit is raised, and a connection comes, while another does",
                        scenario(List.of(acquire(0)), List.of(acquire(1)), List.of(reconfigure(3), acquire(2)))),
                Named.of(
                        "the limit is lowered, and one connection goes, while another comes",
                        scenario(
                                List.of(acquire(0), acquire(2)),
                                List.of(acquire(1)),
                                List.of(reconfigure(1), release(2)))),
                Named.of(
                        "two connections go",
                        scenario(List.of(acquire(1), acquire(2)), List.of(release(1)), List.of(release(2)))),
                Named.of(
                        "the last connection goes while one comes",
                        scenario(List.of(acquire(1)), List.of(release(1)), List.of(acquire(2), openConnections()))),
                Named.of(
                        "the last place is left while it is asked for",
                        scenario(
                                List.of(acquire(0), acquire(1)),
                                List.of(release(1), acquire(1)),
                                List.of(acquire(2), openConnections()))),
                Named.of(
                        "two come for the last place",
                        scenario(List.of(acquire(0)), List.of(acquire(1)), List.of(acquire(2), openConnections()))),
                Named.of(
                        "figures are asked for while connections come and go",
                        scenario(
                                List.of(acquire(1)),
                                List.of(release(1), acquire(1)),
                                List.of(actor("snapshot"), actor("snapshot")))));
    }

    static Actor acquire(int thread) {
        return actor("acquire", thread, 0);
    }

    static Actor release(int thread) {
        return actor("release", thread, 0);
    }

    private static Actor openConnections() {
        return actor("openConnections", 0);
    }

    private static Actor reconfigure(int limit) {
        return actor("reconfigure", limit);
    }

    static Actor actor(String operation, Integer... arguments) {
        Method method = Stream.of(Concurrent.class.getMethods())
                .filter(any -> any.getName().equals(operation))
                .findAny()
                .orElseThrow();
        return new Actor(method, List.of(arguments));
    }

    /** @param before without reconfiguring: Lincheck 3.7 tries one order only after that */
    static ExecutionScenario scenario(List<Actor> before, List<Actor> one, List<Actor> other) {
        List<Actor> after = List.of(openConnections(), actor("snapshot"));
        return new ExecutionScenario(before, List.of(one, other), after, null);
    }

    static ModelCheckingOptions modelChecking() {
        return new ModelCheckingOptions()
                // One monitor of all stripes after the other is more depth than is taken for a livelock.
                .recursionBound(200)
                .loopBound(1000)
                // They never change, so that no thread sees where another one stands in them.
                .addGuarantee(forClasses(
                                ConnectionLimits.class.getName(), RuleTable.class.getName(), IpAddress.class.getName())
                        .allMethods()
                        .ignore());
    }

    static <O extends Options<O, ?>> O random(O options) {
        return options.iterations(Integer.getInteger("lincheck.iterations"))
                .invocationsPerIteration(Integer.getInteger("lincheck.invocations"))
                .threads(2)
                .actorsPerThread(3)
                .actorsBefore(2)
                .actorsAfter(1);
    }

    private static void check(Options<?, ?> options) {
        // The random numbers that a class makes for itself are no part of what is tried again and again.
        new Concurrent().acquire(0, 0);
        options.sequentialSpecification(Sequential.class).check(Concurrent.class);
    }

    /** The limiter under test. */
    @Param(name = "thread", gen = ThreadIdGen.class)
    @Param(name = "client", gen = IntGen.class, conf = "0:1")
    @Param(name = "limit", gen = IntGen.class, conf = "1:2")
    public static class Concurrent {

        private final List<ConnectionLimits> limits;
        private final ConnectionLimiter limiter;
        private final List<Deque<ConnectionPermit>> permits = new ArrayList<>();

        public Concurrent() {
            this(LIMITS);
        }

        Concurrent(List<ConnectionLimits> limits) {
            this.limits = limits;
            this.limiter = LimiterStress.limiter(limits.get(FIRST_LIMIT));
            for (int i = 0; i < MOST_THREADS * CLIENTS.size(); i++) {
                permits.add(new ArrayDeque<>());
            }
        }

        private Deque<ConnectionPermit> permits(int thread, int client) {
            return permits.get(thread * CLIENTS.size() + client);
        }

        @Operation
        public boolean acquire(@Param(name = "thread") int thread, @Param(name = "client") int client) {
            Optional<ConnectionPermit> permit = limiter.tryAcquire(CLIENTS.get(client));
            permit.ifPresent(permits(thread, client)::push);
            return permit.isPresent();
        }

        @Operation
        public boolean release(@Param(name = "thread") int thread, @Param(name = "client") int client) {
            ConnectionPermit permit = permits(thread, client).poll();
            if (permit != null) {
                permit.close();
            }
            return permit != null;
        }

        @Operation
        public int openConnections(@Param(name = "client") int client) {
            return limiter.openConnections(CLIENTS.get(client));
        }

        @Operation
        public void reconfigure(@Param(name = "limit") int limit) {
            limiter.reconfigure(limits.get(limit));
        }

        /** What a snapshot has of one moment. */
        @Operation
        public String snapshot() {
            LimiterSnapshot snapshot = limiter.snapshot(0);
            return text(snapshot.openConnections(), snapshot.clients(), snapshot.admitted());
        }
    }

    /** The limiter under test, with limits of networks. */
    @Param(name = "thread", gen = ThreadIdGen.class)
    @Param(name = "client", gen = IntGen.class, conf = "0:1")
    @Param(name = "limit", gen = IntGen.class, conf = "1:2")
    public static final class ConcurrentInNetworks extends Concurrent {

        public ConcurrentInNetworks() {
            super(LIMITS_IN_NETWORKS);
        }
    }

    private static String text(long open, long clients, long admitted) {
        return open + " open of " + clients + " clients, " + admitted + " admitted";
    }

    /** What it is to do. */
    public static class Sequential {

        private final int[] open = new int[CLIENTS.size()];
        private final int[][] held = new int[MOST_THREADS][CLIENTS.size()];
        private final int networkLimit;
        private int limit = FIRST_LIMIT;
        private int admitted;

        public Sequential() {
            this(Integer.MAX_VALUE);
        }

        Sequential(int networkLimit) {
            this.networkLimit = networkLimit;
        }

        public boolean acquire(int thread, int client) {
            if (open[client] >= limit || IntStream.of(open).sum() >= networkLimit) {
                return false;
            }
            open[client]++;
            held[thread][client]++;
            admitted++;
            return true;
        }

        public boolean release(int thread, int client) {
            if (held[thread][client] == 0) {
                return false;
            }
            held[thread][client]--;
            open[client]--;
            return true;
        }

        public int openConnections(int client) {
            return open[client];
        }

        public void reconfigure(int connections) {
            limit = connections;
        }

        public String snapshot() {
            return text(
                    IntStream.of(open).sum(),
                    IntStream.of(open).filter(connections -> connections > 0).count(),
                    admitted);
        }
    }

    /** What it is to do with limits of networks. */
    public static final class SequentialInNetworks extends Sequential {

        public SequentialInNetworks() {
            super(NETWORK_LIMIT);
        }
    }
}
