package io.github.connlimit;

import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.FlightRecorder;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/**
 * Events for JDK Flight Recorder. Until somebody records, an event costs a look at a field: nothing registers with Flight
 * Recorder, and nothing starts it. This class is thread-safe.
 */
final class FlightRecorderEvents implements Recorder {

    /** Of each kind. An attacker must not fill the recording. */
    static final int MOST_PER_SECOND = 100;

    static final long FIGURES_NANOS = TimeUnit.SECONDS.toNanos(10);

    private final ConnectionLimiter limiter;
    private final String name;
    private final Throttle refusals;
    private final Throttle timeOuts;
    private final AtomicLong nextFiguresNanos;

    /** Whether the events are registered. Once true, always true. */
    private volatile boolean registered;

    private FlightRecorderEvents(ConnectionLimiter limiter) {
        this.limiter = limiter;
        name = Integer.toHexString(System.identityHashCode(limiter));
        long now = limiter.nanoTime();
        refusals = new Throttle(now);
        timeOuts = new Throttle(now);
        nextFiguresNanos = new AtomicLong(now);
        register();
    }

    /** Registers the events, if Flight Recorder is in use. Takes tens of milliseconds: not for the accept thread. */
    private void register() {
        if (!registered && FlightRecorder.isInitialized()) {
            registered = Any.REFUSAL != null;
        }
    }

    /** Declared as the interface: whoever verifies the caller's class then need not load this one. */
    static Recorder of(ConnectionLimiter limiter) {
        return new FlightRecorderEvents(limiter);
    }

    @Override
    public boolean recordsRefusals() {
        return registered && Any.REFUSAL.isEnabled();
    }

    @Override
    public void refused(ClientUsage client, RefusalReason reason, boolean dryRun) {
        long omitted = refusals.take(limiter.nanoTime());
        if (omitted >= 0) {
            RefusalEvent event = new RefusalEvent();
            event.describe(name, client, dryRun, omitted);
            event.reason = reason.name();
            event.commit();
        }
    }

    @Override
    public boolean recordsTimeOuts() {
        return registered && Any.TIME_OUT.isEnabled();
    }

    @Override
    public void timedOut(ClientUsage client, ConnectionPhase phase, boolean dryRun) {
        long omitted = timeOuts.take(limiter.nanoTime());
        if (omitted >= 0) {
            TimeOutEvent event = new TimeOutEvent();
            event.describe(name, client, dryRun, omitted);
            event.phase = phase.name();
            event.commit();
        }
    }

    @Override
    public void figures(long nowNanos) {
        register();
        long due = nextFiguresNanos.get();
        if (!registered
                || nowNanos - due < 0
                || !Any.FIGURES.isEnabled()
                || !nextFiguresNanos.compareAndSet(due, nowNanos + FIGURES_NANOS)) {
            return;
        }
        LimiterSnapshot now = limiter.snapshot(0);
        FiguresEvent event = new FiguresEvent();
        event.limiter = name;
        event.openConnections = now.openConnections();
        event.pendingConnections = now.pendingConnections();
        event.streams = now.streams();
        event.clients = now.clients();
        event.largestClient = now.largestClient();
        event.maxPerClient = limiter.limits().maxPerClient();
        event.admitted = now.admitted();
        event.refused = sum(now.refusals());
        event.timedOut = now.timedOut();
        event.dryRunRefused = now.dryRunRefused();
        event.dryRunTimedOut = now.dryRunTimedOut();
        event.unnamedClients = now.unnamedClients();
        event.errors = now.errors();
        event.forgotten = now.forgotten();
        event.commit();
    }

    private static long sum(Map<?, Long> totals) {
        return totals.values().stream().mapToLong(Long::longValue).sum();
    }

    /**
     * Asked whether anybody records: that is the same for all events of a class, and asking allocates nothing. In a class
     * of their own, since the first use of an event's class registers it, which would start Flight Recorder.
     */
    private static final class Any {

        private static final RefusalEvent REFUSAL = new RefusalEvent();
        private static final TimeOutEvent TIME_OUT = new TimeOutEvent();
        private static final FiguresEvent FIGURES = new FiguresEvent();
    }

