package io.github.connlimit;

import java.net.InetAddress;
import java.time.Duration;
import java.util.Collections;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * The configuration of a {@link ConnectionLimiter}: all of it may be changed while the limiter runs, by giving it
 * another instance. This class is immutable and thread-safe.
 *
 * <p>A setting has one name everywhere: its builder method, its key in {@link Builder#set}, and the first word of a
 * message about a bad value. {@link #settings()} describes each.
 *
 * @since 0.1.0
 */
public final class ConnectionLimits {

    /** What a limit has to leave for streams besides the reserve, at the least. */
    static final int LEAST_FOR_STREAMS = 5;

    /** The most that {@code tarpitMaxOpen} may say. */
    static final int MOST_HELD = 100_000;

    private final Map<Settings, Object> values;
    private final RuleTable table;

    // Read for each connection; looking these up in the map made a refusal a tenth slower.
    private final boolean dryRun;
    private final int maxPendingPerClient;
    private final int maxTotal;
    private final int enforceAbove;
    private final Duration handshakeTimeout;
    private final Duration headerTimeout;
    private final FreeShare freePerClient;

    private ConnectionLimits(Builder builder) {
        values = copy(builder.values);
        dryRun = (boolean) get(Settings.DRY_RUN);
        maxPendingPerClient = (int) get(Settings.MAX_PENDING_PER_CLIENT);
        maxTotal = (int) get(Settings.MAX_TOTAL);
        enforceAbove = (int) get(Settings.ENFORCE_ABOVE);
        handshakeTimeout = (Duration) get(Settings.HANDSHAKE_TIMEOUT);
        headerTimeout = (Duration) get(Settings.HEADER_TIMEOUT);
        freePerClient = (FreeShare) get(Settings.FREE_PER_CLIENT);
        table = new RuleTable(
                ((Rules) get(Settings.RULES)).asMap(),
                maxPerClient(),
                (Rate) get(Settings.MAX_RATE_PER_CLIENT),
                ipv4Prefix() + IpAddress.IPV4_OFFSET,
                ipv6Prefix());
    }

    private static Map<Settings, Object> copy(Map<Settings, Object> values) {
        Map<Settings, Object> copy = new EnumMap<>(values);
        copy.computeIfPresent(Settings.RULES, (setting, rules) -> ((Rules) rules).copy());
        return copy;
    }

    /** {@return all settings, in the order of the documentation; unmodifiable} */
    public static List<Setting> settings() {
        return Settings.ALL;
    }

    /** {@return a builder that begins with the defaults} */
    public static Builder builder() {
        Map<Settings, Object> defaults = new EnumMap<>(Settings.class);
        for (Settings setting : Settings.values()) {
            defaults.put(setting, setting.defaultValue());
        }
        return new Builder(copy(defaults));
    }

    /** {@return the defaults: {@code builder().build()}} */
    public static ConnectionLimits defaults() {
        return builder().build();
    }

    /** {@return a builder that begins with these limits} */
    public Builder toBuilder() {
        return new Builder(copy(values));
    }

    /** {@return how many connections a client may have open that no rule names; 0 means any number} */
    public int maxPerClient() {
        return (int) get(Settings.MAX_PER_CLIENT);
    }

    /** {@return the limits of address blocks, IPv4 first, in the order of addresses; 0 means any number; unmodifiable} */
    public Map<Cidr, Integer> rules() {
        return ((Rules) get(Settings.RULES)).limits();
    }

    /** {@return how many leading bits of an IPv4 address tell one client from another, 0 to 32} */
    public int ipv4Prefix() {
        return (int) get(Settings.IPV4_PREFIX);
    }

    /** {@return how many leading bits of an IPv6 address tell one client from another, 0 to 128} */
    public int ipv6Prefix() {
        return (int) get(Settings.IPV6_PREFIX);
    }

    /** {@return how a connection over the limit is ended} */
    public Refusal refuse() {
        return (Refusal) get(Settings.REFUSE);
    }

    /** {@return what becomes of a connection that could not be counted} */
    public ErrorPolicy onError() {
        return (ErrorPolicy) get(Settings.ON_ERROR);
    }

    /** {@return how many connections of a client may be pending; 0 means any number} */
    public int maxPendingPerClient() {
        return maxPendingPerClient;
    }

    /** {@return how many connections a client may open in a time, as in {@code 20/s,40}; {@code 0} means any number} */
    public String maxRatePerClient() {
        return get(Settings.MAX_RATE_PER_CLIENT).toString();
    }

    /**
     * {@return how many connections all clients of a network may have open together, as in
     * {@code ipv4/24=400, ipv6/48=800}; empty for any number}
     */
    public String networkLimits() {
        return get(Settings.NETWORK_LIMITS).toString();
    }

    List<NetworkLimit> limitsOfNetworks() {
        return ((NetworkLimit.All) get(Settings.NETWORK_LIMITS)).limits();
    }

    /** {@return how many connections all clients together may have open; 0 means any number} */
    public int maxTotal() {
        return maxTotal;
    }

    /** {@return from how many open connections in all the limits of clients are enforced; 0 means always} */
    public int enforceAbove() {
        return enforceAbove;
    }

    /** {@return how many connections of each limit streams cannot use} */
    public int reservedConnections() {
        return (int) get(Settings.RESERVED_CONNECTIONS);
    }

    /** {@return how long a connection may take for each phase before it is established; zero means for ever} */
    public Duration handshakeTimeout() {
        return handshakeTimeout;
    }

    /** {@return how long a request's header may take, from its first byte to its last; zero means for ever} */
    public Duration headerTimeout() {
        return headerTimeout;
    }

    /** {@return whether refusals and time-outs are counted and reported only, and not done} */
    public boolean dryRun() {
        return dryRun;
    }

    /** {@return how many refused connections a second may take a TLS handshake to be answered} */
    public int respondRate() {
        return (int) get(Settings.RESPOND_RATE);
    }

    /** {@return how many refused connections may take a TLS handshake at once after a quiet time} */
    public int respondBurst() {
        return (int) get(Settings.RESPOND_BURST);
    }

    /** {@return how many refused connections may be open at once to be answered} */
    public int respondMaxOpen() {
        return (int) get(Settings.RESPOND_MAX_OPEN);
    }

    /**
     * {@return how many connections the client of this address may open in a time, by the longest prefix of the rules, as in
     * {@code 20/s,40}; {@code 0} means any number}
     *
     * @param address of a client
     */
    public String rateFor(InetAddress address) {
        Rate rate = find(IpAddress.of(address)).rate();
        return (rate == null ? Rate.UNLIMITED : rate).toString();
    }

    /** {@return how long a refused connection is kept open before it is reset, with {@link Refusal#TARPIT}} */
    public Duration tarpitTime() {
        return (Duration) get(Settings.TARPIT_TIME);
    }

    /** {@return how many refused connections may be kept open at once, with {@link Refusal#TARPIT}} */
    public int tarpitMaxOpen() {
        return (int) get(Settings.TARPIT_MAX_OPEN);
    }

    /**
     * {@return where the Redis or Valkey is by which several nodes hold one limit together, empty if there is none} The user
     * and the password in it are shown as {@code ***}.
     */
    public String clusterUri() {
        return get(Settings.CLUSTER_URI).toString();
    }

    /** For those who connect; not for logs, nor for figures. */
    String clusterUriWithPassword() {
        return ((ClusterUri) get(Settings.CLUSTER_URI)).text();
    }

    /** {@return which nodes hold their limits together, of those that use the same Redis or Valkey} */
    public String clusterName() {
        return (String) get(Settings.CLUSTER_NAME);
    }

    /**
     * {@return how many connections a client may have on each node of a cluster without asking the others; {@code auto} for the
     * larger of 10 and a tenth of its limit}
     */
    public String freePerClient() {
        return freePerClient.toString();
    }

    /**
     * {@return how many connections a client with this limit may have on each node of a cluster without asking the others, 1 to
     * the limit}
     *
     * @param limit of the client, 1 or more
     */
    public int freeOf(int limit) {
        return freePerClient.of(limit);
    }

    /** {@return how long a node of a cluster keeps what it has reserved without renewing it} */
    public Duration leaseTime() {
        return (Duration) get(Settings.LEASE_TIME);
    }

    /** {@return what a client may have on a node of a cluster that cannot renew its reservations} */
    public ClusterErrorPolicy onClusterError() {
        return (ClusterErrorPolicy) get(Settings.ON_CLUSTER_ERROR);
    }

    Object get(Settings setting) {
        return values.get(setting);
    }

    /**
     * {@return whether a rule lets this address have any number of connections, whatever the limit of the others is}
     *
     * @param address of a client
     */
    public boolean isExempt(InetAddress address) {
        return find(IpAddress.of(address)).exempt();
    }

    /**
     * {@return the limit for this address, by the longest prefix of the rules; 0 means any number}
     *
     * @param address of a client
     */
    public int limitFor(InetAddress address) {
        return find(IpAddress.of(address)).limit();
    }

    /**
     * {@return the limit of a client, by the longest rule that all of it is in; 0 means any number}
     *
     * @param client as {@link #clientOf} gives it
     */
    public int limitFor(Cidr client) {
        return table.limit(new Client(client));
    }

    /**
     * {@return the client that this address belongs to: the block of addresses that is counted as one}
     *
     * @param address of a client
     */
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

    /**
     * {@return all settings as text, by key, in a fixed order; {@link Builder#set} reads each of them; unmodifiable} The user
     * and the password in {@code clusterUri} are {@code ***}, which {@code set} refuses.
     */
    public Map<String, String> toSettings() {
        Map<String, String> texts = new LinkedHashMap<>();
        values.forEach((setting, value) -> texts.put(setting.key(), setting.print(value)));
        return Collections.unmodifiableMap(texts);
    }

    /** Limits are equal if all settings are, also what {@link #toSettings()} does not show of {@code clusterUri}. */
    @Override
    public boolean equals(Object other) {
        return other instanceof ConnectionLimits that && values.equals(that.values);
    }

    @Override
    public int hashCode() {
        return values.hashCode();
    }

    /** {@return the settings, for people} */
    @Override
    public String toString() {
        return toSettings().toString();
    }

    /**
     * Makes {@link ConnectionLimits}. This class is not thread-safe. Every method checks what it is given at once and
     * throws {@link IllegalArgumentException} with a message that names the setting, the value and what is allowed; the
     * builder is then as it was before.
     *
     * @since 0.1.0
     */
    public static final class Builder {

        private final Map<Settings, Object> values;

        private Builder(Map<Settings, Object> values) {
            this.values = values;
        }

        /**
         * Sets how many connections a client may have open at once, unless a rule names it.
         *
         * @param connections 0 or more, 0 means any number; default 100
         * @return this builder
         */
        public Builder maxPerClient(int connections) {
            return set(Settings.MAX_PER_CLIENT, connections);
        }

        /**
         * Sets the limit of each client in a block of addresses. If an address is in several blocks, the one with the
         * longest prefix decides. A block smaller than one client (a longer prefix than {@code ipv4Prefix} or
         * {@code ipv6Prefix}) is counted as a client of its own.
         *
         * @param cidr for example {@code 10.0.0.0/8}; see {@link Cidr#parse}
         * @param connections 0 or more, 0 means any number
         * @return this builder
         */
        public Builder limit(String cidr, int connections) {
            ((Rules) values.get(Settings.RULES)).add(cidr, connections, null);
            return this;
        }

        /**
         * Sets the limit of each client in a block of addresses as {@link #limit(String, int)} does, and how many
         * connections it may open in a time.
         *
         * @param cidr for example {@code 10.0.0.0/8}; see {@link Cidr#parse}
         * @param connections 1 or more
         * @param rate as {@link #maxRatePerClient} takes it
         * @return this builder
         */
        public Builder limit(String cidr, int connections, String rate) {
            ((Rules) values.get(Settings.RULES))
                    .add(cidr, connections, SettingType.RATE.read(Settings.RULES.key(), rate.trim()));
            return this;
        }

        /**
         * Lets the clients in a block of addresses have any number of connections: {@code limit(cidr, 0)}.
         *
         * @param cidr for example {@code 127.0.0.0/8}; see {@link Cidr#parse}
         * @return this builder
         */
        public Builder exempt(String cidr) {
            return limit(cidr, 0);
        }

        /**
         * Replaces all limits of address blocks.
         *
         * @param text for example {@code 10.0.0.0/8=500, 192.0.2.0/24=500@50/s, 127.0.0.0/8=unlimited}, where an {@code @}
         *     begins a rate as {@link #maxRatePerClient} takes it; empty for none, which is the default
         * @return this builder
         */
        public Builder rules(String text) {
            return set(Settings.RULES, Settings.RULES.read(text));
        }

        /**
         * Sets how many leading bits of an IPv4 address tell one client from another.
         *
         * @param length 0 to 32; default 32
         * @return this builder
         */
        public Builder ipv4Prefix(int length) {
            return set(Settings.IPV4_PREFIX, length);
        }

        /**
         * Sets how many leading bits of an IPv6 address tell one client from another. One subscriber owns at least a /64
         * (RFC 6177), so a longer prefix is hardly a limit.
         *
         * @param length 0 to 128; default 64
         * @return this builder
         */
        public Builder ipv6Prefix(int length) {
            return set(Settings.IPV6_PREFIX, length);
        }

        /**
         * Sets how a connection over the limit is ended.
         *
         * @param how default {@link Refusal#RESET}
         * @return this builder
         */
        public Builder refuse(Refusal how) {
            return set(Settings.REFUSE, how);
        }

        /**
         * Sets what becomes of a connection that could not be counted.
         *
         * @param policy default {@link ErrorPolicy#REFUSE}
         * @return this builder
         */
        public Builder onError(ErrorPolicy policy) {
            return set(Settings.ON_ERROR, policy);
        }

        /**
         * Sets how many connections of one client may be pending at once: before the end of their TLS handshake or,
         * without TLS, before their first byte. Clients that a rule exempts have no such limit.
         *
         * @param connections 0 or more, 0 means any number; default 0
         * @return this builder
         */
        public Builder maxPendingPerClient(int connections) {
            return set(Settings.MAX_PENDING_PER_CLIENT, connections);
        }

        /**
         * Sets how many connections one client may open in a time, whether it closes them again or not: a token bucket, of
         * which each admitted connection takes one token, and a refused one none. Clients that a rule exempts have no such
         * limit, and neither have the requests that are counted for a client behind a proxy. A client without connections
         * is remembered until its bucket is full again, but no more than 100,000 are; beyond that, the fullest buckets are
         * taken for full.
         *
         * @param rate a number of tokens with the time in which they come back, {@code 20/s} or {@code 600/m}, and perhaps
         *     how many there are after a quiet time, {@code 20/s,40}, else as many as the first number; each number 1 to
         *     1,000,000; {@code 0} means any number of connections; default 0
         * @return this builder
         */
        public Builder maxRatePerClient(String rate) {
            return set(Settings.MAX_RATE_PER_CLIENT, Settings.MAX_RATE_PER_CLIENT.read(rate.trim()));
        }

        /**
         * Sets how many connections all clients of a network may have open together, beside the limit of each of them. There
         * may be limits for networks of several lengths at once. Clients that a rule exempts have no such limit, and do not
         * count. A network has its limit whatever the rules for clients in it say.
         *
         * @param text for example {@code ipv4/24=400, ipv6/48=800}: lengths from 1 to less than {@code ipv4Prefix} and
         *     {@code ipv6Prefix}, each once, with limits of 1 or more; empty for none, which is the default
         * @return this builder
         */
        public Builder networkLimits(String text) {
            return set(Settings.NETWORK_LIMITS, Settings.NETWORK_LIMITS.read(text.trim()));
        }

        /**
         * Sets how many connections all clients together may have open at once. One more is refused, unless a rule
         * exempts its client: health checks and operators get in. Connections of exempt clients count, too.
         *
         * @param connections 0 or more, 0 means any number; default 0
         * @return this builder
         */
        public Builder maxTotal(int connections) {
            return set(Settings.MAX_TOTAL, connections);
        }

        /**
         * Sets from how many open connections in all the limits of clients are enforced: of their connections, pending
         * ones and streams. Below it they are not, so that a quiet server never turns a large NAT away. The total is read
         * while others come and go, so it may be off by as many as do so within some microseconds.
         *
         * @param connections 0 or more, less than {@code maxTotal} if there is one; 0 means that limits always hold;
         *     default 0
         * @return this builder
         */
        public Builder enforceAbove(int connections) {
            return set(Settings.ENFORCE_ABOVE, connections);
        }

        /**
         * Sets how many connections of each limit streams cannot use, so that a client's ordinary requests get through. A
         * stream is a connection upgraded to another protocol, or a request for {@code text/event-stream}.
         *
         * @param connections 0 or more, 0 means that streams are like any other; every limit has to be greater than this
         *     by more than 5; default 0
         * @return this builder
         */
        public Builder reservedConnections(int connections) {
            return set(Settings.RESERVED_CONNECTIONS, connections);
        }

        /**
         * Sets how long a connection may take for its TLS handshake (a PROXY protocol header included), and then again
         * for the first byte of a request.
         *
         * @param timeout 1 ms to 24 days, cut to whole milliseconds; zero means for ever; default 5 s
         * @return this builder
         */
        public Builder handshakeTimeout(Duration timeout) {
            return set(Settings.HANDSHAKE_TIMEOUT, timeout);
        }

        /**
         * Sets how long a request's header may take, from its first byte to its last, whatever trickles in. The time
         * between two requests does not count. In HTTP/2 it is the time from the connection preface to the end of the
         * first request's header. Jetty and Tomcat only: no other adapter knows where a header ends.
         *
         * @param timeout 1 ms to 24 days, cut to whole milliseconds; zero, the default, means for ever
         * @return this builder
         */
        public Builder headerTimeout(Duration timeout) {
            return set(Settings.HEADER_TIMEOUT, timeout);
        }

        /**
         * Sets whether refusals and time-outs are counted and reported only, and not done: every client is admitted, and
         * counted.
         *
         * @param only default false
         * @return this builder
         */
        public Builder dryRun(boolean only) {
            return set(Settings.DRY_RUN, only);
        }

        /**
         * Sets how many refused connections a second may take a TLS handshake to be answered, over all clients.
         *
         * @param perSecond 0 to 1000; default 10
         * @return this builder
         */
        public Builder respondRate(int perSecond) {
            return set(Settings.RESPOND_RATE, perSecond);
        }

        /**
         * Sets how many refused connections may take a TLS handshake at once after a quiet time, over all clients.
         *
         * @param connections 0 to 1000, 0 means that none is answered on TLS; default 100
         * @return this builder
         */
        public Builder respondBurst(int connections) {
            return set(Settings.RESPOND_BURST, connections);
        }

        /**
         * Sets how many refused connections may be open at once to be answered, over all clients.
         *
         * @param connections 0 to 1000, 0 means that none is answered; default 100
         * @return this builder
         */
        public Builder respondMaxOpen(int connections) {
            return set(Settings.RESPOND_MAX_OPEN, connections);
        }

        /**
         * Sets how long a refused connection is kept open, unread and unanswered, before it is reset.
         *
         * @param time 1 ms to 24 days, cut to whole milliseconds; zero means that it is reset at once; default 1 s
         * @return this builder
         */
        public Builder tarpitTime(Duration time) {
            return set(Settings.TARPIT_TIME, time);
        }

        /**
         * Sets how many refused connections may be kept open at once, over all clients. Each takes a descriptor. One client
         * gets half of them.
         *
         * @param connections 0 to 100,000, 0 means that all are reset at once; default 1000
         * @return this builder
         */
        public Builder tarpitMaxOpen(int connections) {
            return set(Settings.TARPIT_MAX_OPEN, connections);
        }

        /**
         * Sets where the Redis or Valkey is by which several nodes hold one limit together. A server joins when it starts and
         * leaves when it stops; what it has joined by, this URI, {@code clusterName} and {@code leaseTime}, cannot be changed
         * in between. Needs connlimit-cluster on the class path.
         *
         * @param uri for example {@code redis://user:password@10.0.0.5:6379}; {@code rediss://} for TLS; several hosts,
         *     {@code redis://10.0.0.5,10.0.0.6}, for a Redis Cluster; {@code redis-sentinel://10.0.0.5,10.0.0.6#name} for
         *     Sentinel; empty for none, which is the default
         * @return this builder
         */
        public Builder clusterUri(String uri) {
            return set(Settings.CLUSTER_URI, Settings.CLUSTER_URI.read(uri.trim()));
        }

        /**
         * Sets which nodes hold their limits together, of those that use the same Redis or Valkey.
         *
         * @param name 1 to 64 letters, digits, dots, hyphens and underscores; default {@code default}
         * @return this builder
         */
        public Builder clusterName(String name) {
            return set(Settings.CLUSTER_NAME, name);
        }

        /**
         * Sets how many connections a client may have on each node of a cluster without asking the others. With N nodes, a
         * client has no more than its limit and (N - 1) times this.
         *
         * @param connections a whole number from 1, at most the limit is used; or {@code auto}, the default, for the larger of
         *     10 and a tenth of the limit
         * @return this builder
         */
        public Builder freePerClient(String connections) {
            return set(Settings.FREE_PER_CLIENT, Settings.FREE_PER_CLIENT.read(connections.trim()));
        }

        /**
         * Sets how long a node of a cluster keeps what it has reserved for a client without renewing it: so long others do
         * without the share of a node that has died.
         *
         * @param time 1 s to 10 minutes, cut to whole milliseconds; default 10 s
         * @return this builder
         */
        public Builder leaseTime(Duration time) {
            return set(Settings.LEASE_TIME, time);
        }

        /**
         * Sets what a client may have on a node of a cluster that has not been able to renew its reservations for
         * {@code leaseTime}.
         *
         * @param policy default {@link ClusterErrorPolicy#LOCAL}
         * @return this builder
         */
        public Builder onClusterError(ClusterErrorPolicy policy) {
            return set(Settings.ON_CLUSTER_ERROR, policy);
        }

        /**
         * Sets one setting by its key and its text, for configuration files.
         *
         * @param key see {@link Setting#key()}
         * @param text as {@link ConnectionLimits#toSettings()} has it; {@code reset}, {@code close}, {@code respond} and
         *     the like in lower or upper case; blanks round it are dropped
         * @return this builder
         * @throws IllegalArgumentException also if there is no such setting
         */
        public Builder set(String key, String text) {
            Objects.requireNonNull(text, key);
            Settings setting = Settings.of(key);
            return set(setting, setting.read(text.trim()));
        }

        Builder set(Settings setting, Object value) {
            values.put(setting, setting.check(value));
            return this;
        }

        /**
         * Makes the limits as set so far.
         *
         * @return new limits; this builder can be used again
         * @throws IllegalArgumentException if {@code reservedConnections} leaves too little of a limit,
         *     {@code enforceAbove} is not less than {@code maxTotal}, or a length in {@code networkLimits} is not less than
         *     {@code ipv4Prefix} or {@code ipv6Prefix}
         */
        public ConnectionLimits build() {
            ConnectionLimits limits = new ConnectionLimits(this);
            checkReserve(limits.reservedConnections(), "maxPerClient", limits.maxPerClient());
            limits.rules()
                    .forEach(
                            (cidr, limit) -> checkReserve(limits.reservedConnections(), "the limit of " + cidr, limit));
            if (limits.maxTotal > 0 && limits.enforceAbove >= limits.maxTotal) {
                throw Settings.ENFORCE_ABOVE.notAllowed(
                        limits.enforceAbove, "it has to be less than maxTotal, which is " + limits.maxTotal);
            }
            limits.limitsOfNetworks()
                    .forEach(network ->
                            checkLength(network, network.ipv4() ? limits.ipv4Prefix() : limits.ipv6Prefix()));
            return limits;
        }

        private static void checkLength(NetworkLimit network, int clientPrefix) {
            if (network.length() >= clientPrefix) {
                throw Settings.NETWORK_LIMITS.notAllowed(
                        network,
                        "its length has to be less than " + (network.ipv4() ? "ipv4Prefix" : "ipv6Prefix")
                                + ", which is " + clientPrefix);
            }
        }

        private static void checkReserve(int reserve, String what, int limit) {
            if (reserve > 0 && limit != 0 && limit - LEAST_FOR_STREAMS <= reserve) {
                throw Settings.RESERVED_CONNECTIONS.notAllowed(
                        reserve,
                        "every limit has to be greater than it by more than " + LEAST_FOR_STREAMS + ", and " + what
                                + " is " + limit);
            }
        }
    }
}
