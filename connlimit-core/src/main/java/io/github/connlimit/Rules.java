package io.github.connlimit;

import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** The limits of address blocks, by block in the order of addresses; 0 means any number. This class is not thread-safe. */
final class Rules {

    static final String ALLOWED = "rules as in \"10.0.0.0/8=500, 127.0.0.0/8=unlimited\"";

    private final TreeMap<Cidr, Integer> limits = new TreeMap<>();

    /** @throws IllegalArgumentException if one of the rules is malformed, or there are two for one block */
    static Rules parse(String text) {
        Rules rules = new Rules();
        if (!text.isBlank()) {
            for (String rule : text.split(",", -1)) {
                int equals = rule.indexOf('=');
                if (equals < 0) {
                    throw Settings.RULES.notAllowed(rule.trim(), ALLOWED);
                }
                String limit = rule.substring(equals + 1).trim();
                rules.add(
                        rule.substring(0, equals).trim(),
                        limit.equals(SettingType.UNLIMITED) ? 0 : SettingType.LIMIT.read(Settings.RULES.key(), limit));
            }
        }
        return rules;
    }

    /** @throws IllegalArgumentException if the block or the limit is not allowed; nothing has changed then */
    void add(String block, int limit) {
        SettingType.LIMIT.check(Settings.RULES.key(), limit);
        Cidr cidr;
        try {
            cidr = Cidr.parse(block);
        } catch (IllegalArgumentException malformed) {
            throw new IllegalArgumentException(Settings.RULES.key() + ": " + malformed.getMessage(), malformed);
        }
        if (limits.putIfAbsent(cidr, limit) != null) {
            throw Settings.RULES.notAllowed(
                    block, "one rule for each block, and there is one for " + cidr + " already");
        }
    }

    Rules copy() {
        Rules copy = new Rules();
        copy.limits.putAll(limits);
        return copy;
    }

    /** An unmodifiable view. */
    Map<Cidr, Integer> asMap() {
        return Collections.unmodifiableMap(limits);
    }

    /** The text that {@link #parse} reads as these rules. */
    @Override
    public String toString() {
        return limits.entrySet().stream()
                .map(rule -> rule.getKey() + "=" + (rule.getValue() == 0 ? SettingType.UNLIMITED : rule.getValue()))
                .collect(Collectors.joining(", "));
    }
}
