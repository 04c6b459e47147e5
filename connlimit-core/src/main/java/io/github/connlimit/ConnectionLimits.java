package io.github.connlimit;

import java.net.InetAddress;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * The configuration of a {@link ConnectionLimiter}: all of it may be changed while the limiter runs, by giving it
 * another instance. This class is immutable and thread-safe.
 *
 * <p>Every setting has one name, which is its builder method, its key in {@link Builder#set} and the word that a message
 * about a bad value begins with.
 */
public final class ConnectionLimits {

    private static final String UNLIMITED = "unlimited";

    private final int maxPerClient;
    private final Map<Cidr, Integer> rules;
    private final int ipv4Prefix;
    private final int ipv6Prefix;
    private final Refusal refuse;
    private final ErrorPolicy onError;
    private final int maxPendingPerClient;
    private final int reservedConnections;
    private final Duration handshakeTimeout;
    private final boolean dryRun;
    private final int respondRate;
    private final int respondBurst;
    private final int respondMaxOpen;
    private final RuleTable table;

    private ConnectionLimits(Builder builder) {
        maxPerClient = builder.maxPerClient;
        rules = Collections.unmodifiableMap(new TreeMap<>(builder.rules));
        ipv4Prefix = builder.ipv4Prefix;
        ipv6Prefix = builder.ipv6Prefix;
        refuse = builder.refuse;
        onError = builder.onError;
        maxPendingPerClient = builder.maxPendingPerClient;
        reservedConnections = builder.reservedConnections;
        handshakeTimeout = builder.handshakeTimeout;
        dryRun = builder.dryRun;
        respondRate = builder.respondRate;
        respondBurst = builder.respondBurst;
        respondMaxOpen = builder.respondMaxOpen;
        table = new RuleTable(rules, maxPerClient, ipv4Prefix + IpAddress.IPV4_OFFSET, ipv6Prefix);
    }

    /** A builder that begins with the defaults. */
    public static Builder builder() {
        return new Builder();
    }

    /** The defaults: {@code builder().build()}. */
    public static ConnectionLimits defaults() {
        return builder().build();
    }

    /** A builder that begins with these limits. */
    public Builder toBuilder() {
        Builder builder = new Builder();
        builder.maxPerClient = maxPerClient;
        builder.rules.putAll(rules);
        builder.ipv4Prefix = ipv4Prefix;
        builder.ipv6Prefix = ipv6Prefix;
        builder.refuse = refuse;
        builder.onError = onError;
        builder.maxPendingPerClient = maxPendingPerClient;
        builder.reservedConnections = reservedConnections;
        builder.handshakeTimeout = handshakeTimeout;
        builder.dryRun = dryRun;
        builder.respondRate = respondRate;
        builder.respondBurst = respondBurst;
        builder.respondMaxOpen = respondMaxOpen;
        return builder;
    }

    /** How many connections a client may have open that no rule names; 0 means any number. */
    public int maxPerClient() {
        return maxPerClient;
    }

    /** The limits of address blocks, IPv4 first, in the order of addresses; 0 means any number. Unmodifiable. */
    public Map<Cidr, Integer> rules() {
        return rules;
    }

    /** How many leading bits of an IPv4 address tell one client from another, 0 to 32. */
    public int ipv4Prefix() {
        return ipv4Prefix;
    }

    /** How many leading bits of an IPv6 address tell one client from another, 0 to 128. */
    public int ipv6Prefix() {
        return ipv6Prefix;
    }

    /** How a connection over the limit is ended. */
    public Refusal refuse() {
        return refuse;
    }

    /** What becomes of a connection that could not be counted. */
    public ErrorPolicy onError() {
        return onError;
    }

    /** How many connections of a client may be pending; 0 means any number. */
    public int maxPendingPerClient() {
        return maxPendingPerClient;
    }

    /** How many of a client's connections cannot be long-lived streams. */
    public int reservedConnections() {
        return reservedConnections;
    }

    /** How long a connection may take for each phase before it is established; zero means for ever. */
    public Duration handshakeTimeout() {
        return handshakeTimeout;
    }

    /** Whether refusals and time-outs are only counted and reported, and not done. */
    public boolean dryRun() {
        return dryRun;
    }

    /** How many refused connections a second may take a TLS handshake to be answered. */
    public int respondRate() {
        return respondRate;
    }

    /** How many refused connections may take a TLS handshake at once after a quiet time. */
    public int respondBurst() {
        return respondBurst;
    }

    /** How many refused connections may be open at once to be answered. */
    public int respondMaxOpen() {
        return respondMaxOpen;
    }

    /** Whether a rule lets this address have any number of connections, whatever the limit of the others is. */
    public boolean isExempt(InetAddress address) {
        return find(IpAddress.of(address)).exempt();
    }

    /** The limit that holds for this address, by the longest prefix of the rules; 0 means any number. */
    public int limitFor(InetAddress address) {
        return find(IpAddress.of(address)).limit();
    }

    /** The client that this address belongs to: the block of addresses that is counted as one. */
    public Cidr clientOf(InetAddress address) {
        IpAddress ip = IpAddress.of(address);
        return new Client(ip, find(ip).prefix()).cidr();
    }

    private RuleTable.Range find(IpAddress ip) {
        return table.find(ip.high(), ip.low());
    }

    RuleTable table() {
        return table;
    }

    /** All settings as text, by name, in a fixed order; {@link Builder#set} reads each of them. Unmodifiable. */
    public Map<String, String> toSettings() {
        Map<String, String> settings = new LinkedHashMap<>();
        settings.put("maxPerClient", Integer.toString(maxPerClient));
        settings.put(
                "rules",
                rules.entrySet().stream()
                        .map(rule -> rule.getKey() + "=" + (rule.getValue() == 0 ? UNLIMITED : rule.getValue()))
                        .collect(Collectors.joining(", ")));
        settings.put("ipv4Prefix", Integer.toString(ipv4Prefix));
        settings.put("ipv6Prefix", Integer.toString(ipv6Prefix));
        settings.put("refuse", text(refuse));
        settings.put("onError", text(onError));
        settings.put("maxPendingPerClient", Integer.toString(maxPendingPerClient));
        settings.put("reservedConnections", Integer.toString(reservedConnections));
        settings.put("handshakeTimeout", handshakeTimeout.toMillis() + "ms");
        settings.put("dryRun", Boolean.toString(dryRun));
        settings.put("respondRate", Integer.toString(respondRate));
        settings.put("respondBurst", Integer.toString(respondBurst));
        settings.put("respondMaxOpen", Integer.toString(respondMaxOpen));
        return Collections.unmodifiableMap(settings);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof ConnectionLimits that && toSettings().equals(that.toSettings());
    }

    @Override
    public int hashCode() {
        return toSettings().hashCode();
    }

    /** The settings, for people. */
    @Override
    public String toString() {
        return toSettings().toString();
    }

    private static String text(Enum<?> value) {
        return value.name().toLowerCase(Locale.ROOT);
    }

    /**
     * Makes {@link ConnectionLimits}. This class is not thread-safe. Every method checks what it is given at once and
     * throws {@link IllegalArgumentException} with a message that names the setting, the value and what is allowed; the
     * builder is then as it was before.
     */
    public static final class Builder {

        private static final String LIMIT_ALLOWED =
                "a whole number from 0 to " + Integer.MAX_VALUE + " (0 = " + UNLIMITED + ")";

        /** What {@code Integer.parseInt} alone would read includes signs and the digits of all scripts. */
        private static final Pattern DIGITS = Pattern.compile("[0-9]+");

        private static final int MOST_RESERVED = Integer.MAX_VALUE - 6;
        private static final int MOST_RESPONSES = 1000;
        private static final Duration LEAST_TIMEOUT = Duration.ofMillis(1);
        private static final Duration MOST_TIMEOUT = Duration.ofDays(24);
        private static final Pattern DURATION = Pattern.compile("([0-9]{1,10})(ms|s|m)?");
        private static final String TIMEOUT_ALLOWED =
                "a whole number with its unit, as in 500ms, 5s, 1m, from 1 ms to 24 days, or 0 (= off)";

        /** The least that a limit has to leave for streams besides the reserve. */
        private static final int LEAST_FOR_STREAMS = 5;

        private int maxPerClient = 100;
        private Map<Cidr, Integer> rules = new LinkedHashMap<>();
        private int ipv4Prefix = 32;
        private int ipv6Prefix = 64;
        private Refusal refuse = Refusal.RESET;
        private ErrorPolicy onError = ErrorPolicy.REFUSE;
        private int maxPendingPerClient;
        private int reservedConnections;
        private Duration handshakeTimeout = Duration.ofSeconds(5);
        private boolean dryRun;
        private int respondRate = 10;
        private int respondBurst = 100;
        private int respondMaxOpen = 100;

        private Builder() {}

        /**
         * How many connections a client may have open at once, unless a rule names it.
         *
         * @param connections 0 or more, 0 means any number; default 100
         */
        public Builder maxPerClient(int connections) {
            maxPerClient = checkLimit("maxPerClient", connections);
            return this;
        }

        /**
         * Sets the limit of each client in a block of addresses. Of several blocks that an address is in, the one with
         * the longest prefix decides. A block smaller than one client (a longer prefix than {@code ipv4Prefix} or
         * {@code ipv6Prefix}) is counted as a client of its own.
         *
         * @param cidr for example {@code 10.0.0.0/8}; see {@link Cidr#parse}
         * @param connections 0 or more, 0 means any number
         */
        public Builder limit(String cidr, int connections) {
            addRule(rules, cidr, checkLimit("rules", connections));
            return this;
        }

        /**
         * Lets the clients in a block of addresses have any number of connections: {@code limit(cidr, 0)}.
         *
         * @param cidr for example {@code 127.0.0.0/8}; see {@link Cidr#parse}
         */
        public Builder exempt(String cidr) {
            return limit(cidr, 0);
        }

        /**
         * Replaces all limits of address blocks.
         *
         * @param text for example {@code 10.0.0.0/8=500, 127.0.0.0/8=unlimited}; empty for none, which is the default
         */
        public Builder rules(String text) {
            Map<Cidr, Integer> parsed = new LinkedHashMap<>();
            if (!text.isBlank()) {
                for (String rule : text.split(",", -1)) {
                    int equals = rule.indexOf('=');
                    if (equals < 0) {
                        throw notAllowed("rules", rule.trim(), "rules as in \"10.0.0.0/8=500, 127.0.0.0/8=unlimited\"");
                    }
                    String connections = rule.substring(equals + 1).trim();
                    int limit = connections.equals(UNLIMITED) ? 0 : parseLimit("rules", connections);
                    addRule(parsed, rule.substring(0, equals).trim(), limit);
                }
            }
            rules = parsed;
            return this;
        }

        private static void addRule(Map<Cidr, Integer> rules, String text, int limit) {
            Cidr cidr;
            try {
                cidr = Cidr.parse(text);
            } catch (IllegalArgumentException malformed) {
                throw new IllegalArgumentException("rules: " + malformed.getMessage(), malformed);
            }
            if (rules.putIfAbsent(cidr, limit) != null) {
                throw notAllowed("rules", text, "one rule for each block, and there is one for " + cidr + " already");
            }
        }

        /**
         * How many leading bits of an IPv4 address tell one client from another.
         *
         * @param length 0 to 32; default 32
         */
        public Builder ipv4Prefix(int length) {
            ipv4Prefix = checkRange("ipv4Prefix", length, 32);
            return this;
        }

        /**
         * How many leading bits of an IPv6 address tell one client from another. One subscriber owns at least a /64 (RFC
         * 6177), so a longer prefix is hardly a limit.
         *
         * @param length 0 to 128; default 64
         */
        public Builder ipv6Prefix(int length) {
            ipv6Prefix = checkRange("ipv6Prefix", length, IpAddress.BITS);
            return this;
        }

        /** How a connection over the limit is ended; default {@link Refusal#RESET}. */
        public Builder refuse(Refusal how) {
            refuse = Objects.requireNonNull(how, "refuse");
            return this;
        }

        /** What becomes of a connection that could not be counted; default {@link ErrorPolicy#REFUSE}. */
        public Builder onError(ErrorPolicy policy) {
            onError = Objects.requireNonNull(policy, "onError");
            return this;
        }

        /**
         * How many connections of one client may be pending at once: before the end of their TLS handshake or, without
         * TLS, before their first byte. Does not hold for clients that a rule exempts.
         *
         * @param connections 0 or more, 0 means any number; default 0
         */
        public Builder maxPendingPerClient(int connections) {
            maxPendingPerClient = checkLimit("maxPendingPerClient", connections);
            return this;
        }

        /**
         * How many of a client's connections cannot be long-lived streams (upgraded to another protocol, or asking for
         * {@code text/event-stream}), so that its ordinary requests get through.
         *
         * @param connections 0 or more, 0 means that streams are like any other; every limit has to be greater than this
         *     by more than 5; default 0
         */
        public Builder reservedConnections(int connections) {
            reservedConnections = checkRange("reservedConnections", connections, MOST_RESERVED);
            return this;
        }

        /**
         * How long a connection may take for its TLS handshake (a PROXY protocol header included), and then again for
         * the first byte of a request.
         *
         * @param timeout 1 ms to 24 days, what is less than a millisecond cut off; zero means for ever; default 5 s
         */
        public Builder handshakeTimeout(Duration timeout) {
            return handshakeTimeout(Objects.requireNonNull(timeout, "handshakeTimeout"), timeout);
        }

        private Builder handshakeTimeout(Duration timeout, Object given) {
            boolean inRange = !timeout.isNegative() && timeout.compareTo(MOST_TIMEOUT) <= 0;
            // Less than a millisecond must not become zero, which means for ever.
            if (!inRange || !timeout.isZero() && timeout.compareTo(LEAST_TIMEOUT) < 0) {
                throw notAllowed("handshakeTimeout", given, TIMEOUT_ALLOWED);
            }
            handshakeTimeout = timeout.truncatedTo(ChronoUnit.MILLIS);
            return this;
        }

        /**
         * Whether refusals and time-outs are only counted and reported, and not done: everybody is admitted, and counted.
         *
         * @param only default false
         */
        public Builder dryRun(boolean only) {
            dryRun = only;
            return this;
        }

        /**
         * How many refused connections a second may take a TLS handshake to be answered, over all clients.
         *
         * @param perSecond 0 to 1000; default 10
         */
        public Builder respondRate(int perSecond) {
            respondRate = checkRange("respondRate", perSecond, MOST_RESPONSES);
            return this;
        }

        /**
         * How many refused connections may take a TLS handshake at once after a quiet time, over all clients.
         *
         * @param connections 0 to 1000, 0 means that none is answered on TLS; default 100
         */
        public Builder respondBurst(int connections) {
            respondBurst = checkRange("respondBurst", connections, MOST_RESPONSES);
            return this;
        }

        /**
         * How many refused connections may be open at once to be answered, over all clients.
         *
         * @param connections 0 to 1000, 0 means that none is answered; default 100
         */
        public Builder respondMaxOpen(int connections) {
            respondMaxOpen = checkRange("respondMaxOpen", connections, MOST_RESPONSES);
            return this;
        }

        /**
         * Sets one setting by its name and its text, for configuration files.
         *
         * @param name a key of {@link ConnectionLimits#toSettings()}
         * @param value as the setting's own method takes it; {@code reset}, {@code close}, {@code respond} and the like
         *     in lower or upper case
         * @throws IllegalArgumentException also if there is no such setting
         */
        public Builder set(String name, String value) {
            Objects.requireNonNull(value, name);
            String text = value.trim();
            switch (name) {
                case "maxPerClient":
                    return maxPerClient(parseLimit(name, text));
                case "rules":
                    return rules(text);
                case "ipv4Prefix":
                    return ipv4Prefix(parseRange(name, text, 32));
                case "ipv6Prefix":
                    return ipv6Prefix(parseRange(name, text, IpAddress.BITS));
                case "refuse":
                    return refuse(parseEnum(name, text, Refusal.values()));
                case "onError":
                    return onError(parseEnum(name, text, ErrorPolicy.values()));
                case "maxPendingPerClient":
                    return maxPendingPerClient(parseLimit(name, text));
                case "reservedConnections":
                    return reservedConnections(parseRange(name, text, MOST_RESERVED));
                case "handshakeTimeout":
                    return handshakeTimeout(parseDuration(name, text), text);
                case "dryRun":
                    return dryRun(parseBoolean(name, text));
                case "respondRate":
                    return respondRate(parseRange(name, text, MOST_RESPONSES));
                case "respondBurst":
                    return respondBurst(parseRange(name, text, MOST_RESPONSES));
                case "respondMaxOpen":
                    return respondMaxOpen(parseRange(name, text, MOST_RESPONSES));
                default:
                    throw new IllegalArgumentException("\"" + name + "\" is no setting; allowed are "
                            + String.join(", ", defaults().toSettings().keySet()));
            }
        }

        private static int parseLimit(String name, String text) {
            return checkLimit(name, parseInt(name, text, LIMIT_ALLOWED));
        }

        private static int checkLimit(String name, int connections) {
            if (connections < 0) {
                throw notAllowed(name, connections, LIMIT_ALLOWED);
            }
            return connections;
        }

        private static int parseRange(String name, String text, int most) {
            return checkRange(name, parseInt(name, text, rangeAllowed(most)), most);
        }

        private static int checkRange(String name, int value, int most) {
            if (value < 0 || value > most) {
                throw notAllowed(name, value, rangeAllowed(most));
            }
            return value;
        }

        private static String rangeAllowed(int most) {
            return "a whole number from 0 to " + most;
        }

        private static int parseInt(String name, String text, String allowed) {
            try {
                if (DIGITS.matcher(text).matches()) {
                    return Integer.parseInt(text);
                }
            } catch (NumberFormatException tooLarge) {
                // As bad as any other.
            }
            throw notAllowed(name, text, allowed);
        }

        private static Duration parseDuration(String name, String text) {
            Matcher matcher = DURATION.matcher(text);
            if (!matcher.matches()) {
                throw notAllowed(name, text, TIMEOUT_ALLOWED);
            }
            long number = Long.parseLong(matcher.group(1));
            String unit = matcher.group(2);
            if (unit == null && number != 0) {
                throw notAllowed(name, text, TIMEOUT_ALLOWED);
            }
            return Duration.of(
                    number,
                    unit == null || unit.equals("ms")
                            ? ChronoUnit.MILLIS
                            : unit.equals("s") ? ChronoUnit.SECONDS : ChronoUnit.MINUTES);
        }

        private static boolean parseBoolean(String name, String text) {
            if (!text.equalsIgnoreCase("true") && !text.equalsIgnoreCase("false")) {
                throw notAllowed(name, text, "true, false");
            }
            return Boolean.parseBoolean(text);
        }

        private static <E extends Enum<E>> E parseEnum(String name, String text, E[] values) {
            StringBuilder allowed = new StringBuilder();
            for (E value : values) {
                if (text(value).equalsIgnoreCase(text)) {
                    return value;
                }
                allowed.append(allowed.isEmpty() ? "" : ", ").append(text(value));
            }
            throw notAllowed(name, text, allowed.toString());
        }

        private void checkReserve(String what, int limit) {
            if (limit != 0 && limit - LEAST_FOR_STREAMS <= reservedConnections) {
                throw notAllowed(
                        "reservedConnections",
                        reservedConnections,
                        "every limit has to be greater than it by more than " + LEAST_FOR_STREAMS + ", and " + what
                                + " is " + limit);
            }
        }

        private static IllegalArgumentException notAllowed(String name, Object value, String allowed) {
            return new IllegalArgumentException(name + ": \"" + value + "\" is not allowed; " + allowed);
        }

        /**
         * The limits as set so far.
         *
         * @throws IllegalArgumentException if {@code reservedConnections} leaves too little of a limit
         */
        public ConnectionLimits build() {
            if (reservedConnections > 0) {
                checkReserve("maxPerClient", maxPerClient);
                rules.forEach((cidr, limit) -> checkReserve("the limit of " + cidr, limit));
            }
            return new ConnectionLimits(this);
        }
    }
}
