package io.github.connlimit;

import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** The totals of a limiter since it was made. This class is thread-safe. */
final class Figures {

    /** How many connections are pending now, and how many carry streams. */
    final Tally pending = new Tally();

    final Tally streams = new Tally();

    final Tally responded = new Tally();
    final Tally tarpitted = new Tally();
    final Tally reset = new Tally();

    /** Connections that had ended, and whose permits had to be found and given back. */
    final Tally forgotten = new Tally();

    // By ordinal and not in maps: counting must work when there is no memory left.
    private final Tally[] refused = tallies(RefusalReason.values().length);
    private final Tally[] timedOut = tallies(ConnectionPhase.values().length);
    private final Tally[] dryRunRefused = tallies(RefusalReason.values().length);
    private final Tally[] dryRunTimedOut = tallies(ConnectionPhase.values().length);

    private static Tally[] tallies(int count) {
        return Stream.generate(Tally::new).limit(count).toArray(Tally[]::new);
    }

    void countRefused(RefusalReason reason, boolean dryRun) {
        (dryRun ? dryRunRefused : refused)[reason.ordinal()].increment();
    }

    void countTimedOut(ConnectionPhase phase, boolean dryRun) {
        (dryRun ? dryRunTimedOut : timedOut)[phase.ordinal()].increment();
    }

    /** The totals of all events, by what the log calls them, in the order in which it tells of them. */
    Map<String, Long> events() {
        Map<String, Long> events = new LinkedHashMap<>();
        for (RefusalReason reason : RefusalReason.values()) {
            events.put(reason.what(), refused[reason.ordinal()].get());
        }
        events.put("time-outs", sum(timedOut));
        events.put("connections and streams over the limit, not refused (dry run)", sum(dryRunRefused));
        events.put("time-outs, not closed (dry run)", sum(dryRunTimedOut));
        return events;
    }

    private static long sum(Tally[] tallies) {
        return Stream.of(tallies).mapToLong(Tally::get).sum();
    }

    LimiterSnapshot snapshot(
            ClientTable.Totals totals,
            int tarpitOpen,
            long unnamedClients,
            long errors,
            List<ClientUsage> topClients,
            List<NetworkUsage> topNetworks) {
        return new LimiterSnapshot(
                totals.admitted() - totals.closed(),
                // Not of one moment: an end may be seen before its beginning.
                Math.max(0, pending.get()),
                Math.max(0, streams.get()),
                totals.clients(),
                totals.largestClient(),
                totals.admitted(),
                byConstant(RefusalReason.class, refused),
                byConstant(ConnectionPhase.class, timedOut),
                byConstant(RefusalReason.class, dryRunRefused),
                byConstant(ConnectionPhase.class, dryRunTimedOut),
                responded.get(),
                tarpitOpen,
                tarpitted.get(),
                reset.get(),
                unnamedClients,
                errors,
                forgotten.get(),
                topClients,
                topNetworks);
    }

    private static <E extends Enum<E>> Map<E, Long> byConstant(Class<E> type, Tally[] tallies) {
        Map<E, Long> totals = new EnumMap<>(type);
        for (E constant : type.getEnumConstants()) {
            totals.put(constant, tallies[constant.ordinal()].get());
        }
        return totals;
    }
}
