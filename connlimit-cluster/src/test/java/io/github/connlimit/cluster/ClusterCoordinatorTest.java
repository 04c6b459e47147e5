package io.github.connlimit.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.connlimit.Cidr;
import io.github.connlimit.ClusterErrorPolicy;
import io.github.connlimit.ClusterNode;
import io.github.connlimit.ClusterSnapshot;
import io.github.connlimit.ConnectionLimits;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

/** Several nodes with a simulated engine and a simulated clock. */
class ClusterCoordinatorTest {

    private static final Duration LEASE = Duration.ofSeconds(10);
    private static final int TICK_MILLIS = 10;
    private static final Cidr CLIENT = Cidr.parse("192.0.2.1/32");
    private static final int LIMIT = 100;
    private static final int FREE = 10;

    private final SimulatedEngine engine = new SimulatedEngine(LEASE.toMillis());
    private long nowNanos = 42;
    private boolean away;
    private int connections = 1;
    private int requests;

    /** What the nodes have sent, and when it arrives. */
    private final List<Runnable> later = new ArrayList<>();

    private boolean delayed;

    private final class Store implements ReservationStore {

        @Override
        public List<CompletionStage<Reservation>> reserve(List<ReservationRequest> asked) {
            requests += asked.size();
            return asked.stream().map(this::reserve).toList();
        }

        private CompletionStage<Reservation> reserve(ReservationRequest request) {
            CompletableFuture<Reservation> answer = new CompletableFuture<>();
            Runnable delivery = () -> {
                if (away) {
                    answer.completeExceptionally(new IllegalStateException("away"));
                } else {
                    answer.complete(engine.reserve(request));
                }
            };
            if (delayed) {
                later.add(delivery);
            } else {
                delivery.run();
            }
            return answer;
        }

        @Override
        public CompletionStage<String> epoch() {
            return away
                    ? CompletableFuture.failedFuture(new IllegalStateException("away"))
                    : CompletableFuture.completedFuture(engine.epoch());
        }

        @Override
        public boolean isConnected() {
            return !away;
        }

        @Override
        public String failure() {
            return "";
        }

        @Override
        public int connections() {
            return connections;
        }

        @Override
        public void close() {}
    }

    private final class Server implements ClusterNode, ClusterCoordinator.Listener {

        private final Map<Cidr, Integer> open = new HashMap<>();
        private final ClusterCoordinator coordinator;
        private final List<String> told = new ArrayList<>();
        private ConnectionLimits limits;
        private Runnable whenLookedAt = () -> {};

        private Server(String name, ClusterErrorPolicy onError) {
            limits = ConnectionLimits.builder()
                    .maxPerClient(LIMIT)
                    .freePerClient(Integer.toString(FREE))
                    .onClusterError(onError)
                    .build();
            coordinator = new ClusterCoordinator(name, new Store(), this, LEASE, this, () -> nowNanos);
        }

        @Override
        public int open(Cidr client) {
            int before = open.getOrDefault(client, 0);
            whenLookedAt.run();
            return before;
        }

        @Override
        public ConnectionLimits limits() {
            return limits;
        }

        @Override
        public void report(String what, Throwable error) {
            throw new AssertionError(what, error);
        }

        @Override
        public void inDemand() {
            told.add("in demand");
        }

        @Override
        public void limitsDiffer(Cidr client, int limit, int otherLimit) {
            told.add(client + " " + limit + " " + otherLimit);
        }

        @Override
        public void forgotten() {
            told.add("forgotten");
        }

        private void limit(int limit) {
            limits = limits.toBuilder().maxPerClient(limit).build();
        }

        private boolean connect(Cidr client) {
            boolean admitted = open(client) < coordinator.allowed(client, open(client), limits.maxPerClient());
            if (admitted) {
                open.merge(client, 1, Integer::sum);
            }
            return admitted;
        }

        private void close(int connections) {
            open.merge(CLIENT, -connections, Integer::sum);
        }
    }

    private Server[] servers(int count, ClusterErrorPolicy onError) {
        return IntStream.range(0, count)
                .mapToObj(i -> new Server("node-" + i, onError))
                .toArray(Server[]::new);
    }

    private Server[] servers(int count) {
        return servers(count, ClusterErrorPolicy.LOCAL);
    }

    private void pass(long millis) {
        nowNanos += TimeUnit.MILLISECONDS.toNanos(millis);
        engine.pass(millis);
    }

    private void tick(Server... servers) {
        for (Server server : servers) {
            server.coordinator.tick();
        }
        pass(TICK_MILLIS);
    }

