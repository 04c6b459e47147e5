package io.github.connlimit;

/**
 * The clock of a limiter. Deadlines, rates, a tarpit and the pauses between two lines of the log follow it, so a test that
 * owns it need not wait. How often a container's scheduler looks, and the time-outs of its sockets, do not.
 *
 * <p>It measures elapsed time, in nanoseconds since some moment, as {@link System#nanoTime} does, and may overflow.
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
