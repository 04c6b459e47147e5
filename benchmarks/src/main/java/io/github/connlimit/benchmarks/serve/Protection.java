package io.github.connlimit.benchmarks.serve;

import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/** What keeps one client from taking all of a server. */
public enum Protection {
    NONE("no protection"),
    CONNLIMIT("connlimit"),

    /** Jetty only: a connector that refuses in {@code accept}, in place of a listener. */
    CONNLIMIT_CONNECTOR("connlimit, `ConnectionLimitConnector`"),

    /** Jetty only: the least that a listener can do to refuse. */
    BARE_LISTENER("a bare listener that resets"),

    /** Jetty only. */
    THREAD_LIMIT("Jetty's `ThreadLimitHandler`"),

    /** Jetty only. */
    DOS("Jetty's `DoSHandler`"),

    /** Tomcat only. */
    SEMAPHORE("Tomcat's `SemaphoreValve`"),

    /** Tomcat only. */
    RATE_LIMIT("Tomcat's `RateLimitFilter`"),

    /** Tomcat only. */
    MAX_CONNECTIONS("Tomcat's `maxConnections`");

    /** Requests a second that each client may do, where a server's own means limits those. */
    public static final int REQUESTS_PER_SECOND = 25;

    /** Connections or requests at once, where a server's own means limits those of all clients together. */
    public static final int ALL_CLIENTS = 100;

    private final String title;

    Protection(String title) {
        this.title = title;
    }

    /** What it is called in tables. */
    public String title() {
        return title;
    }

    static Protection of(String text) {
        return Arrays.stream(values())
                .filter(protection -> protection.toString().equals(text))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("protection: \"" + text + "\" is not allowed; "
                        + Arrays.stream(values()).map(Protection::toString).collect(Collectors.joining(", "))));
    }

    /** As written on the command line. */
    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
}
