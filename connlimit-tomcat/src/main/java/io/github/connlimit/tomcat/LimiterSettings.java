package io.github.connlimit.tomcat;

import io.github.connlimit.ClientUsage;
import io.github.connlimit.ClusterSnapshot;
import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.LimiterSnapshot;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.ToLongFunction;

/**
 * The settings of a limiter as {@code server.xml} gives them, and as JMX shows and changes them. If a setter throws, Tomcat
 * only logs it and goes on without the setting. So nothing is checked before {@link #limits()}, which is called where an
 * exception keeps the component from starting. This class is thread-safe.
 */
final class LimiterSettings {

    private final Map<String, String> given = new LinkedHashMap<>();

    /** What the settings are read from and written to, once it is there. */
    private ConnectionLimiter limiter;

    static boolean isSetting(String name) {
        return ConnectionLimits.defaults().toSettings().containsKey(name);
    }

    /**
     * Before there is a limiter, keeps the value as it is; from then on, changes the limiter at once.
     *
     * @throws IllegalArgumentException if there is a limiter and the value is not allowed; nothing has changed then
     */
    synchronized void set(String name, String value) {
        String text = String.valueOf(value);
        if (limiter == null) {
            given.put(name, text);
        } else {
            limiter.reconfigure(limits -> limits.toBuilder().set(name, text).build());
        }
    }

    /**
     * {@link #set}, if there is such a setting.
     *
     * @return whether there is
     */
    boolean trySet(String name, String value) {
        if (!isSetting(name)) {
            return false;
        }
        set(name, value);
        return true;
    }

    synchronized String get(String name) {
        if (limiter != null) {
            return limiter.limits().toSettings().get(name);
        }
        String text = given.get(name);
        return text == null ? ConnectionLimits.defaults().toSettings().get(name) : shown(name, text);
    }

    private static String shown(String name, String text) {
        return ConnectionLimits.settings().stream()
                .filter(setting -> setting.key().equals(name))
                .findFirst()
                .map(setting -> setting.shown(text))
                .orElse(text);
    }

    /** Whether any setting was given before there was a limiter. */
    synchronized boolean isGiven() {
        return !given.isEmpty();
    }

    /** The names of the settings that were given, for messages. */
    synchronized String givenNames() {
        return String.join(", ", given.keySet());
    }

    /**
     * The limits that these settings make.
     *
     * @throws IllegalArgumentException if a value is not allowed; the message has all such values
     */
    synchronized ConnectionLimits limits() {
        ConnectionLimits.Builder builder = ConnectionLimits.builder();
        List<String> wrong = new ArrayList<>();
        given.forEach((name, value) -> {
            try {
                builder.set(name, value);
            } catch (IllegalArgumentException notAllowed) {
                wrong.add(notAllowed.getMessage());
            }
        });
        if (!wrong.isEmpty()) {
            throw new IllegalArgumentException(String.join("; ", wrong));
        }
        return builder.build();
    }

    /** From now on, reads the settings from this limiter and writes them to it. */
    synchronized void use(ConnectionLimiter inForce) {
        limiter = inForce;
    }

    /** The limiter in force, or {@code null} before the start. */
    synchronized ConnectionLimiter limiter() {
        return limiter;
    }

    /** One of the figures, 0 before there is a limiter. */
    static long figure(ConnectionLimiter inForce, ToLongFunction<LimiterSnapshot> figure) {
        return inForce == null ? 0 : figure.applyAsLong(inForce.snapshot(0));
    }

    static ClusterSnapshot cluster(ConnectionLimiter inForce) {
        return inForce == null ? ClusterSnapshot.NONE : inForce.cluster().orElse(ClusterSnapshot.NONE);
    }

    /** The clients with most open connections as text, one each, for JMX. */
    static String[] topClients(ConnectionLimiter inForce, int count) {
        return inForce == null
                ? new String[0]
                : inForce.snapshot(count).topClients().stream()
                        .map(LimiterSettings::text)
                        .toArray(String[]::new);
    }

    /** The networks with most of what their limits allow as text, one each, for JMX. */
    static String[] topNetworks(ConnectionLimiter inForce, int count) {
        return inForce == null
                ? new String[0]
                : inForce.snapshot(count).topNetworks().stream()
                        .map(usage -> usage.network() + " open=" + usage.openConnections() + " limit=" + usage.limit())
                        .toArray(String[]::new);
    }

    private static String text(ClientUsage usage) {
        return usage.client() + " open=" + usage.openConnections() + " pending=" + usage.pendingConnections()
                + " streams=" + usage.streams() + " limit=" + (usage.limit() == 0 ? "unlimited" : usage.limit());
    }
}
