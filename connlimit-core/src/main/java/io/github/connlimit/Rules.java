package io.github.connlimit;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** The limits of address blocks, by block in the order of addresses. This class is not thread-safe. */
final class Rules {

    static final String ALLOWED =
            "rules as in \"10.0.0.0/8=500, 192.0.2.0/24=500@50/s, 127.0.0.0/8=" + SettingType.UNLIMITED + "\"";

    /** Not every comma: that of a rate has no more than a number behind it. */
    private static final Pattern BETWEEN_RULES = Pattern.compile(",(?!\\s*[0-9]+\\s*(?:,|$))");

    /**
     * What holds for each client in a block.
     *
     * @param limit how many connections; 0 means any number
     * @param rate how many in a time, or {@code null} if that is as for all
     */
    record Rule(int limit, Rate rate) {

        boolean exempts() {
            return limit == 0;
        }

        @Override
        public String toString() {
            return (limit == 0 ? SettingType.UNLIMITED : limit) + (rate == null ? "" : "@" + rate);
        }
    }

    private final TreeMap<Cidr, Rule> rules = new TreeMap<>();

    /** @throws IllegalArgumentException if one of the rules is malformed, or there are two for one block */
    static Rules parse(String text) {
        Rules rules = new Rules();
        if (!text.isBlank()) {
            for (String rule : BETWEEN_RULES.split(text, -1)) {
                rules.add(rule.trim());
            }
        }
        return rules;
    }

    private void add(String rule) {
        int equals = rule.indexOf('=');
        if (equals < 0) {
            throw Settings.RULES.notAllowed(rule, ALLOWED);
        }
        String block = rule.substring(0, equals).trim();
        String value = rule.substring(equals + 1);
        int at = value.indexOf('@');
        String limit = (at < 0 ? value : value.substring(0, at)).trim();
        add(
                block,
                limit.equals(SettingType.UNLIMITED) ? 0 : SettingType.LIMIT.read(Settings.RULES.key(), limit),
                at < 0
                        ? null
                        : SettingType.RATE.read(
                                Settings.RULES.key(), value.substring(at + 1).trim()));
    }

    /**
     * Adds a rule.
     *
     * @param rate {@code null} for the one that holds for all
     * @throws IllegalArgumentException if the block or the limit is not allowed; nothing has changed then
     */
    void add(String block, int limit, Rate rate) {
        SettingType.LIMIT.check(Settings.RULES.key(), limit);
        Cidr cidr;
        try {
            cidr = Cidr.parse(block);
        } catch (IllegalArgumentException malformed) {
            throw new IllegalArgumentException(Settings.RULES.key() + ": " + malformed.getMessage(), malformed);
        }
        if (limit == 0 && rate != null) {
            throw Settings.RULES.notAllowed(
                    block + "=" + new Rule(limit, rate), "a block without a limit has no rate either");
        }
        if (rules.putIfAbsent(cidr, new Rule(limit, rate)) != null) {
            throw Settings.RULES.notAllowed(
                    block, "one rule for each block, and there is one for " + cidr + " already");
        }
    }

    Rules copy() {
        Rules copy = new Rules();
        copy.rules.putAll(rules);
        return copy;
    }

    /** An unmodifiable view. */
    Map<Cidr, Rule> asMap() {
        return Collections.unmodifiableMap(rules);
    }

    /** The numbers of connections, 0 meaning any; unmodifiable. */
    Map<Cidr, Integer> limits() {
        Map<Cidr, Integer> limits = new LinkedHashMap<>();
        rules.forEach((block, rule) -> limits.put(block, rule.limit()));
        return Collections.unmodifiableMap(limits);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Rules that && rules.equals(that.rules);
    }

    @Override
    public int hashCode() {
        return rules.hashCode();
    }

    /** The text that {@link #parse} reads as these rules. */
    @Override
    public String toString() {
        return rules.entrySet().stream().map(Object::toString).collect(Collectors.joining(", "));
    }
}
