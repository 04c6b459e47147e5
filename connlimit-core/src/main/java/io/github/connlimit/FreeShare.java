package io.github.connlimit;

import java.util.regex.Pattern;

/**
 * What a client may have on each node of a cluster without a reservation.
 *
 * @param connections 1 or more; 0 for the larger of 10 and a tenth of its limit
 */
record FreeShare(int connections) {

    static final FreeShare AUTO = new FreeShare(0);

    static final String ALLOWED = "a whole number from 1 to " + Integer.MAX_VALUE
            + " (with 0, the first connection of each client would have to wait for the network), or auto";

    private static final Pattern NUMBER = Pattern.compile("[1-9][0-9]{0,9}");
    private static final int LEAST = 10;
    private static final int PART_OF_THE_LIMIT = 10;

    /** @return {@code null} if the text cannot be read */
    static FreeShare parse(String text) {
        if (text.equalsIgnoreCase("auto")) {
            return AUTO;
        }
        long connections = NUMBER.matcher(text).matches() ? Long.parseLong(text) : 0;
        return connections < 1 || connections > Integer.MAX_VALUE ? null : new FreeShare((int) connections);
    }

    /** What is free of a limit of 1 or more. */
    int of(int limit) {
        return Math.min(limit, connections > 0 ? connections : Math.max(LEAST, limit / PART_OF_THE_LIMIT));
    }

    @Override
    public String toString() {
        return connections == 0 ? "auto" : Integer.toString(connections);
    }
}
