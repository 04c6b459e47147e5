package io.github.connlimit;

import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.StringJoiner;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;

/**
 * Logs refusals and time-outs so that an attacker cannot fill the log: the first of a client at once, then one line for
 * each interval with the totals and the worst clients. However many clients there are, lines and memory are bounded. This
 * class is thread-safe and holds no lock.
 */
final class SummaryLog {

    static final long INTERVAL_NANOS = TimeUnit.SECONDS.toNanos(10);

    /** How many clients may have a line of their own at once in one interval. */
    static final int MAX_FIRST_LINES = 10;

    /** How many clients are told apart in one interval; those beyond are only in the totals. */
    static final int MAX_CLIENTS = 1000;

    private static final int WORST_NAMED = 5;

    private final System.Logger logger;
    private final Ticker ticker;
    private final Figures figures;
    private final AtomicReference<Interval> current;

    SummaryLog(System.Logger logger, Ticker ticker, Figures figures) {
        this.logger = logger;
        this.ticker = ticker;
        this.figures = figures;
        this.current = new AtomicReference<>(new Interval(ticker.read(), figures.events(), Set.of()));
    }

    /**
     * Notes an event that the figures are about to count: the summary of an interval that is over does not include it.
     *
     * @return whether the client's event is to have a line of its own, since it is the first
     */
    boolean isFirst(Client client) {
        Tally known = current.get().perClient.get(client);
        if (known != null) {
            known.increment();
            return false;
        }
        flush(ticker.read());
        return current.get().addNew(client);
    }

    /** Logs the summary of an interval that is over, if there is something to tell. */
    void flush(long nowNanos) {
        Interval over = current.get();
        if (nowNanos - over.startNanos < INTERVAL_NANOS) {
            return;
        }
        Map<String, Long> totals = figures.events();
        if (current.compareAndSet(over, new Interval(nowNanos, totals, Set.copyOf(over.perClient.keySet())))) {
            String summary = over.summary(nowNanos, totals);
            if (summary != null) {
                logger.log(System.Logger.Level.INFO, summary);
            }
        }
    }

    /** What happens in one interval. This class is thread-safe. */
    private static final class Interval {

        private final long startNanos;
        private final Map<String, Long> totalsBefore;
        private final Set<Client> namedBefore;
        private final Map<Client, Tally> perClient = new ConcurrentHashMap<>();
        private final AtomicInteger firstLines = new AtomicInteger();

        Interval(long startNanos, Map<String, Long> totalsBefore, Set<Client> namedBefore) {
            this.startNanos = startNanos;
            this.totalsBefore = totalsBefore;
            this.namedBefore = namedBefore;
        }

        /** @return whether this client's event is to have a line of its own */
        boolean addNew(Client client) {
            // Concurrent threads may exceed the bound by their number, no more.
            if (perClient.size() >= MAX_CLIENTS) {
                return false;
            }
            Tally fresh = new Tally();
            // A copy, as the client itself leads to others that were once behind it in the table.
            Tally present = perClient.putIfAbsent(new Client(client.first(), client.prefix()), fresh);
            (present == null ? fresh : present).increment();
            return present == null && !namedBefore.contains(client) && firstLines.incrementAndGet() <= MAX_FIRST_LINES;
        }

        /** @return {@code null} if every event had a line of its own */
        String summary(long nowNanos, Map<String, Long> totals) {
            StringJoiner counts = new StringJoiner(", ");
            long unlogged = -Math.min(firstLines.get(), MAX_FIRST_LINES);
            for (Map.Entry<String, Long> event : totals.entrySet()) {
                long count = event.getValue() - totalsBefore.get(event.getKey());
                unlogged += count;
                if (count > 0) {
                    counts.add(count + " " + event.getKey());
                }
            }
            if (unlogged <= 0) {
                return null;
            }
            String summary = "in the last " + TimeUnit.NANOSECONDS.toSeconds(nowNanos - startNanos) + " s: " + counts;
            // Without a client if all there is has been counted just after the interval in which it was noted.
            return perClient.isEmpty() ? summary : summary + "; most by " + worst();
        }

        private String worst() {
            List<Map.Entry<Client, Long>> clients = perClient.entrySet().stream()
                    .map(client -> Map.entry(client.getKey(), client.getValue().get()))
                    .sorted(Map.Entry.<Client, Long>comparingByValue().reversed())
                    .toList();
            StringJoiner worst = new StringJoiner(", ");
            clients.stream()
                    .limit(WORST_NAMED)
                    .forEach(client -> worst.add(client.getKey().cidr() + " (" + client.getValue() + ")"));
            int others = clients.size() - WORST_NAMED;
            if (others > 0) {
                worst.add(others + (clients.size() >= MAX_CLIENTS ? " or more" : "") + " others");
            }
            return worst.toString();
        }
    }
}
