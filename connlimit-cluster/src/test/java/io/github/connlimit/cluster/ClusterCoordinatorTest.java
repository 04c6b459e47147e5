package io.github.connlimit.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.connlimit.Cidr;
import io.github.connlimit.ClusterErrorPolicy;
import io.github.connlimit.ClusterLimits;
import io.github.connlimit.ClusterNode;
import io.github.connlimit.ClusterSnapshot;
import io.github.connlimit.ConnectionLimits;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.lifecycle.BeforeTry;

/** Several nodes with a simulated engine and a simulated clock. */
class ClusterCoordinatorTest {

    private static final Duration LEASE = Duration.ofSeconds(10);
    private static final int TICK_MILLIS = 10;
    private static final Cidr CLIENT = Cidr.parse("192.0.2.1/32");
    private static final int LIMIT = 100;
    private static final int FREE = 10;

    private SimulatedEngine engine;
    private long nowNanos;
    private boolean away;
    private int connections;
    private int requests;

    /** By which some are not answered, though there is a connection. */
    private Predicate<ReservationRequest> unanswered;

    /** What the nodes have sent, and when it arrives. */
    private final List<Runnable> later = new ArrayList<>();

    private boolean delayed;

    /** All tries of a property have one instance. An engine that knows nodes from before answers none of their requests. */
    @BeforeTry
    void anew() {
        engine = new SimulatedEngine(LEASE.toMillis());
        nowNanos = 42;
        away = false;
        connections = 1;
        requests = 0;
        unanswered = request -> false;
        later.clear();
        delayed = false;
    }

    private final class Store implements ReservationStore {

        @Override
        public List<CompletionStage<Reservation>> reserve(List<ReservationRequest> asked) {
            requests +=
                    (int) asked.stream().filter(request -> !isProbe(request)).count();
            return asked.stream().map(this::reserve).toList();
        }

