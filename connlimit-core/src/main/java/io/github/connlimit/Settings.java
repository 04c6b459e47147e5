package io.github.connlimit;

import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The settings of {@link ConnectionLimits}. Each is declared here, once; everything else that names all settings is made
 * from these declarations or checked against them.
 */
enum Settings implements Setting {
    MAX_PER_CLIENT(SettingType.LIMIT, 100, "How many connections a client may have open, unless a rule names it"),
    RULES(
            SettingType.RULES,
            new Rules(),
            "The limit of each client in a block of addresses, and after an @ perhaps its maxRatePerClient. The longest"
                    + " prefix decides. A block smaller than one client is a client of its own"),
    IPV4_PREFIX(SettingType.upTo(32), 32, "How many leading bits of an IPv4 address tell one client from another"),
    IPV6_PREFIX(
            SettingType.upTo(IpAddress.BITS),
            64,
            "How many leading bits of an IPv6 address tell one client from another. Whoever has one IPv6 address has a"
                    + " whole /64, so a longer prefix is hardly a limit"),
    REFUSE(SettingType.oneOf(Refusal.class), Refusal.RESET, "How a connection over the limit is ended"),
    ON_ERROR(
            SettingType.oneOf(ErrorPolicy.class),
            ErrorPolicy.REFUSE,
            "What becomes of a connection that could not be counted because of an error"),
    MAX_PENDING_PER_CLIENT(
            SettingType.LIMIT,
            0,
            "How many connections of a client may be pending: before the end of their TLS handshake or, without TLS,"
                    + " before their first byte. Clients that a rule exempts have no such limit"),
    MAX_RATE_PER_CLIENT(
            SettingType.RATE,
            Rate.UNLIMITED,
            "How many connections a client may open in a second or a minute, unless a rule says so or exempts it. As many,"
                    + " or as many as the burst says, may come at once after a quiet time"),
    NETWORK_LIMITS(
            SettingType.NETWORKS,
            NetworkLimit.All.NONE,
            "How many connections all clients of a network may have open together, for networks of one length or several."
                    + " Clients that a rule exempts have no such limit and do not count. A length has to be less than"
                    + " ipv4Prefix or ipv6Prefix"),
    MAX_TOTAL(
            SettingType.LIMIT,
            0,
            "How many connections all clients together may have open. Clients that a rule exempts count, but are never"
                    + " refused for it"),
    ENFORCE_ABOVE(
            SettingType.upTo(Integer.MAX_VALUE),
            0,
            "From how many open connections in all, those of exempt clients included, the limits of clients are enforced."
                    + " Below, they are not; 0 means always. maxTotal has to be greater"),
    RESERVED_CONNECTIONS(
            SettingType.upTo(Integer.MAX_VALUE - ConnectionLimits.LEAST_FOR_STREAMS - 1),
            0,
            "How many connections of each limit WebSockets and event streams cannot use. Every limit has to be greater"
                    + " than this by more than " + ConnectionLimits.LEAST_FOR_STREAMS),
    HANDSHAKE_TIMEOUT(
            SettingType.TIMEOUT,
            Duration.ofSeconds(5),
            "How long a connection may take for its TLS handshake, and again for its first byte"),
    HEADER_TIMEOUT(
            SettingType.TIMEOUT,
            Duration.ZERO,
            "How long a request's header may take, from its first byte to its last"),
    DRY_RUN(SettingType.FLAG, false, "Whether to count and report only, and to refuse and close nothing"),
    RESPOND_RATE(
            SettingType.upTo(RefusalBudget.MOST_OPEN),
            10,
            "With refuse=respond on TLS: how many handshakes a second refused connections may cost, over all clients"),
    RESPOND_BURST(
            SettingType.upTo(RefusalBudget.MOST_OPEN),
            100,
            "With refuse=respond on TLS: how many handshakes refused connections may cost at once after a quiet time,"
                    + " over all clients"),
    RESPOND_MAX_OPEN(
            SettingType.upTo(RefusalBudget.MOST_OPEN),
            100,
            "With refuse=respond: how many refused connections may be open at a time, over all clients"),
    TARPIT_TIME(
            SettingType.TIMEOUT,
            Duration.ofSeconds(1),
            "With refuse=tarpit: how long a refused connection is kept open, unread and unanswered, before it is reset"),
    TARPIT_MAX_OPEN(
            SettingType.upTo(ConnectionLimits.MOST_HELD),
            1000,
            "With refuse=tarpit: how many refused connections may be kept open at a time, over all clients. One client gets"
                    + " half of them"),
    CLUSTER_URI(
            SettingType.CLUSTER_URI,
            ClusterUri.NONE,
            "Where the Redis or Valkey is by which several nodes hold one limit together. A node does so from the start of its"
                    + " server to the end. Needs connlimit-cluster"),
    CLUSTER_NAME(
            SettingType.NAME,
            "default",
            "Which nodes hold their limits together, if one Redis or Valkey serves several groups of nodes"),
    FREE_PER_CLIENT(
            SettingType.FREE,
            FreeShare.AUTO,
            "How many connections a client may have on each node of a cluster without asking the others, at most its limit;"
                    + " auto is the larger of 10 and a tenth of the limit"),
    LEASE_TIME(
            SettingType.between(Duration.ofSeconds(1), Duration.ofMinutes(10)),
            Duration.ofSeconds(10),
            "How long a node of a cluster keeps what it has reserved for a client without renewing it"),
    ON_CLUSTER_ERROR(
            SettingType.oneOf(ClusterErrorPolicy.class),
            ClusterErrorPolicy.LOCAL,
            "What a client may have on a node whose reservations have ended, because the Redis or Valkey is away: the whole"
                    + " limit on this node (local), or freePerClient (free)");