    /** Lets through so many a second, and counts the others. This class is thread-safe. */
    static final class Throttle {

        /** The second since the throttle was made, times 2^32, plus how many it has let through in it. */
        private final AtomicLong taken = new AtomicLong();

        private final AtomicLong omitted = new AtomicLong();
        private final long startNanos;

        Throttle(long nowNanos) {
            startNanos = nowNanos;
        }

        /** {@return how many were omitted before this one, or -1 if it is to be omitted itself} */
        long take(long nowNanos) {
            long second = TimeUnit.NANOSECONDS.toSeconds(nowNanos - startNanos) << 32;
            long before = taken.getAndUpdate(now -> now >= second + MOST_PER_SECOND ? now : Math.max(now, second) + 1);
            if (before >= second + MOST_PER_SECOND) {
                omitted.incrementAndGet();
                return -1;
            }
            return omitted.getAndSet(0);
        }
    }

    /** What the events of one client have in common. */
    @Category("connlimit")
    @StackTrace(false)
    private abstract static class ClientEvent extends Event {

        @Label("Limiter")
        @Description("Tells the limiters of one JVM apart")
        String limiter;

        @Label("Client")
        @Description("The block of addresses that counts as one client")
        String client;

        @Label("Open Connections")
        int openConnections;

        @Label("Pending Connections")
        int pendingConnections;

        @Label("Streams")
        int streams;

        @Label("Limit")
        @Description("How many connections the client may have open; 0 means any number")
        int limit;

        @Label("Dry Run")
        @Description("Whether this was reported only, and not done")
        boolean dryRun;

        @Label("Omitted")
        @Description("How many events of this type were left out since the one before, beyond 100 a second")
        long omitted;

        final void describe(String limiterName, ClientUsage usage, boolean inDryRun, long leftOut) {
            limiter = limiterName;
            client = usage.client().toString();
            openConnections = usage.openConnections();
            pendingConnections = usage.pendingConnections();
            streams = usage.streams();
            limit = usage.limit();
            dryRun = inDryRun;
            omitted = leftOut;
        }
    }

    @Name("io.github.connlimit.Refusal")
    @Label("Refusal")
    @Description("A connection or a stream was refused")
    private static final class RefusalEvent extends ClientEvent {

        @Label("Reason")
        @Description("Which limit was reached: CONNECTIONS, PENDING, STREAMS, TOTAL, RATE, NETWORK, CLUSTER")
        String reason;
    }

    @Name("io.github.connlimit.TimeOut")
    @Label("Time-Out")
    @Description("A connection was closed because it was past its deadline")
    private static final class TimeOutEvent extends ClientEvent {

        @Label("Phase")
        @Description("What the connection had to do: HANDSHAKE, FIRST_BYTE, HEADER")
        String phase;
    }

    @Name("io.github.connlimit.Figures")
    @Label("Figures")
    @Description("The figures of a limiter, every ten seconds; totals count since the limiter was made")
    @Category("connlimit")
    @StackTrace(false)
    private static final class FiguresEvent extends Event {

        @Label("Limiter")
        @Description("Tells the limiters of one JVM apart")
        String limiter;

        @Label("Open Connections")
        long openConnections;

        @Label("Pending Connections")
        long pendingConnections;

        @Label("Streams")
        long streams;

        @Label("Clients")
        long clients;

        @Label("Largest Client")
        @Description("How many connections the largest client has that no rule exempts")
        int largestClient;

        @Label("Max Per Client")
        @Description("The setting maxPerClient; 0 means any number")
        int maxPerClient;

        @Label("Admitted")
        long admitted;

        @Label("Refused")
        long refused;

        @Label("Timed Out")
        long timedOut;

        @Label("Dry Run Refused")
        long dryRunRefused;

        @Label("Dry Run Timed Out")
        long dryRunTimedOut;

        @Label("Unnamed Clients")
        @Description("Connections and requests for which a trusted proxy named something else than an IP address")
        long unnamedClients;

        @Label("Errors")
        long errors;

        @Label("Forgotten")
        @Description("Connections that had ended and still counted, until the sweep found them")
        long forgotten;
    }
}
