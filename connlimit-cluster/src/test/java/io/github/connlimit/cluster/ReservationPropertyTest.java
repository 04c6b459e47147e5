package io.github.connlimit.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

/**
 * Nodes never hold more than the limit together, and never more than the engine has for them, though requests and answers
 * are lost, doubled, late, and overtake one another.
 */
class ReservationPropertyTest {

    private static final long LEASE_MILLIS = 1000;
    private static final String CLIENT = "192.0.2.1/32";

    /** On its way, in one direction or the other. */
    private record Message(int node, ReservationRequest request, Reservation answer) {}

    @Property(tries = 2000)
    void nodesNeverHoldMoreThanTheLimit(
            @ForAll long seed,
            @ForAll @IntRange(min = 1, max = 5) int nodes,
            @ForAll @IntRange(min = 1, max = 40) int limit) {
        Random random = new Random(seed);
        SimulatedEngine engine = new SimulatedEngine(LEASE_MILLIS);
        List<HeldReservation> held = new ArrayList<>();
        for (int i = 0; i < nodes; i++) {
            held.add(new HeldReservation("node-" + i, CLIENT, TimeUnit.MILLISECONDS.toNanos(LEASE_MILLIS)));
        }
        List<Message> onTheirWay = new ArrayList<>();
        long[] numbers = new long[nodes];
        // Each node has a clock that begins anywhere.
        long[] clocks = random.longs(nodes).toArray();
        for (int step = 0; step < 300; step++) {
            int node = random.nextInt(nodes);
            switch (random.nextInt(4)) {
                case 0 ->
                    onTheirWay.add(
                            new Message(node, ask(held.get(node), ++numbers[node], random, limit, clocks[node]), null));
                case 1 -> {
                    long millis = random.nextInt(300);
                    engine.pass(millis);
                    for (int i = 0; i < nodes; i++) {
                        clocks[i] += TimeUnit.MILLISECONDS.toNanos(millis);
                    }
                }
                default -> deliver(random, onTheirWay, engine, held);
            }
            int sum = 0;
            for (int i = 0; i < nodes; i++) {
                sum += held.get(i).held(clocks[i]);
            }
            assertThat(sum).as("after step %d", step).isLessThanOrEqualTo(limit);
        }
    }

    /** Whatever a node says that it had before. */
    private static ReservationRequest ask(HeldReservation held, long number, Random random, int limit, long nowNanos) {
        int had = Math.max(held.held(nowNanos), random.nextInt(limit + 1));
        return held.ask(
                number,
                random.nextInt(limit + 1),
                random.nextInt(limit + 1),
                1 + random.nextInt(5),
                had,
                limit,
                nowNanos);
    }

    /** Any message, not the oldest. Some are lost, and some arrive once more later. */
    private static void deliver(
            Random random, List<Message> onTheirWay, SimulatedEngine engine, List<HeldReservation> held) {
        if (onTheirWay.isEmpty()) {
            return;
        }
        int index = random.nextInt(onTheirWay.size());
        Message message = random.nextInt(10) == 0 ? onTheirWay.get(index) : onTheirWay.remove(index);
        if (random.nextInt(10) == 0) {
            return;
        }
        if (message.answer() == null) {
            onTheirWay.add(new Message(message.node(), message.request(), engine.reserve(message.request())));
        } else {
            held.get(message.node()).answered(message.request().number(), message.answer());
        }
    }
}
