package io.github.connlimit;

import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.Locale;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * How the values of a setting are read from text, checked and printed. Instances are immutable.
 *
 * @param <T> the values
 */
abstract class SettingType<T> {

    static final String UNLIMITED = "unlimited";

    /** A number of connections. */
    static final SettingType<Integer> LIMIT = new WholeNumber(Integer.MAX_VALUE, " (0 = " + UNLIMITED + ")");

    static final SettingType<Duration> TIMEOUT = new Time(Duration.ofMillis(1), Duration.ofDays(24), ", or 0 (= off)");
    static final SettingType<Boolean> FLAG = new Flag();
    static final SettingType<Rules> RULES = new Text<>(Rules.class, Rules.ALLOWED, Rules::parse);
    static final SettingType<Rate> RATE = new Text<>(Rate.class, Rate.ALLOWED, Rate::parse);
    static final SettingType<NetworkLimit.All> NETWORKS =
            new Text<>(NetworkLimit.All.class, NetworkLimit.All.ALLOWED, NetworkLimit.All::parse);
    static final SettingType<ClusterUri> CLUSTER_URI =
            new Text<>(ClusterUri.class, ClusterUri.ALLOWED, ClusterUri::parse);
    static final SettingType<FreeShare> FREE = new Text<>(FreeShare.class, FreeShare.ALLOWED, FreeShare::parse);
    static final SettingType<String> NAME = new Name();

    private final Class<T> valueType;
    private final Class<?> type;
    private final String allowed;

    private SettingType(Class<T> valueType, Class<?> type, String allowed) {
        this.valueType = valueType;
        this.type = type;
        this.allowed = allowed;
    }

    /** A whole number from 0 to this one. */
    static SettingType<Integer> upTo(int most) {
        return new WholeNumber(most, "");
    }

    /** A time that is not zero. */
    static SettingType<Duration> between(Duration least, Duration most) {
        return new Time(least, most, "");
    }

    static <E extends Enum<E>> SettingType<E> oneOf(Class<E> values) {
        return new Choice<>(values);
    }

    static IllegalArgumentException notAllowed(String key, Object value, String allowed) {
        return new IllegalArgumentException(key + ": \"" + value + "\" is not allowed; " + allowed);
    }

    /** @return {@code null} if the text cannot be read */
    abstract T parse(String text);

    /** @return the value as it is kept, or {@code null} if it is out of range */
    T accept(T value) {
        return value;
    }

    String text(T value) {
        return value.toString();
    }

    final String allowed() {
        return allowed;
    }

    final Class<?> type() {
        return type;
    }

    T read(String key, String text) {
        T value = parse(text);
        return checked(key, value == null ? null : accept(value), text);
    }

    final T check(String key, Object value) {
        return checked(key, accept(valueType.cast(value)), value);
    }

    private T checked(String key, T value, Object given) {
        if (value == null) {
            throw notAllowed(key, given, allowed);
        }
        return value;
    }

    final String print(Object value) {
        return text(valueType.cast(value));
    }

    private static final class WholeNumber extends SettingType<Integer> {

        /** {@code Integer.parseInt} alone would also read signs and the digits of all scripts. */
        private static final Pattern DIGITS = Pattern.compile("[0-9]+");

        private final int most;

        WholeNumber(int most, String hint) {
            super(Integer.class, int.class, "a whole number from 0 to " + most + hint);
            this.most = most;
        }

        @Override
        Integer parse(String text) {
            try {
                return DIGITS.matcher(text).matches() ? Integer.valueOf(text) : null;
            } catch (NumberFormatException tooLarge) {
                return null;
            }
        }

        @Override
        Integer accept(Integer value) {
            return value < 0 || value > most ? null : value;
        }
    }

    private static final class Time extends SettingType<Duration> {

        private static final Pattern NUMBER_AND_UNIT = Pattern.compile("([0-9]{1,10})(ms|s|m)|0");

        private final Duration least;
        private final Duration most;
        private final boolean orZero;

        /** @param zero what it means, or empty if it is not allowed */
        Time(Duration least, Duration most, String zero) {
            super(
                    Duration.class,
                    Duration.class,
                    "a whole number with its unit, as in 500ms, 5s, 1m, from " + words(least) + " to " + words(most)
                            + zero);
            this.least = least;
            this.most = most;
            this.orZero = !zero.isEmpty();
        }

        private static String words(Duration time) {
            if (time.toDays() > 0) {
                return time.toDays() + " days";
            }
            if (time.toMinutes() > 0) {
                return time.toMinutes() + " minutes";
            }
            return time.toSeconds() > 0 ? time.toSeconds() + " s" : time.toMillis() + " ms";
        }

        @Override
        Duration parse(String text) {
            Matcher matcher = NUMBER_AND_UNIT.matcher(text);
            if (!matcher.matches()) {
                return null;
            }
            String unit = matcher.group(2);
            if (unit == null) {
                return Duration.ZERO;
            }
            long number = Long.parseLong(matcher.group(1));
            return switch (unit) {
                case "ms" -> Duration.ofMillis(number);
                case "s" -> Duration.ofSeconds(number);
                default -> Duration.ofMinutes(number);
            };
        }

        @Override
        Duration accept(Duration value) {
            if (value.isZero()) {
                return orZero ? value : null;
            }
            // Less than the least must not become zero, which means for ever.
            boolean inRange = value.compareTo(least) >= 0 && value.compareTo(most) <= 0;
            return inRange ? value.truncatedTo(ChronoUnit.MILLIS) : null;
        }

        @Override
        String text(Duration value) {
            return value.toMillis() + "ms";
        }
    }

    private static final class Flag extends SettingType<Boolean> {

        Flag() {
            super(Boolean.class, boolean.class, "true, false");
        }

        @Override
        Boolean parse(String text) {
            return text.equalsIgnoreCase("true") || text.equalsIgnoreCase("false") ? Boolean.valueOf(text) : null;
        }
    }

    private static final class Choice<E extends Enum<E>> extends SettingType<E> {

        private final E[] values;

        Choice(Class<E> values) {
            super(
                    values,
                    values,
                    Stream.of(values.getEnumConstants()).map(Choice::lowerCase).collect(Collectors.joining(", ")));
            this.values = values.getEnumConstants();
        }

        private static String lowerCase(Enum<?> value) {
            return value.name().toLowerCase(Locale.ROOT);
        }

        @Override
        E parse(String text) {
            return Stream.of(values)
                    .filter(value -> lowerCase(value).equalsIgnoreCase(text))
                    .findFirst()
                    .orElse(null);
        }

        @Override
        String text(E value) {
            return lowerCase(value);
        }
    }

    /** What tells one thing from another of its kind. */
    private static final class Name extends SettingType<String> {

        private static final Pattern ALLOWED = Pattern.compile("[A-Za-z0-9._-]{1,64}");

        Name() {
            super(String.class, String.class, "1 to 64 letters (A to Z), digits, dots, hyphens and underscores");
        }

        @Override
        String parse(String text) {
            return text;
        }

        @Override
        String accept(String value) {
            return ALLOWED.matcher(value).matches() ? value : null;
        }
    }

    /** What only text can say. */
    private static final class Text<T> extends SettingType<T> {

        private final Function<String, T> parser;

        /** @param parser gives {@code null} for what it cannot read, or throws what says why */
        Text(Class<T> valueType, String allowed, Function<String, T> parser) {
            super(valueType, String.class, allowed);
            this.parser = parser;
        }

        @Override
        T parse(String text) {
            return parser.apply(text);
        }
    }
}
