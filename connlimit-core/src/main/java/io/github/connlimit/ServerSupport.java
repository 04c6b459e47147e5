package io.github.connlimit;

import java.util.Map;
import java.util.function.Predicate;

/**
 * What connlimit can do in each server; for adapters. Their warnings at the start of a server and the table in the
 * documentation come from here.
 *
 * @since 0.1.0
 */
public enum ServerSupport {

    /** A connector of Jetty. */
    JETTY(
            "Jetty",
            Map.of(
                    Feature.HEADER_TIMEOUT, Ability.BY_CONFIGURATION,
                    Feature.RESERVED_CONNECTIONS, Ability.BY_CONFIGURATION,
                    Feature.TARPIT, Ability.BY_CONFIGURATION,
                    Feature.FORWARDED_HEADERS, Ability.BY_CONFIGURATION,
                    Feature.PROXY_PROTOCOL, Ability.BY_CONFIGURATION)),

    /** A connector of Tomcat, NIO or NIO2. */
    TOMCAT(
            "Tomcat",
            Map.of(
                    Feature.RESERVED_CONNECTIONS, Ability.BY_CONFIGURATION,
                    Feature.FORWARDED_HEADERS, Ability.BY_CONFIGURATION,
                    Feature.PROXY_PROTOCOL, Ability.NO)),

    /** A server channel of Netty. */
    NETTY(
            "Netty",
            Map.of(
                    Feature.HEADER_TIMEOUT, Ability.NO,
                    Feature.RESERVED_CONNECTIONS, Ability.BY_APPLICATION,
                    Feature.RESPOND_ON_TLS, Ability.NO,
                    Feature.FORWARDED_HEADERS, Ability.NO,
                    Feature.PROXY_PROTOCOL, Ability.BY_CONFIGURATION)),

    /** A server of Reactor Netty, that of Spring WebFlux for instance. */
    REACTOR_NETTY(
            "Reactor Netty",
            Map.of(
                    Feature.HEADER_TIMEOUT, Ability.NO,
                    Feature.RESERVED_CONNECTIONS, Ability.BY_APPLICATION,
                    Feature.RESPOND_ON_TLS, Ability.NO,
                    Feature.FORWARDED_HEADERS, Ability.NO,
                    Feature.PROXY_PROTOCOL, Ability.BY_CONFIGURATION)),

    /** A server of Vert.x, that of Quarkus for instance. */
    VERTX(
            "Vert.x",
            Map.of(
                    Feature.HEADER_TIMEOUT, Ability.NO,
                    Feature.RESERVED_CONNECTIONS, Ability.NO,
                    Feature.RESPOND_IN_PLAINTEXT, Ability.BY_CONFIGURATION,
                    Feature.RESPOND_ON_TLS, Ability.NO,
                    Feature.FORWARDED_HEADERS, Ability.NO,
                    Feature.PROXY_PROTOCOL, Ability.NO,
                    Feature.REJECTION_HANDLER, Ability.BY_CONFIGURATION)),

    /** A {@link LimitedServerSocket}. */
    SERVER_SOCKET(
            "LimitedServerSocket",
            Map.of(
                    Feature.PENDING, Ability.BY_APPLICATION,
                    Feature.HEADER_TIMEOUT, Ability.NO,
                    Feature.RESERVED_CONNECTIONS, Ability.BY_APPLICATION,
                    Feature.RESPOND_IN_PLAINTEXT, Ability.NO,
                    Feature.RESPOND_ON_TLS, Ability.NO,
                    Feature.FORWARDED_HEADERS, Ability.NO,
                    Feature.PROXY_PROTOCOL, Ability.NO));

    private final String title;

    /** What is not simply done. */
    private final Map<Feature, Ability> exceptions;

    ServerSupport(String title, Map<Feature, Ability> exceptions) {
        this.title = title;
        this.exceptions = exceptions;
    }

    /** {@return the name of this server, for people} */
    public String title() {
        return title;
    }

    /**
     * {@return whether connlimit can do something in this server}
     *
     * @param feature what it is to do
     */
    public Ability ability(Feature feature) {
        return exceptions.getOrDefault(feature, Ability.YES);
    }

    /** {@return what to say in the log of something that is asked for; {@code null} if this server does it, if configured} */
    String warning(Feature feature) {
        return switch (ability(feature)) {
            case YES, BY_CONFIGURATION -> null;
            case BY_APPLICATION ->
                feature.title + " has an effect in " + title + " only if " + feature.applicationHasTo;
            case NO -> feature.title + " has no effect in " + title + ": " + feature.otherwise;
        };
    }

