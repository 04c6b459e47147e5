package io.github.connlimit;

/** What JDK Flight Recorder is told of; nothing where it is absent. Implementations are thread-safe and never block. */
interface Recorder {

    /** For a JDK without Flight Recorder. */
    Recorder NONE = new Recorder() {};

    /**
     * {@return a recorder for one limiter} It names classes of the module {@code jdk.jfr} only if that is there.
     *
     * @param limiter whose events these are
     */
    static Recorder of(ConnectionLimiter limiter) {
        return ModuleLayer.boot().findModule("jdk.jfr").isPresent() ? FlightRecorderEvents.of(limiter) : NONE;
    }

    default boolean recordsRefusals() {
        return false;
    }

    default void refused(ClientUsage client, RefusalReason reason, boolean dryRun) {}

    default boolean recordsTimeOuts() {
        return false;
    }

    default void timedOut(ClientUsage client, ConnectionPhase phase, boolean dryRun) {}

    /** Begins to record if Flight Recorder does, and records the figures if the last ones are old enough. For sweeps. */
    default void figures(long nowNanos) {}
}
