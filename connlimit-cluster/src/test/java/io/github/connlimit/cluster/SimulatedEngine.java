package io.github.connlimit.cluster;

import java.util.HashMap;
import java.util.Map;

/** What the script does, in Java, with a clock of its own. */
final class SimulatedEngine {

    private record Entry(int connections, long endMillis, long number, int limit) {}

    /** The latest node that lacked something for a client. */
    private record Lacking(String node, int connections, long endMillis) {}

    private final long leaseMillis;
    private final Map<String, Map<String, Entry>> clients = new HashMap<>();
    private final Map<String, Lacking> lacking = new HashMap<>();
    private final int[] epochs = new int[ReservationStore.SLICES];
    private long nowMillis = 1_000_000_000;

    SimulatedEngine(long leaseMillis) {
        this.leaseMillis = leaseMillis;
    }

    void pass(long millis) {
        nowMillis += millis;
    }

    void forget() {
        for (int slice = 0; slice < epochs.length; slice++) {
            forget(slice);
        }
    }

    /** As one shard of several. */
    void forget(int slice) {
        clients.keySet().removeIf(client -> ReservationStore.slice(client) == slice);
        lacking.keySet().removeIf(client -> ReservationStore.slice(client) == slice);
        epochs[slice]++;
    }

    /** As an engine does that is short of memory: one key goes, and that of the epoch stays. */
    void evict(String client) {
        clients.remove(client);
    }

    Reservation reserve(ReservationRequest request) {
        Map<String, Entry> nodes = clients.computeIfAbsent(request.client(), name -> new HashMap<>());
        nodes.values().removeIf(entry -> entry.endMillis <= nowMillis);
        // The clock may have stepped back.
        nodes.replaceAll((node, entry) -> new Entry(
                entry.connections, Math.min(entry.endMillis, nowMillis + leaseMillis), entry.number, entry.limit));
        lacking.values().removeIf(it -> it.endMillis <= nowMillis || it.endMillis > nowMillis + leaseMillis);
        String epoch = "epoch-" + epochs[request.slice()];
        Entry mine = nodes.get(request.node());
        if (mine != null && mine.number > request.number()) {
            return new Reservation(mine.connections, Reservation.LATE, 0, 0, 0, epoch);
        }
        Map<String, Entry> others = new HashMap<>(nodes);
        others.remove(request.node());
        int left = Math.max(
                0,
                request.limit()
                        - others.values().stream()
                                .mapToInt(entry -> entry.connections)
                                .sum());
        int base = Math.min(Math.max(mine == null ? 0 : mine.connections, request.held()), left);
        int granted = request.wanted();
        if (granted > base) {
            int half = base + (left - base + 1) / 2;
            granted = Math.min(granted, Math.min(left, Math.max(request.least(), half)));
        }
        granted = granted < request.least() ? 0 : granted;
        int lacks = Math.max(0, request.needed() - granted);
        if (granted == 0) {
            nodes.remove(request.node());
        } else {
            nodes.put(request.node(), new Entry(granted, nowMillis + leaseMillis, request.number(), request.limit()));
        }
        Lacking latest = lacking.get(request.client());
        boolean another = latest != null && !latest.node.equals(request.node());
        if (lacks > 0) {
            lacking.put(request.client(), new Lacking(request.node(), lacks, nowMillis + leaseMillis));
        } else if (!another) {
            lacking.remove(request.client());
        }
        return new Reservation(
                granted,
                left - granted,
                another ? latest.connections : 0,
                (int) others.values().stream()
                        .filter(entry -> entry.connections > 0)
                        .mapToLong(entry -> entry.endMillis - nowMillis)
                        .min()
                        .orElse(0),
                others.values().stream()
                        .mapToInt(entry -> entry.limit)
                        .filter(limit -> limit != request.limit())
                        .findFirst()
                        .orElse(0),
                epoch);
    }
}
