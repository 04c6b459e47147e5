package io.github.connlimit.benchmarks.serve;

import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/** The servers that are measured. */
public enum ServerKind {
    JETTY("Jetty"),
    TOMCAT("Tomcat NIO"),
    TOMCAT_NIO2("Tomcat NIO2"),
    NETTY("Netty"),

    /** Accepts and resets: the most that a Java process can refuse. */
    LOOP_RESET("bare accept-and-reset loop"),

    /** Accepts and closes, as where a reset cannot be had. */
    LOOP_CLOSE("bare accept-and-close loop"),

    /** The same by asynchronous channels. */
    LOOP_NIO2("bare accept-and-close loop of NIO2");

    private final String title;

    ServerKind(String title) {
        this.title = title;
    }

    /** What it is called in tables. */
    public String title() {
        return title;
    }

    public static ServerKind of(String text) {
        return Arrays.stream(values())
                .filter(kind -> kind.toString().equals(text))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("server: \"" + text + "\" is not allowed; "
                        + Arrays.stream(values()).map(ServerKind::toString).collect(Collectors.joining(", "))));
    }

    /** As written on the command line. */
    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
}
