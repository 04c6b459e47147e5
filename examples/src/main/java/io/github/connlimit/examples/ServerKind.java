package io.github.connlimit.examples;

import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/** The servers that the examples can start. */
enum ServerKind {
    JETTY,
    TOMCAT,
    TOMCAT_NIO2,
    NETTY,
    TCP;

    /** The kind that is written so on the command line. */
    static ServerKind of(String text) {
        return Arrays.stream(values())
                .filter(kind -> kind.toString().equals(text))
                .findFirst()
                .orElseThrow(
                        () -> new IllegalArgumentException("server: \"" + text + "\" is not allowed; " + allowed()));
    }

    private static String allowed() {
        return Arrays.stream(values()).map(ServerKind::toString).collect(Collectors.joining(", "));
    }

    /** Starts a server of this kind; it listens when this method returns. */
    ExampleServer start(ServerSettings settings) throws Exception {
        return switch (this) {
            case JETTY -> JettyServer.start(settings);
            case TOMCAT, TOMCAT_NIO2 -> TomcatServer.start(settings, this == TOMCAT_NIO2);
            case NETTY -> NettyServer.start(settings);
            case TCP -> TcpServer.start(settings);
        };
    }

    /** As written on the command line. */
    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
}
