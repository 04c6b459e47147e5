package io.github.connlimit.benchmarks.counting;

import io.github.connlimit.benchmarks.Clients;
import io.github.connlimit.benchmarks.Contender;
import io.github.connlimit.benchmarks.Target;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;

/** What is measured: which operation, on which clients, under how many rules. */
public enum Scenario {
    HOT_PAIR(Operation.PAIR, "pair, one hot client", 1, false, false, 0),
    RANDOM_PAIR(Operation.PAIR, "pair, one of 100,000 IPv4 clients", 100_000, false, false, 0),
    RANDOM_PAIR_IPV6(Operation.PAIR, "pair, one of 100,000 IPv6 /64 clients", 100_000, true, false, 0),
    RANDOM_PAIR_HELD(Operation.PAIR, "pair, one of 100,000 IPv4 clients with one open each", 100_000, false, true, 0),
    REFUSAL(Operation.REFUSAL, "refusal of a client at its limit", 1, false, true, 0),
    OPEN_CONNECTIONS(Operation.OPEN, "`openConnections` of one client", 1, false, true, 0),
    HOT_PAIR_10_RULES(Operation.PAIR, "pair, one hot client, 10 rules", 1, false, false, 10),
    HOT_PAIR_10000_RULES(Operation.PAIR, "pair, one hot client, 10,000 rules", 1, false, false, 10_000),
    RANDOM_PAIR_10000_RULES(
            Operation.PAIR, "pair, one of 100,000 IPv4 clients, 10,000 rules", 100_000, false, false, 10_000),
    RANDOM_PAIR_RATE(
            Operation.PAIR,
            "pair, one of 100,000 IPv4 clients, within `maxRatePerClient`",
            100_000,
            Map.of("maxRatePerClient", "1000000/s")),
    RANDOM_PAIR_1_NETWORK(
            Operation.PAIR,
            "pair, one of 100,000 IPv4 clients, with 1 length in `networkLimits`",
            100_000,
            Map.of("networkLimits", "ipv4/24=100000")),
    RANDOM_PAIR_2_NETWORKS(
            Operation.PAIR,
            "pair, one of 100,000 IPv4 clients, with 2 lengths in `networkLimits`",
            100_000,
            Map.of("networkLimits", "ipv4/24=100000, ipv4/16=100000")),
    HOT_PAIR_FAR_TOTAL(
            Operation.PAIR, "pair, one hot client, far below `maxTotal`", false, Map.of("maxTotal", "100000")),
    HOT_PAIR_NEAR_TOTAL(Operation.PAIR, "pair, one hot client, near `maxTotal`", false, Map.of("maxTotal", "50")),
    REFUSAL_ENFORCED(
            Operation.REFUSAL,
            "refusal of a client at its limit, above `enforceAbove`",
            true,
            Map.of("enforceAbove", "5")),
    REFUSAL_TOTAL(Operation.REFUSAL, "refusal for `maxTotal`", true, Map.of("maxPerClient", "100", "maxTotal", "10")),
    REFUSAL_RATE(
            Operation.REFUSAL,
            "refusal for `maxRatePerClient`",
            true,
            Map.of("maxPerClient", "100", "maxRatePerClient", "1/m,10")),
    REFUSAL_NETWORK(
            Operation.REFUSAL,
            "refusal for `networkLimits`",
            true,
            Map.of("maxPerClient", "100", "networkLimits", "ipv4/24=10"));

    /** The methods of {@link CountingBenchmark}. */
    enum Operation {
        PAIR("pair"),
        REFUSAL("refusal"),
        OPEN("open");

        private final String method;

        Operation(String method) {
            this.method = method;
        }

        String method() {
            return method;
        }
    }

    private final Operation operation;
    private final String title;
    private final int clients;
    private final boolean ipv6;
    private final boolean held;
    private final int rules;
    private final Map<String, String> settings;

    /** One client. */
    Scenario(Operation operation, String title, boolean held, Map<String, String> settings) {
        this(operation, title, 1, false, held, 0, settings);
    }

    Scenario(Operation operation, String title, int clients, Map<String, String> settings) {
        this(operation, title, clients, false, false, 0, settings);
    }

    Scenario(Operation operation, String title, int clients, boolean ipv6, boolean held, int rules) {
        this(operation, title, clients, ipv6, held, rules, Map.of());
    }

    Scenario(
            Operation operation,
            String title,
            int clients,
            boolean ipv6,
            boolean held,
            int rules,
            Map<String, String> settings) {
        this.operation = operation;
        this.title = title;
        this.clients = clients;
        this.ipv6 = ipv6;
        this.held = held;
        this.rules = rules;
        this.settings = settings;
    }

    Operation operation() {
        return operation;
    }

    String title() {
        return title;
    }

    int rules() {
        return rules;
    }

    /** Other settings than the limit of a client, or in place of it. */
    Map<String, String> settings() {
        return settings;
    }

    Clients clients() {
        return ipv6 ? Clients.ipv6(clients) : Clients.ipv4(clients);
    }

    /** How many connections each client has open from the beginning. */
    int held() {
        if (!held) {
            return 0;
        }
        return operation == Operation.REFUSAL ? limit() : 1;
    }

    int limit() {
        return operation == Operation.REFUSAL ? 10 : 100;
    }

    /** Who takes part. Rules and settings are connlimit's own: the others are those of {@link #withoutRules()}. */
    Set<Contender> contenders() {
        if (rules > 0 || !settings.isEmpty()) {
            return EnumSet.of(Contender.CONNLIMIT);
        }
        return this == HOT_PAIR || this == RANDOM_PAIR
                ? EnumSet.allOf(Contender.class)
                : EnumSet.complementOf(EnumSet.of(Contender.MULTISET));
    }

    /** The same without rules or settings. */
    Scenario withoutRules() {
        return switch (this) {
            case HOT_PAIR_10_RULES, HOT_PAIR_10000_RULES, HOT_PAIR_FAR_TOTAL, HOT_PAIR_NEAR_TOTAL -> HOT_PAIR;
            case REFUSAL_ENFORCED, REFUSAL_TOTAL, REFUSAL_RATE, REFUSAL_NETWORK -> REFUSAL;
            case RANDOM_PAIR_10000_RULES, RANDOM_PAIR_RATE, RANDOM_PAIR_1_NETWORK, RANDOM_PAIR_2_NETWORKS ->
                RANDOM_PAIR;
            default -> this;
        };
    }

    /** How much longer than the bare map it may take. */
    Target overCompute() {
        if (operation != Operation.PAIR) {
            return null;
        }
        return Target.atMost(rules > 0 ? 1.6 : 1.3);
    }

    /** How many bytes an operation may allocate. */
    Target bytes() {
        return switch (operation) {
            case PAIR -> Target.atMost(120);
            case REFUSAL -> Target.atMost(32);
            case OPEN -> null;
        };
    }

    /** How many times as long go-connlimit's way has to take at least. */
    Target oneLockOver() {
        return Target.atLeast(5);
    }
}