    static final List<Setting> ALL = List.of(values());

    private final String key = camelCase(name());
    private final SettingType<?> type;
    private final Object defaultValue;
    private final String description;

    <T> Settings(SettingType<T> type, T defaultValue, String description) {
        this.type = type;
        this.defaultValue = defaultValue;
        this.description = description;
    }

    private static String camelCase(String constant) {
        String words = Stream.of(constant.split("_"))
                .map(word -> word.charAt(0) + word.substring(1).toLowerCase(Locale.ROOT))
                .collect(Collectors.joining());
        return Character.toLowerCase(words.charAt(0)) + words.substring(1);
    }

    /** @throws IllegalArgumentException if there is no setting with this key */
    static Settings of(String key) {
        for (Settings setting : values()) {
            if (setting.key.equals(key)) {
                return setting;
            }
        }
        throw new IllegalArgumentException("\"" + key + "\" is no setting; allowed are "
                + Stream.of(values()).map(Settings::key).collect(Collectors.joining(", ")));
    }

    @Override
    public String key() {
        return key;
    }

    @Override
    public String description() {
        return description;
    }

    @Override
    public String allowed() {
        return type.allowed();
    }

    @Override
    public String shown(String text) {
        return this == CLUSTER_URI ? new ClusterUri(text).toString() : text;
    }

    @Override
    public String defaultText() {
        return print(defaultValue);
    }

    @Override
    public Class<?> type() {
        return type.type();
    }

    @Override
    public boolean isList() {
        return this == RULES || this == NETWORK_LIMITS;
    }

    Object defaultValue() {
        return defaultValue;
    }

    /**
     * Reads a value from text.
     *
     * @throws IllegalArgumentException if it is not allowed
     */
    Object read(String text) {
        return type.read(key, text);
    }

    /**
     * Checks a value.
     *
     * @return the value, in the form in which it is kept
     * @throws IllegalArgumentException if it is not allowed
     */
    Object check(Object value) {
        return type.check(key, Objects.requireNonNull(value, key));
    }

    /** The text that {@link #read} reads as this value. */
    String print(Object value) {
        return type.print(value);
    }

    IllegalArgumentException notAllowed(Object value, String allowed) {
        return SettingType.notAllowed(key, value, allowed);
    }
}
