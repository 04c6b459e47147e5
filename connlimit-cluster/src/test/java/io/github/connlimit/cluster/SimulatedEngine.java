package io.github.connlimit.cluster;

import java.util.HashMap;
import java.util.Map;

/** What the script does, in Java, with a clock of its own. */
final class SimulatedEngine {

    private record Entry(int connections, long endMillis, long number, int limit) {}

    private final long leaseMillis;
    private final Map<String, Map<String, Entry>> clients = new HashMap<>();
    private long nowMillis = 1_000_000;
    private int epoch = 1;

    SimulatedEngine(long leaseMillis) {
        this.leaseMillis = leaseMillis;
    }

    void pass(long millis) {
        nowMillis += millis;
    }

    void forget() {
        clients.clear();
        epoch++;
    }

    String epoch() {
        return "epoch-" + epoch;
    }

    Reservation reserve(ReservationRequest request) {
        Map<String, Entry> nodes = clients.computeIfAbsent(request.client(), name -> new HashMap<>());
        nodes.values().removeIf(entry -> entry.endMillis <= nowMillis);
        Entry mine = nodes.get(request.node());
        if (mine != null && mine.number > request.number()) {
            return new Reservation(mine.connections, Reservation.LATE, 0, epoch());
        }
        int others = nodes.entrySet().stream()
                .filter(entry -> !entry.getKey().equals(request.node()))
                .mapToInt(entry -> entry.getValue().connections)
                .sum();
        int left = Math.max(0, request.limit() - others);
        int base = Math.min(Math.max(mine == null ? 0 : mine.connections, request.held()), left);
        int granted =
                request.wanted() <= base ? request.wanted() : Math.min(request.wanted(), base + (left - base + 1) / 2);
        if (granted == 0) {
            nodes.remove(request.node());
        } else {
            nodes.put(request.node(), new Entry(granted, nowMillis + leaseMillis, request.number(), request.limit()));
        }
        int otherLimit = nodes.entrySet().stream()
                .filter(entry -> !entry.getKey().equals(request.node()))
                .mapToInt(entry -> entry.getValue().limit)
                .filter(limit -> limit != request.limit())
                .findFirst()
                .orElse(0);
        return new Reservation(granted, left - granted, otherLimit, epoch());
    }
}
