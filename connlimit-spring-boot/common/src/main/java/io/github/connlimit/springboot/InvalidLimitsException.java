package io.github.connlimit.springboot;

import java.io.Serial;
import java.util.Locale;

/** A property has a value that is not allowed. */
final class InvalidLimitsException extends RuntimeException {

    @Serial
    private static final long serialVersionUID = 1;

    private final String property;

    /** @param cause whose message begins with the setting */
    InvalidLimitsException(IllegalArgumentException cause) {
        super(cause.getMessage(), cause);
        property = "connlimit." + kebabCase(cause.getMessage().split(":", 2)[0]);
    }

    /** The property as it is written in a file. */
    String property() {
        return property;
    }

    static String kebabCase(String setting) {
        return setting.replaceAll("(?=[A-Z])", "-").toLowerCase(Locale.ROOT);
    }
}
