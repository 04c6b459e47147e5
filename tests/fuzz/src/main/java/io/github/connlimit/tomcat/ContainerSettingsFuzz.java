package io.github.connlimit.tomcat;

import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.jetty.ConnectionLimitInstaller;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * Reads any texts as two settings that {@code server.xml} and a file {@code ini} of Jetty have: both make the same limits of
 * them, or both refuse them with a message that names a setting and does not tell a password.
 */
public final class ContainerSettingsFuzz {

    private static final List<String> NAMES =
            List.copyOf(ConnectionLimits.defaults().toSettings().keySet());

    private static final String PASSWORD = ":secret@";

    private ContainerSettingsFuzz() {}

    /** Called by Jazzer again and again. */
    public static void fuzzerTestOneInput(byte[] input) {
        if (input.length < 2) {
            return;
        }
        String first = name(input[0]);
        String second = name(input[1]);
        String[] texts = new String(input, 2, input.length - 2, StandardCharsets.UTF_8).split("\n", 2);
        String other = texts.length < 2 ? "" : texts[1];

        // Where no password belongs, there is none.
        boolean secret = hides(first, texts[0]) && hides(second, other);

        LimiterSettings tomcat = new LimiterSettings();
        require(tomcat.trySet(first, texts[0]) && tomcat.trySet(second, other), "unknown: " + first + ", " + second);
        ConnectionLimits ofTomcat = orNull(tomcat::limits, secret);
        ConnectionLimits ofJetty = orNull(
                () -> {
                    ConnectionLimitInstaller jetty = new ConnectionLimitInstaller();
                    jetty.set(first, texts[0]);
                    jetty.set(second, other);
                    return jetty.getLimiter().limits();
                },
                secret);
        // Jetty has refused the first before there is a second one that is taken in its place.
        boolean replaced = first.equals(second) && ofJetty == null;
        require(replaced || (ofTomcat == null ? ofJetty == null : ofTomcat.equals(ofJetty)), texts[0] + ", " + other);
        if (ofTomcat != null) {
            require(ofTomcat.toSettings().containsKey(first), first);
            tomcat.get(first);
        }
    }

    private static String name(byte which) {
        return NAMES.get(Byte.toUnsignedInt(which) % NAMES.size());
    }

    private interface Making {

        ConnectionLimits limits();
    }

    private static boolean hides(String name, String text) {
        return name.equals("clusterUri") || !text.contains(PASSWORD);
    }

    private static ConnectionLimits orNull(Making making, boolean secret) {
        try {
            return making.limits();
        } catch (IllegalArgumentException refused) {
            String message = String.valueOf(refused.getMessage());
            require(NAMES.stream().anyMatch(name -> message.startsWith(name + ": ")), message);
            require(!secret || !message.contains(PASSWORD), message);
            return null;
        }
    }

    private static void require(boolean holds, String text) {
        if (!holds) {
            throw new AssertionError(text);
        }
    }
}
