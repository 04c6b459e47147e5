package io.github.connlimit.netty;

import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.ConnectionPhase;
import java.net.InetSocketAddress;
import java.util.Optional;

/** One limiter for all servers, with the limits in system properties. */
final class SystemPropertyHandlers implements ServerHandlers {

    private static final String PREFIX = "connlimit.";

    private final ConnectionLimitHandler handler;

    SystemPropertyHandlers() {
        ConnectionLimits.Builder limits = ConnectionLimits.builder();
        for (String name : System.getProperties().stringPropertyNames()) {
            // Names with one more point are somebody else's.
            if (name.startsWith(PREFIX) && name.indexOf('.', PREFIX.length()) < 0) {
                limits.set(name.substring(PREFIX.length()), System.getProperty(name));
            }
        }
        // A server may speak TLS or not. To one that does, clear text is no answer: so none is given to any.
        handler = new ConnectionLimitHandler(new ConnectionLimiter(limits.build()), ConnectionPhase.HANDSHAKE);
    }

    @Override
    public Optional<ConnectionLimitHandler> handler(InetSocketAddress address) {
        return Optional.of(handler);
    }
}