    private static int total(Server... servers) {
        return Arrays.stream(servers).mapToInt(server -> server.open(CLIENT)).sum();
    }

    /** Each server is asked for more than it will ever admit, in turn. */
    private int flood(int ticks, Server... servers) {
        int most = 0;
        for (int i = 0; i < ticks; i++) {
            for (int attempt = 0; attempt < 20; attempt++) {
                for (Server server : servers) {
                    server.connect(CLIENT);
                }
                most = Math.max(most, total(servers));
            }
            tick(servers);
        }
        return most;
    }

    @Example
    void aNodeAloneHasTheWholeLimitWithinASecond() {
        Server[] alone = servers(1);
        flood(100, alone);
        assertThat(total(alone)).isEqualTo(LIMIT);
        assertThat(requests).isLessThan(20);
    }

    @Example
    void floodedNodesStayWithinTheBoundAndShare() {
        Server[] three = servers(3);
        int most = flood(3000, three);
        assertThat(most).isBetween(LIMIT, LIMIT + 2 * FREE);
        for (Server server : three) {
            assertThat(server.open(CLIENT)).isGreaterThanOrEqualTo(FREE);
        }
        // Who gets nothing more does not ask all the time.
        assertThat(requests).isLessThan(30 * 3 * 12);
    }

    @Example
    void clientsWithFewConnectionsCostNothing() {
        Server[] three = servers(3);
        for (int i = 0; i < 100_000; i++) {
            Cidr client = Cidr.parse("10." + (i >> 16) + "." + (i >> 8 & 255) + "." + (i & 255));
            for (Server server : three) {
                assertThat(server.connect(client)).isTrue();
            }
        }
        for (int i = 0; i < 1000; i++) {
            tick(three);
        }
        assertThat(requests).isZero();
        assertThat(three[0].coordinator.isNeeded()).isFalse();
    }

    @Example
    void aClientThatMovesIsNotKeptOut() {
        Server[] two = servers(2);
        flood(100, two[0]);
        assertThat(two[0].open(CLIENT)).isEqualTo(LIMIT);
        flood(100, two[1]);
        assertThat(two[1].open(CLIENT)).isEqualTo(FREE);

        two[0].close(LIMIT);
        for (int i = 0; i < LEASE.toMillis() / 3 / TICK_MILLIS + 200; i++) {
            two[1].connect(CLIENT);
            two[1].connect(CLIENT);
            tick(two);
        }
        assertThat(two[1].open(CLIENT)).isEqualTo(LIMIT);
    }

    @Example
    void whatIsNotNeededIsGivenBackAndForgotten() {
        Server[] one = servers(1);
        flood(100, one);
        one[0].close(LIMIT);
        for (int i = 0; i < 2 * LEASE.toMillis() / TICK_MILLIS; i++) {
            tick(one);
        }
        assertThat(one[0].coordinator.isNeeded()).isFalse();
        int before = requests;
        for (int i = 0; i < 2 * LEASE.toMillis() / TICK_MILLIS; i++) {
            tick(one);
        }
        assertThat(requests).isEqualTo(before);
    }

    /** By a decision that was under way when the coordinator had a look. */
    @Example
    void whatIsUsedMeanwhileIsNotGivenBack() {
        Server[] two = servers(2);
        flood(100, two[0]);
        two[0].close(80);
        pass(LEASE.toMillis() / 3);
        two[0].whenLookedAt = () -> {
            two[0].whenLookedAt = () -> {};
            two[0].open.put(CLIENT, LIMIT);
        };
        tick(two[0]);
        assertThat(total(two)).isEqualTo(LIMIT);
        flood(200, two[1]);
        assertThat(total(two)).isEqualTo(LIMIT + FREE);
    }

    @Example
    void aNodeThatDiesGivesItsShareBackWithItsLease() {
        Server[] two = servers(2);
        flood(100, two[0]);
        for (int i = 0; i < LEASE.toMillis() / TICK_MILLIS + 300; i++) {
            two[1].connect(CLIENT);
            two[1].connect(CLIENT);
            tick(two[1]);
        }
        assertThat(two[1].open(CLIENT)).isEqualTo(LIMIT);
    }

