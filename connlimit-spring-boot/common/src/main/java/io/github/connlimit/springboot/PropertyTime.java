package io.github.connlimit.springboot;

import io.github.connlimit.ConnectionLimits;
import java.time.Duration;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import org.springframework.boot.convert.DurationStyle;

/**
 * Reads times as every other configuration of connlimit does, and besides what Spring Boot alone can read, such as
 * {@code PT5S} and {@code 1h}. A number without a unit is refused, which Spring Boot would take for milliseconds.
 */
final class PropertyTime {

    private static final Pattern WITH_UNIT = Pattern.compile("(?i)P.+|[0-9]+[a-z]+");

    private PropertyTime() {}

    /**
     * Sets a time.
     *
     * @param setter of the builder, for this setting
     * @throws IllegalArgumentException if it is none, or out of range; the message begins with the setting
     */
    static void set(ConnectionLimits.Builder builder, String key, String text, Consumer<Duration> setter) {
        try {
            builder.set(key, text);
        } catch (IllegalArgumentException notAllowed) {
            setter.accept(parse(text.strip(), notAllowed));
        }
    }

    private static Duration parse(String text, IllegalArgumentException notAllowed) {
        if (!WITH_UNIT.matcher(text).matches()) {
            throw notAllowed;
        }
        try {
            return DurationStyle.detectAndParse(text);
        } catch (IllegalArgumentException notReadable) {
            throw notAllowed;
        }
    }
}
