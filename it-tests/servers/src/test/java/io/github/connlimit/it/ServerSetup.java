package io.github.connlimit.it;

import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.RefusalHandler;
import java.time.Duration;

/**
 * What a server under test is to be like.
 *
 * @param limiter counts its connections
 * @param application answers its requests
 * @param transport what it speaks below HTTP
 * @param host where to listen, or {@code null} for all addresses
 * @param idleTimeout after which it closes a connection on which nothing comes
 * @param refusalHandler ends refused connections, or {@code null} for what the limits say
 */
record ServerSetup(
        ConnectionLimiter limiter,
        Application application,
        Transport transport,
        String host,
        Duration idleTimeout,
        RefusalHandler<Object> refusalHandler) {

    /** On 127.0.0.1, and patient. */
    ServerSetup(ConnectionLimiter limiter, Application application, Transport transport) {
        this(limiter, application, transport, "127.0.0.1", Duration.ofSeconds(60), null);
    }

    boolean tls() {
        return transport == Transport.TLS;
    }

    int idleTimeoutMillis() {
        return Math.toIntExact(idleTimeout.toMillis());
    }

    ServerSetup withHost(String changed) {
        return new ServerSetup(limiter, application, transport, changed, idleTimeout, refusalHandler);
    }

    ServerSetup withIdleTimeout(Duration changed) {
        return new ServerSetup(limiter, application, transport, host, changed, refusalHandler);
    }

    ServerSetup withRefusalHandler(RefusalHandler<Object> changed) {
        return new ServerSetup(limiter, application, transport, host, idleTimeout, changed);
    }
}
