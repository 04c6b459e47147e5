package io.github.connlimit;

import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * How many connections a client may open in a time: a token bucket, of which each connection takes one token. This class
 * is immutable.
 *
 * @param connections how many tokens come back in each unit of time; 0 means any number of connections
 * @param perMinute whether the unit is a minute, and not a second
 * @param burst how many tokens there are after a quiet time
 */
record Rate(int connections, boolean perMinute, int burst) {

    static final Rate UNLIMITED = new Rate(0, false, 0);

    static final int MOST = 1_000_000;

    static final String ALLOWED =
            "a number with its time, as in 20/s or 600/m, or with a burst as in 20/s,40, each number" + " from 1 to "
                    + MOST + ", or 0 (= " + SettingType.UNLIMITED + ")";

    private static final Pattern TEXT =
            Pattern.compile("(?<connections>[0-9]{1,7})/(?<unit>[sm])(?:\\s*,\\s*(?<burst>[0-9]{1,7}))?");

    /** @return {@code null} if the text cannot be read, or a number is out of range */
    static Rate parse(String text) {
        if (text.equals("0")) {
            return UNLIMITED;
        }
        Matcher matcher = TEXT.matcher(text);
        if (!matcher.matches()) {
            return null;
        }
        int connections = Integer.parseInt(matcher.group("connections"));
        String burst = matcher.group("burst");
        Rate rate = new Rate(
                connections, matcher.group("unit").equals("m"), burst == null ? connections : Integer.parseInt(burst));
        return isAllowed(rate.connections) && isAllowed(rate.burst) ? rate : null;
    }

    private static boolean isAllowed(int number) {
        return number >= 1 && number <= MOST;
    }

    boolean isUnlimited() {
        return connections == 0;
    }

    /** How long one token takes to come back, cut to whole nanoseconds. Not to be asked of an unlimited one. */
    long nanosPerToken() {
        return (perMinute ? TimeUnit.MINUTES : TimeUnit.SECONDS).toNanos(1) / connections;
    }

    /** The text that {@link #parse} reads as this rate. */
    @Override
    public String toString() {
        if (isUnlimited()) {
            return "0";
        }
        return connections + (perMinute ? "/m" : "/s") + (burst == connections ? "" : "," + burst);
    }
}
