package io.github.connlimit;

import java.util.ArrayList;
import java.util.List;

/** The totals of a limiter since it was made. This class is thread-safe. */
final class Figures {

    /** What a summary in the log tells of. */
    enum Event {
        REFUSED("connections over the limit"),
        REFUSED_PENDING("pending connections over the limit"),
        REFUSED_STREAMS("streams over the limit"),
        TIMED_OUT("time-outs"),
        DRY_RUN_REFUSED("connections and streams over the limit, not refused (dry run)"),
        DRY_RUN_TIMED_OUT("time-outs, not closed (dry run)");

        final String text;

        Event(String text) {
            this.text = text;
        }

        static Event refused(RefusalReason reason, boolean dryRun) {
            if (dryRun) {
                return DRY_RUN_REFUSED;
            }
            // Not a switch: that is a class of its own, which might be loaded when there is no memory left.
            if (reason == RefusalReason.CONNECTIONS) {
                return REFUSED;
            }
            return reason == RefusalReason.PENDING ? REFUSED_PENDING : REFUSED_STREAMS;
        }

        static Event timedOut(boolean dryRun) {
            return dryRun ? DRY_RUN_TIMED_OUT : TIMED_OUT;
        }
    }

    private static final List<Event> EVENTS = List.of(Event.values());

    final Tally responded = new Tally();
    final Tally reset = new Tally();

    private final List<Tally> events = new ArrayList<>();

    Figures() {
        EVENTS.forEach(event -> events.add(new Tally()));
    }

    void count(Event event) {
        events.get(event.ordinal()).increment();
    }

    long total(Event event) {
        return events.get(event.ordinal()).get();
    }

    /** The totals of all events, in their order. */
    long[] totals() {
        return EVENTS.stream().mapToLong(this::total).toArray();
    }

    LimiterSnapshot snapshot(ClientTable.Totals totals, List<ClientUsage> topClients) {
        return new LimiterSnapshot(
                totals.admitted() - totals.closed(),
                totals.clients(),
                totals.admitted(),
                total(Event.REFUSED),
                total(Event.REFUSED_PENDING),
                total(Event.REFUSED_STREAMS),
                total(Event.TIMED_OUT),
                total(Event.DRY_RUN_REFUSED),
                total(Event.DRY_RUN_TIMED_OUT),
                responded.get(),
                reset.get(),
                topClients);
    }
}
