package io.github.connlimit;

/**
 * Describes one setting of {@link ConnectionLimits}, for code that shows or reads settings without knowing each of them:
 * a configuration file, a command line, JMX, documentation. {@link ConnectionLimits#settings()} has all of them. Instances
 * are immutable and thread-safe.
 *
 * @since 0.1.0
 */
public sealed interface Setting permits Settings {

    /**
     * {@return the name of this setting everywhere: its builder method, its key in {@link ConnectionLimits.Builder#set}, and
     * the first word of a message about a bad value}
     */
    String key();

    /** {@return what this setting does, in one or two sentences without the last full stop} */
    String description();

    /** {@return which values are allowed, as the message about a bad value says it} */
    String allowed();

    /**
     * {@return a value of this setting for people to see: without a password, which only a URI may have}
     *
     * @param text a value as text, allowed or not
     */
    String shown(String text);

    /** {@return the default as text, which {@link ConnectionLimits.Builder#set} reads; empty for no rules} */
    String defaultText();

    /**
     * {@return what the builder method of this setting takes: {@code int}, {@code boolean}, {@link java.time.Duration}, an
     * enum, or {@link String} where only text can say it}
     */
    Class<?> type();

    /** {@return whether the text of this setting is a list, whose elements commas separate} */
    boolean isList();
}