    @Example
    void withoutAnEngineTheLimitHoldsForEachNodeOnceTheLeaseHasEnded() {
        Server[] one = servers(1, ClusterErrorPolicy.LOCAL);
        flood(3, one);
        int held = one[0].open(CLIENT);
        assertThat(held).isBetween(FREE, LIMIT - 1);
        away = true;
        int before = flood((int) (LEASE.toMillis() / 2 / TICK_MILLIS), one);
        assertThat(before).isLessThan(LIMIT);
        flood((int) (LEASE.toMillis() / TICK_MILLIS), one);
        assertThat(one[0].coordinator.isAway()).isTrue();
        assertThat(one[0].open(CLIENT)).isEqualTo(LIMIT);

        away = false;
        flood(200, one);
        assertThat(one[0].coordinator.isAway()).isFalse();
        assertThat(one[0].open(CLIENT)).isEqualTo(LIMIT);
    }

    @Example
    void withoutAnEngineOnlyWhatIsFreeMayBeHadIfThatIsWanted() {
        Server[] one = servers(1, ClusterErrorPolicy.FREE);
        away = true;
        flood(2 * (int) (LEASE.toMillis() / TICK_MILLIS), one);
        assertThat(one[0].open(CLIENT)).isEqualTo(FREE);
        away = false;
        flood(200, one);
        assertThat(one[0].open(CLIENT)).isEqualTo(LIMIT);
    }

    /** While the nodes put back what they hold, none takes what another has not put back yet. */
    @Example
    void anEngineThatHasForgottenIsToldAgain() {
        Server[] three = servers(3);
        flood(300, three[0]);
        for (Server server : three) {
            // They all know the engine.
            server.coordinator.tick();
        }
        three[0].close(20);
        flood(3, three[0]);
        engine.forget();
        connections++;
        // Those that hold nothing are the first to come, and ask for all they can get.
        int most = flood(50, three[1], three[2]);
        assertThat(most).isEqualTo(2 * FREE);
        for (int i = 0; i < LEASE.toMillis() / 3 / TICK_MILLIS + 1; i++) {
            tick(three);
        }
        assertThat(flood(2000, three)).isBetween(LIMIT, LIMIT + 2 * FREE);
        for (Server server : three) {
            assertThat(server.told).containsOnlyOnce("forgotten");
        }
    }

    /** Who does not know yet that the engine has forgotten is granted too much, and gives it back as soon as it knows. */
    @Example
    void whatWasTakenBeforeItWasPutBackIsPutBackAfterwards() {
        Server[] two = servers(2);
        flood(300, two[0]);
        for (int i = 0; i < FREE; i++) {
            two[1].connect(CLIENT);
        }
        two[1].coordinator.tick();
        engine.forget();
        pass(LEASE.toMillis() / 3 + TICK_MILLIS);
        two[1].coordinator.tick();
        two[0].coordinator.tick();
        assertThat(two[0].coordinator.snapshot().reserved()).isLessThan(LIMIT);
        assertThat(flood(3000, two)).isBetween(LIMIT, LIMIT + FREE);
        assertThat(two[0].coordinator.snapshot().reserved()).isEqualTo(LIMIT);
    }

    @Example
    void theEndOfTheGraceIsTheEndOfWaiting() {
        Server[] one = servers(1);
        tick(one);
        engine.forget();
        connections++;
        tick(one);
        flood((int) (LEASE.toMillis() / TICK_MILLIS) - 5, one);
        assertThat(one[0].open(CLIENT)).isEqualTo(FREE);
        flood(100, one);
        assertThat(one[0].open(CLIENT)).isEqualTo(LIMIT);
    }

    /** It was asked nothing while it was away, so it is not known to have been. */
    @Example
    void anEngineThatHasNothingToDoIsKnownToHaveForgotten() {
        Server[] one = servers(1);
        tick(one);
        engine.forget();
        connections++;
        tick(one);
        assertThat(one[0].told).containsExactly("forgotten");
        pass(LEASE.toMillis());
        flood(100, one);
        assertThat(one[0].open(CLIENT)).isEqualTo(LIMIT);
    }

    @Example
    void oneAnswerTooLateIsNotTheEndOfTheEngine() {
        Server[] one = servers(1);
        pass(10 * LEASE.toMillis());
        away = true;
        flood(10, one);
        assertThat(one[0].open(CLIENT)).isEqualTo(FREE);
        assertThat(one[0].coordinator.snapshot().connected()).isFalse();
    }

    @Example
    void whoLeavesGivesBackWhatIsNotInUse() {
        Server[] two = servers(2);
        flood(100, two[0]);
        two[0].close(70);
        two[0].coordinator.leave();
        for (int i = 0; i < 100; i++) {
            two[1].connect(CLIENT);
            two[1].connect(CLIENT);
            tick(two[1]);
        }
        assertThat(two[1].open(CLIENT)).isEqualTo(70);
    }