        private CompletionStage<Reservation> reserve(ReservationRequest request) {
            CompletableFuture<Reservation> answer = new CompletableFuture<>();
            Runnable delivery = () -> {
                if (away || unanswered.test(request)) {
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
        public String reason(Throwable error) {
            return error.getMessage();
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

    /** For the sake of a slice, not for that of a client. */
    private static boolean isProbe(ReservationRequest request) {
        return request.client().startsWith("node-");
    }

    private final class Server implements ClusterNode, ClusterCoordinator.Listener {

        private final Map<Cidr, Integer> open = new HashMap<>();
        private final ClusterCoordinator coordinator;
        private final List<String> told = new ArrayList<>();
        private final Set<String> failures = new HashSet<>();
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

        @Override
        public void failed(String reason) {
            failures.add(reason);
        }

        @Override
        public void tooMany() {
            told.add("too many");
        }

        private void limit(int limit) {
            limits = limits.toBuilder().maxPerClient(limit).build();
        }

        private boolean connect(Cidr client) {
            int used = open(client);
            // As the limiter asks, and as it does not.
            boolean near = ClusterLimits.usesHalf(used, limits.freeOf(limits.maxPerClient()));
            boolean admitted = !near || used < coordinator.allowed(client, used, limits.maxPerClient());
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
        assertThat(one[0].coordinator.snapshot().away()).isEqualTo(1);
        assertThat(one[0].open(CLIENT)).isEqualTo(LIMIT);

        away = false;
        flood(200, one);
        assertThat(one[0].coordinator.snapshot().away()).isZero();
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

    /** It asks whether the engine is there, as each node does that has just started. Nothing of that is for a client. */
    @Example
    void failuresAreOfWhatClientsNeeded() {
        Server[] one = servers(1);
        away = true;
        tickFor(3 * LEASE.toMillis(), one);
        ClusterSnapshot figures = one[0].coordinator.snapshot();
        assertThat(figures.connected()).isFalse();
        assertThat(figures.requests()).isZero();
        assertThat(figures.failed()).isZero();

        flood(100, one);
        figures = one[0].coordinator.snapshot();
        assertThat(figures.failed()).isPositive().isLessThanOrEqualTo(figures.requests());
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

    private void tickFor(long millis, Server... servers) {
        for (long passed = 0; passed < millis; passed += TICK_MILLIS) {
            tick(servers);
        }
    }

    @Example
    void whatTheEngineEvictsIsPutBackByTheNextRenewal() {
        isPutBackByTheNextRenewal(() -> engine.evict(CLIENT.toString()));
    }

    @Example
    void whatEndsByAClockThatJumpsAheadIsPutBackByTheNextRenewal() {
        isPutBackByTheNextRenewal(() -> engine.pass(LEASE.toMillis()));
    }

    private void isPutBackByTheNextRenewal(Runnable loss) {
        Server[] two = servers(2);
        flood(100, two[0]);
        assertThat(total(two)).isEqualTo(LIMIT);
        loss.run();
        for (int i = 0; i < LEASE.toMillis() / 3 / TICK_MILLIS + 1; i++) {
            tick(two[0]);
        }
        flood(100, two[1]);
        assertThat(two[1].open(CLIENT)).isEqualTo(FREE);
        assertThat(two[0].told).doesNotContain("forgotten");
    }

    @Example
    void settingsThatChangeHoldForTheNextDecision() {
        Server[] two = servers(2);
        flood(100, two[0]);
        flood(100, two[1]);
        assertThat(two[1].open(CLIENT)).isEqualTo(FREE);
        two[1].limits = two[1].limits.toBuilder().freePerClient("25").build();
        flood(1, two[1]);
        assertThat(two[1].open(CLIENT)).isEqualTo(25);

        away = true;
        two[1].limits = two[1].limits.toBuilder()
                .onClusterError(ClusterErrorPolicy.FREE)
                .build();
        flood((int) (2 * LEASE.toMillis() / TICK_MILLIS), two[1]);
        assertThat(two[1].open(CLIENT)).isEqualTo(25);
        two[1].limits = two[1].limits.toBuilder()
                .onClusterError(ClusterErrorPolicy.LOCAL)
                .build();
        flood(5, two[1]);
        assertThat(two[1].open(CLIENT)).isEqualTo(LIMIT);
    }

    /** An engine that grants the same again and again. */
    @Example
    void whatIsHeldIsHeldAllTheTime() {
        Server[] two = servers(2);
        flood(300, two);
        for (int i = 0; i < 6 * LEASE.toMillis() / TICK_MILLIS; i++) {
            tick(two);
            assertThat(two[0].coordinator.snapshot().reserved()
                            + two[1].coordinator.snapshot().reserved())
                    .as("after %d ticks", i)
                    .isEqualTo(LIMIT);
        }
    }

    @Example
    void whoIsNotAnsweredForALeaseIsAwayForItselfAndOthersAreNot() {
        Server[] one = servers(1);
        tick(one);
        unanswered = request -> request.client().equals(CLIENT.toString());
        Cidr other = Cidr.parse("192.0.2.2/32");
        for (int i = 0; i < LEASE.toMillis() / TICK_MILLIS - 10; i++) {
            one[0].connect(CLIENT);
            one[0].connect(other);
            tick(one);
        }
        assertThat(one[0].open(CLIENT)).isEqualTo(FREE);
        assertThat(one[0].open(other)).isEqualTo(LIMIT);
        assertThat(one[0].coordinator.snapshot().connected()).isFalse();
        assertThat(one[0].failures).containsExactly("away");
        flood(50, one);
        assertThat(one[0].open(CLIENT)).isEqualTo(LIMIT);
        ClusterSnapshot figures = one[0].coordinator.snapshot();
        assertThat(figures.away()).isEqualTo(1);
        assertThat(figures.failed()).isPositive();

        unanswered = request -> false;
        flood(300, one);
        assertThat(one[0].coordinator.snapshot().away()).isZero();
        assertThat(one[0].coordinator.snapshot().connected()).isTrue();
    }

    /** One shard of several is down, and has been before a client comes. */
    @Example
    void whoseShardIsDownIsByItselfAndOthersAreNot() {
        Server[] two = servers(2);
        tick(two);
        int down = ReservationStore.slice(CLIENT.toString());
        Cidr other = Cidr.parse("192.0.2.2/32");
        assertThat(ReservationStore.slice(other.toString())).isNotEqualTo(down);
        unanswered = request -> request.slice() == down;
        // By itself, an idle node looks at one slice after the other.
        tickFor(LEASE.toMillis() * ReservationStore.SLICES / 3 + 2 * LEASE.toMillis(), two);
        flood(10, two);
        assertThat(total(two)).isEqualTo(2 * LIMIT);
        for (int i = 0; i < 200; i++) {
            two[0].connect(other);
            two[1].connect(other);
            tick(two);
        }
        assertThat(two[0].open(other) + two[1].open(other)).isBetween(LIMIT, LIMIT + FREE);
        assertThat(two[0].coordinator.snapshot().connected()).isFalse();
    }

    @Example
    void aShardThatHasForgottenIsToldAgainAndTheOthersGoOn() {
        Server[] two = servers(2);
        tick(two);
        flood(300, two[0]);
        engine.forget(ReservationStore.slice(CLIENT.toString()));
        Cidr other = Cidr.parse("192.0.2.2/32");
        flood(200, two[1]);
        assertThat(total(two)).isEqualTo(LIMIT + FREE);
        for (int i = 0; i < 200; i++) {
            two[1].connect(other);
            tick(two[1]);
        }
        assertThat(two[1].open(other)).isEqualTo(LIMIT);
        assertThat(two[1].told).containsOnlyOnce("forgotten");
    }

    /** As one whose process has ended, or that hangs. */
    @Property(tries = 2)
    void theClockOfAnIdleNodeRunsFromTheLoss(@ForAll boolean ended) {
        Server[] one = servers(1);
        tick(one);
        away = ended;
        unanswered = request -> true;
        tickFor(LEASE.toMillis() + LEASE.toMillis() / 2, one);
        flood(2, one);
        assertThat(one[0].open(CLIENT)).isEqualTo(40);
        flood(8, one);
        assertThat(one[0].open(CLIENT)).isEqualTo(LIMIT);
    }

    /** It was not the engine that did not answer. */
    @Example
    void aNodeThatWasStoppedIsNotAway() {
        Server[] one = servers(1);
        flood(3, one);
        delayed = true;
        pass(LEASE.toMillis() / 3);
        tick(one);
        pass(10 * LEASE.toMillis());
        int before = one[0].open(CLIENT);
        flood(10, one);
        assertThat(one[0].coordinator.snapshot().away()).isZero();
        assertThat(one[0].open(CLIENT)).isEqualTo(before);
    }

    @Example
    void whatFailedAtOnceIsAskedForAgainSoon() {
        Server[] one = servers(1);
        unanswered = request -> requests < 2;
        for (int i = 0; i < FREE; i++) {
            one[0].connect(CLIENT);
        }
        tickFor(LEASE.toMillis() / 20 + 2 * TICK_MILLIS, one);
        assertThat(one[0].coordinator.snapshot().reserved()).isPositive();
    }

    @Example
    void whatIsNotUsedIsGivenToOthersWithinTwoRenewals() {
        Server[] two = servers(2);
        flood(100, two[0]);
        two[0].close(LIMIT - 26);
        tickFor(LEASE.toMillis(), two);
        assertThat(two[0].coordinator.snapshot().reserved()).isEqualTo(LIMIT);
        for (int i = 0; i < 2 * LEASE.toMillis() / 3 / TICK_MILLIS && two[1].open(CLIENT) < 50; i++) {
            two[1].connect(CLIENT);
            two[1].connect(CLIENT);
            tick(two);
        }
        assertThat(two[1].open(CLIENT)).isEqualTo(50);
        assertThat(two[0].coordinator.snapshot().reserved()).isBetween(26L, 50L);
    }

    /** Nothing goes to and fro between nodes that use what they have. */
    @Property(tries = 60)
    void nodesThatBothWantAllComeToRest(
            @ForAll @IntRange(min = 0, max = 60) int one, @ForAll @IntRange(min = 0, max = 60) int other) {
        Server[] two = servers(2);
        int[] most = {one, other};
        // Half of what is left at each renewal: the last connection comes late where nobody is in demand of it.
        for (int i = 0; i < 6 * LEASE.toMillis() / TICK_MILLIS; i++) {
            want(two, most);
        }
        long[] reserved = reserved(two);
        int before = requests;
        for (int i = 0; i < 6 * LEASE.toMillis() / TICK_MILLIS; i++) {
            want(two, most);
            assertThat(reserved(two)).isEqualTo(reserved);
        }
        // Renewals, and now and then a try.
        assertThat(requests - before).isLessThan(2 * 6 * 8);
    }

    private void want(Server[] servers, int[] most) {
        for (int node = 0; node < servers.length; node++) {
            if (servers[node].open(CLIENT) < most[node]) {
                servers[node].connect(CLIENT);
            }
        }
        tick(servers);
    }

    private static long[] reserved(Server... servers) {
        return Arrays.stream(servers)
                .mapToLong(server -> server.coordinator.snapshot().reserved())
                .toArray();
    }

    /** A client of 60 connections that is on one node for four leases, and then on the other. */
    @Example
    void aClientThatMovesToAndFroWaitsForTwoRenewalsAtMost() {
        Server[] two = servers(2);
        long most = 0;
        for (int round = 0; round < 10; round++) {
            Server here = two[round % 2];
            Server there = two[1 - round % 2];
            there.close(there.open(CLIENT));
            long waited = 0;
            for (int i = 0; i < 4 * LEASE.toMillis() / TICK_MILLIS; i++) {
                while (here.open(CLIENT) < 60 && here.connect(CLIENT)) {
                    // As many as it gets.
                }
                waited += here.open(CLIENT) < 60 ? TICK_MILLIS : 0;
                tick(two);
            }
            assertThat(here.open(CLIENT)).isEqualTo(60);
            most = Math.max(most, waited);
        }
        assertThat(most).isLessThanOrEqualTo(2 * LEASE.toMillis() / 3);
    }

    private static Cidr client(int i) {
        return Cidr.parse("10." + (i >> 16) + "." + (i >> 8 & 255) + "." + (i & 255));
    }

    @Example
    void manyClientsCostNoMoreThanIsAllowed() {
        Server[] one = servers(1);
        tick(one);
        for (int i = 0; i < 100_000; i++) {
            for (int connections = 0; connections < 6; connections++) {
                one[0].connect(client(i));
            }
            // Not just when it is full.
            if (i % 997 == 996) {
                assertThat(one[0].coordinator.snapshot().reservations())
                        .isLessThanOrEqualTo(ClusterCoordinator.MOST_SHARES);
                tick(one);
            }
        }
        assertThat(one[0].coordinator.snapshot().reservations())
                .isBetween(ClusterCoordinator.MOST_SHARES / 2, ClusterCoordinator.MOST_SHARES);
        assertThat(one[0].told).contains("too many");
        int before = requests;
        tickFor(LEASE.toMillis(), one);
        assertThat(requests - before).isLessThan(4 * ClusterCoordinator.MOST_SHARES);
        // Who comes with more has a share all the same, and the others none.
        flood(100, one);
        assertThat(one[0].open(CLIENT)).isEqualTo(LIMIT);
        assertThat(one[0].coordinator.snapshot().reserved()).isGreaterThanOrEqualTo(LIMIT);
    }

    /** Or it would answer later and later, until it is taken for one that does not answer. */
    @Example
    void anEngineThatIsSlowIsAskedSlowlyAndEachClientHasItsTurn() {
        int clients = 10 * ClusterCoordinator.MOST_UNDER_WAY;
        Server[] one = servers(1);
        tick(one);
        for (int i = 0; i < clients; i++) {
            one[0].open.put(client(i), 9);
            one[0].coordinator.allowed(client(i), 9, LIMIT);
        }
        delayed = true;
        for (int i = 0; i < 10; i++) {
            tick(one);
            tick(one);
            assertThat(later).hasSizeBetween(1, ClusterCoordinator.MOST_UNDER_WAY);
            List<Runnable> answers = List.copyOf(later);
            later.clear();
            answers.forEach(Runnable::run);
        }
        assertThat(one[0].coordinator.snapshot().granted()).isEqualTo(clients);
        delayed = false;
    }

    /** They were all asked for at once in the beginning. */
    @Example
    void renewalsAreSpreadOverTheLease() {
        Server[] one = servers(1);
        for (int i = 0; i < 1000; i++) {
            one[0].open.put(client(i), 9);
            one[0].coordinator.allowed(client(i), 9, LIMIT);
        }
        tickFor(4 * LEASE.toMillis(), one);
        int most = 0;
        for (int i = 0; i < LEASE.toMillis() / TICK_MILLIS; i++) {
            int before = requests;
            tick(one);
            most = Math.max(most, requests - before);
        }
        assertThat(most).isLessThan(100);
    }

    /** Who wants to know what is allowed takes no monitor, and so waits for none. */
    @Example
    void nobodyWaitsForWhatAsksForTenThousand() throws Exception {
        Server[] one = servers(1);
        for (int i = 0; i < 9_000; i++) {
            one[0].open.put(client(i), 9);
            one[0].coordinator.allowed(client(i), 9, LIMIT);
        }
        one[0].open.put(CLIENT, 9);
        Server[] asked = {one[0]};
        boolean[] told = {false};
        one[0].whenLookedAt = () -> {
            // Within the tick, with the monitor of one share.
            CompletableFuture<Integer> other =
                    CompletableFuture.supplyAsync(() -> asked[0].coordinator.allowed(CLIENT, 9, LIMIT));
            assertThat(other.orTimeout(20, TimeUnit.SECONDS).join()).isEqualTo(FREE);
            told[0] = true;
            one[0].whenLookedAt = () -> {};
        };
        tick(one);
        assertThat(told[0]).isTrue();
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

    /**
     * Whatever the engine did before: clients that want so much, and may have it, have it after so many renewals. Meanwhile
     * the bound holds, as long as no lease ended without an answer.
     */
    @Property(tries = 60)
    void whoMayHaveGetsItWhateverTheEngineDidBefore(@ForAll long seed, @ForAll @IntRange(min = 1, max = 4) int nodes) {
        Random random = new Random(seed);
        Server[] servers = servers(nodes, ClusterErrorPolicy.FREE);
        tick(servers);
        int[] wanted = random.ints(nodes, 0, LIMIT / nodes - FREE).toArray();
        for (int phase = 0; phase < 6; phase++) {
            trouble(random);
            for (int i = random.nextInt(1500); i > 0; i--) {
                Server server = servers[random.nextInt(nodes)];
                if (random.nextInt(4) == 0) {
                    server.close(random.nextInt(server.open(CLIENT) + 1));
                } else {
                    server.connect(CLIENT);
                }
                if (!later.isEmpty() && random.nextInt(3) == 0) {
                    later.remove(random.nextInt(later.size())).run();
                }
                tick(servers);
            }
        }
        away = false;
        delayed = false;
        unanswered = request -> false;
        later.forEach(Runnable::run);
        later.clear();
        for (int node = 0; node < nodes; node++) {
            servers[node].close(Math.max(0, servers[node].open(CLIENT) - wanted[node]));
        }
        // A grace of a lease, and what nobody gave back, and then three renewals.
        for (int i = 0; i < 3 * LEASE.toMillis() / TICK_MILLIS; i++) {
            want(servers, wanted);
        }
        for (int node = 0; node < nodes; node++) {
            assertThat(servers[node].open(CLIENT)).as("node %d", node).isEqualTo(wanted[node]);
            assertThat(servers[node].coordinator.snapshot().away()).isZero();
            assertThat(servers[node].coordinator.snapshot().connected()).isTrue();
        }
        assertThat(Arrays.stream(reserved(servers)).sum()).isLessThanOrEqualTo(LIMIT);
    }

    private void trouble(Random random) {
        away = false;
        delayed = false;
        unanswered = request -> false;
        switch (random.nextInt(6)) {
            case 0 -> away = true;
            case 1 -> delayed = true;
            case 2 -> unanswered = request -> request.slice() == ReservationStore.slice(CLIENT.toString());
            case 3 -> unanswered = request -> !isProbe(request);
            case 4 -> {
                engine.forget();
                connections++;
            }
            default -> engine.pass(random.nextInt(7_200_000) - 3_600_000);
        }
    }
}
