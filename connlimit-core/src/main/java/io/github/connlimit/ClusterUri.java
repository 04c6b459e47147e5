package io.github.connlimit;

import java.util.regex.Pattern;

/**
 * Where the engine of a cluster is. Prints itself without its password.
 *
 * @param text as it was given; empty for no cluster
 */
record ClusterUri(String text) {

    static final ClusterUri NONE = new ClusterUri("");

    /** What is shown of a user and a password, and of what may be one. */
    private static final String HIDDEN = "***";

    static final String ALLOWED =
            "a URI that begins with redis://, rediss://, redis-sentinel:// or rediss-sentinel://, or"
                    + " nothing for no cluster";

    private static final Pattern URI = Pattern.compile("rediss?(-sentinel)?://\\S+");

    /** The user and the password stand before the last @; what has one in it by mistake is one, too. */
    private static final Pattern CREDENTIALS = Pattern.compile("([a-z-]+://)?.*@", Pattern.DOTALL);

    /** Whoever forgets the @ has a password where a port would be. All from there on may belong to it. */
    private static final Pattern NO_PORT =
            Pattern.compile("\\A((?:[a-z-]+://)?+(?:\\[[^\\]]*\\]|:[0-9]{1,5}(?=[,/?#]|$)|[^:])*+:).*", Pattern.DOTALL);

    /** @throws IllegalArgumentException if it is no such URI; the message has no password in it */
    static ClusterUri parse(String text) {
        ClusterUri uri = new ClusterUri(text);
        if (text.contains(HIDDEN + "@") || text.endsWith(":" + HIDDEN)) {
            throw SettingType.notAllowed(
                    Settings.CLUSTER_URI.key(),
                    uri,
                    "it was read where its password is not shown, and is to be given again");
        }
        if (text.isEmpty() || URI.matcher(text).matches()) {
            return uri;
        }
        throw SettingType.notAllowed(Settings.CLUSTER_URI.key(), uri, ALLOWED);
    }

    @Override
    public String toString() {
        return text.contains("@")
                ? CREDENTIALS.matcher(text).replaceFirst("$1" + HIDDEN + "@")
                : NO_PORT.matcher(text).replaceFirst("$1" + HIDDEN);
    }
}