    System.Logger.Level level(Feature feature) {
        return ability(feature) == Ability.BY_APPLICATION ? System.Logger.Level.INFO : feature.levelIfNot;
    }

    /** Whether something can be done. */
    public enum Ability {

        /** Without further ado. */
        YES("yes"),

        /** If the server is configured for it; the adapter's page tells how. */
        BY_CONFIGURATION("if configured"),

        /** If the application calls connlimit for it. */
        BY_APPLICATION("by the application"),

        /** Not at all: it has no effect. */
        NO("no");

        private final String text;

        Ability(String text) {
            this.text = text;
        }

        /** {@return this in a word or two, for people} */
        public String text() {
            return text;
        }
    }

    /** What not every server can do. What is not here, every server does. */
    public enum Feature {

        /** Connections that have proved nothing yet have a limit and a deadline. */
        PENDING(
                "maxPendingPerClient",
                "`handshakeTimeout`, `maxPendingPerClient`",
                limits -> limits.maxPendingPerClient() > 0,
                System.Logger.Level.WARNING,
                "it does not see how far connections have come",
                "it calls expectEstablished(), and says which connections are established"),

        /** A request's header has a deadline. */
        HEADER_TIMEOUT(
                "headerTimeout",
                "`headerTimeout`",
                limits -> !limits.headerTimeout().isZero(),
                System.Logger.Level.WARNING,
                "where a header ends is up to the server's own handlers",
                ""),

        /** Long-lived connections leave some of each limit to requests. */
        RESERVED_CONNECTIONS(
                "reservedConnections",
                "`reservedConnections`",
                limits -> limits.reservedConnections() > 0,
                System.Logger.Level.WARNING,
                "it does not see which connections are long-lived",
                "the application calls ConnectionPermit.tryBeginStream() for each long-lived connection"),

        /** A rejected client gets an answer without TLS. */
        RESPOND_IN_PLAINTEXT(
                "refuse=respond",
                "`refuse=respond`, plaintext",
                limits -> limits.refuse() == Refusal.RESPOND,
                System.Logger.Level.INFO,
                "it resets connections, since it does not know their protocol",
                ""),

        /** A rejected client gets an answer after its TLS handshake. */
        RESPOND_ON_TLS(
                "refuse=respond",
                "`refuse=respond`, TLS",
                limits -> limits.refuse() == Refusal.RESPOND,
                System.Logger.Level.INFO,
                "it resets connections, since it cannot answer before TLS",
                ""),

        /** A rejected client has to wait. */
        TARPIT(
                "refuse=tarpit",
                "`refuse=tarpit`",
                limits -> limits.refuse() == Refusal.TARPIT,
                System.Logger.Level.INFO,
                "it resets connections, since it cannot hold them",
                ""),

        /** Requests count for clients that forwarded headers name. */
        FORWARDED_HEADERS("clients in forwarded headers"),

        /** Connections count for clients that PROXY headers name. */
        PROXY_PROTOCOL("clients in PROXY headers"),

        /** A handler of the application's ends rejected connections. */
        REJECTION_HANDLER("`RefusalHandler`");

        private final String title;
        private final String row;

        /** {@code null} if it is not limits that ask for it. */
        private final Predicate<ConnectionLimits> askedFor;

        private final System.Logger.Level levelIfNot;
        private final String otherwise;
        private final String applicationHasTo;

        /** Of what the limits do not ask for. */
        Feature(String row) {
            this(row, row, null, System.Logger.Level.WARNING, "", "");
        }

        Feature(
                String title,
                String row,
                Predicate<ConnectionLimits> askedFor,
                System.Logger.Level levelIfNot,
                String otherwise,
                String applicationHasTo) {
            this.title = title;
            this.row = row;
            this.askedFor = askedFor;
            this.levelIfNot = levelIfNot;
            this.otherwise = otherwise;
            this.applicationHasTo = applicationHasTo;
        }

        /** {@return the settings or other things that ask for this, in Markdown} */
        public String row() {
            return row;
        }

        /**
         * {@return whether this is asked for}
         *
         * @param elsewhere whether something else than limits asks for it
         */
        boolean isAskedFor(ConnectionLimits limits, boolean elsewhere) {
            return askedFor == null ? elsewhere : askedFor.test(limits);
        }
    }
}
