package io.github.connlimit.examples;

import io.github.connlimit.Cidr;
import io.github.connlimit.ConnectionLimiter;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.Optional;

/**
 * What a server is to be.
 *
 * @param name of the server, in its figures and on its page
 * @param address where it listens; port 0 for any that is free
 * @param limiter counts its connections; empty for a server without connlimit
 * @param tls its certificate; empty for plaintext
 * @param proxyProtocol whether each connection begins with a PROXY protocol header
 * @param trustedProxies whose forwarded headers name the client of a request; empty for nobody's
 */
record ServerSettings(
        String name,
        InetSocketAddress address,
        Optional<ConnectionLimiter> limiter,
        Optional<SelfSignedCertificate> tls,
        boolean proxyProtocol,
        List<Cidr> trustedProxies) {

    /** How long a connection may be idle: longer than the longest {@code /hold}, so that no server cuts one short. */
    static final int IDLE_MILLIS = Resources.MAX_HOLD_MILLIS + 10_000;

    Resources resources() {
        return new Resources(name, limiter);
    }
}