    @Example
    void limitsThatDifferAreTold() {
        Server[] two = servers(2);
        two[1].limit(80);
        flood(20, two);
        assertThat(two[0].told).contains("192.0.2.1/32 100 80");
        assertThat(two[1].told).contains("192.0.2.1/32 80 100");
    }

    @Example
    void demandIsToldOnceForEachRequest() {
        Server[] one = servers(1);
        flood(100, one);
        assertThat(one[0].told).hasSizeLessThanOrEqualTo(requests + 1).containsOnly("in demand");
    }

    @Example
    void figuresTellWhatWasAskedFor() {
        Server[] two = servers(2);
        flood(1000, two);
        ClusterSnapshot figures = two[0].coordinator.snapshot();
        assertThat(figures.connected()).isTrue();
        assertThat(figures.sinceLastAnswer()).isLessThan(LEASE);
        assertThat(figures.reservations()).isEqualTo(1);
        assertThat(figures.reserved() + two[1].coordinator.snapshot().reserved())
                .isEqualTo(LIMIT);
        assertThat(figures.granted()).isPositive();
        assertThat(figures.denied()).isPositive();
        assertThat(figures.requests()).isGreaterThanOrEqualTo(figures.granted() + figures.denied());
    }

    @Example
    void aLoweredLimitIsWhatTheNextGrantGoesBy() {
        Server[] two = servers(2);
        flood(200, two);
        for (Server server : two) {
            server.limit(50);
            server.close(server.open(CLIENT));
        }
        for (int i = 0; i < LEASE.toMillis() / TICK_MILLIS; i++) {
            tick(two);
        }
        assertThat(flood(2000, two)).isBetween(50, 50 + FREE);
    }

    /** Answers come in any order, as long as leases do not end meanwhile. Now and then the engine loses what it knows. */
    @Property(tries = 500)
    void theBoundHoldsAlways(@ForAll long seed, @ForAll @IntRange(min = 1, max = 6) int nodes) {
        Random random = new Random(seed);
        Server[] servers = servers(nodes);
        // Who has not known the engine before it forgot cannot know that it did.
        tick(servers);
        delayed = true;
        for (int step = 0; step < 2000; step++) {
            Server server = servers[random.nextInt(nodes)];
            switch (random.nextInt(8)) {
                case 0 -> server.close(random.nextInt(server.open(CLIENT) + 1));
                case 1 -> {
                    server.coordinator.tick();
                    pass(random.nextInt(20));
                }
                case 2, 3 -> {
                    if (!later.isEmpty()) {
                        later.remove(random.nextInt(later.size())).run();
                    }
                }
                default -> {
                    for (int i = random.nextInt(20); i > 0; i--) {
                        server.connect(CLIENT);
                    }
                }
            }
            if (random.nextInt(300) == 0) {
                engine.forget();
                connections++;
            }
            if (step % 50 == 49) {
                // All have their say before a lease ends.
                for (Server one : servers) {
                    one.coordinator.tick();
                }
                while (!later.isEmpty()) {
                    later.remove(random.nextInt(later.size())).run();
                }
            }
            assertThat(total(servers)).as("after step %d", step).isLessThanOrEqualTo(LIMIT + (nodes - 1) * FREE);
        }
    }

    /** Whoever has got nothing back when another took too much first has still to get it before others grow. */
    @Property(tries = 300)
    void theBoundHoldsHoweverOftenTheEngineForgets(@ForAll long seed, @ForAll @IntRange(min = 2, max = 4) int nodes) {
        Random random = new Random(seed);
        List<Server> servers = new ArrayList<>(List.of(servers(nodes)));
        servers.forEach(server -> server.coordinator.tick());
        for (int loss = 0; loss < 4; loss++) {
            // At times while they still grow, at times in the grace of the loss before.
            int ticks = loss == 0 ? random.nextInt(40) : random.nextInt(1500);
            for (int i = 0; i < ticks; i++) {
                Collections.shuffle(servers, random);
                for (Server server : servers) {
                    for (int attempt = random.nextInt(20); attempt > 0; attempt--) {
                        server.connect(CLIENT);
                    }
                    if (random.nextInt(3) == 0) {
                        server.coordinator.tick();
                    }
                }
                pass(TICK_MILLIS);
                assertThat(total(servers.toArray(Server[]::new)))
                        .as("after %d losses and %d ticks", loss, i)
                        .isLessThanOrEqualTo(LIMIT + (nodes - 1) * FREE);
            }
            engine.forget();
            connections++;
        }
    }
}
