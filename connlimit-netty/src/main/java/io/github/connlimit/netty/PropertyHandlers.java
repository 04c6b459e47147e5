package io.github.connlimit.netty;

import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.ConnectionPhase;
import java.net.InetSocketAddress;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/** One limiter for all servers, with the limits in properties. */
final class PropertyHandlers implements ServerHandlers {

    private static final String PREFIX = "connlimit.";

    private final ConnectionLimitHandler handler;

    /** @param properties others than those of connlimit may be among them */
    PropertyHandlers(Map<String, String> properties) {
        ConnectionLimits.Builder limits = ConnectionLimits.builder();
        properties.forEach((name, value) -> {
            // Names with one more point are somebody else's.
            if (name.startsWith(PREFIX) && name.indexOf('.', PREFIX.length()) < 0) {
                set(limits, name, value);
            }
        });
        // A server may speak TLS or not. To one that does, clear text is no answer: so none is given to any.
        handler = new ConnectionLimitHandler(new ConnectionLimiter(limits.build()), ConnectionPhase.HANDSHAKE);
    }

    static Map<String, String> ofTheSystem() {
        Map<String, String> properties = new HashMap<>();
        for (String name : System.getProperties().stringPropertyNames()) {
            properties.put(name, System.getProperty(name));
        }
        return properties;
    }

    private static void set(ConnectionLimits.Builder limits, String name, String value) {
        try {
            limits.set(name.substring(PREFIX.length()), value);
        } catch (IllegalArgumentException bad) {
            throw new IllegalArgumentException("property " + name + ": " + bad.getMessage(), bad);
        }
    }

    @Override
    public Optional<ConnectionLimitHandler> handler(InetSocketAddress address) {
        return Optional.of(handler);
    }
}
