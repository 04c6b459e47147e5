package io.github.connlimit;

/**
 * The clock of a limiter: whatever connlimit decides by time, it reads from here. Deadlines, rates, a tarpit and the pauses
 * between two lines of the log all follow it, so that a test which owns it need not wait. It tells elapsed time only, in
 * nanoseconds since some moment, as {@link System#nanoTime} does, and may overflow.
 *
 * <p>Implementations must be thread-safe, cheap, and never go back.
 *
 * @since 0.1.0
 */
@FunctionalInterface
public interface Ticker {

    /** {@return the nanoseconds since a moment that is always the same; only differences have a meaning} */
    long read();

    /** {@return the clock of this machine, {@link System#nanoTime}} */
    static Ticker system() {
        return System::nanoTime;
    }
}
