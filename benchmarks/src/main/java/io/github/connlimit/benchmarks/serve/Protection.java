package io.github.connlimit.benchmarks.serve;

import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/** What keeps one client from taking all of a server. */
public enum Protection {
    NONE("no protection"),
    CONNLIMIT("connlimit"),

    /** In Jetty by a connector, as all that follow. */
    TARPIT("connlimit, `refuse=tarpit`", Map.of("refuse", "tarpit")),

    /** A rate as well. */
    RATE("connlimit, `maxRatePerClient`", Map.of("maxRatePerClient", Protection.CONNECTIONS_PER_SECOND + "/s")),

    /** A limit for each IPv4 /24 as well. */
    NETWORKS("connlimit, `networkLimits`", Map.of("networkLimits", "ipv4/24=" + Protection.PER_NETWORK)),

    /** A time for headers as well. */
    HEADERS("connlimit, `headerTimeout`", Map.of("headerTimeout", Protection.HEADER_MILLIS + "ms")),

    /** Jetty only: a connector that refuses in {@code accept}, in place of a listener. */
    CONNLIMIT_CONNECTOR("connlimit, `ConnectionLimitConnector`"),

    /** Jetty and Netty: the least that a listener, or a handler, can do to refuse. */
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

    /** Connections a second that each client may open, where those are limited. */
    public static final int CONNECTIONS_PER_SECOND = 20;

    /** Connections at once of all clients in an IPv4 /24, where those are limited. */
    public static final int PER_NETWORK = 40;

    /** How long a header may take, where that is limited. */
    public static final int HEADER_MILLIS = 500;

    private final String title;
    private final Map<String, String> settings;

    Protection(String title) {
        this(title, Map.of());
    }

    /** @param settings of connlimit, beside the limit of each client */
    Protection(String title, Map<String, String> settings) {
        this.title = title;
        this.settings = settings;
    }

    Map<String, String> settings() {
        return settings;
    }

    /** Whether it is connlimit, with settings that any server can have. */
    boolean isConnlimit() {
        return this == CONNLIMIT || !settings.isEmpty();
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
