package io.github.connlimit.benchmarks.serve;

import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;

/**
 * What a server is to be.
 *
 * @param port where it listens on loopback
 * @param protection what limits its clients
 * @param maxPerClient how many connections, or threads, a client may have; 0 means any number
 * @param tls whether it speaks TLS
 */
record Setup(int port, Protection protection, int maxPerClient, boolean tls) {

    /** The listen backlog, so that the generator's attempts fit in. */
    static final int BACKLOG = 1024;

    /** Longer than any benchmark keeps connections idle. */
    static final int IDLE_MILLIS = 900_000;

    private static final byte[] BODY = "OK\n".getBytes(StandardCharsets.US_ASCII);

    static final String CONTENT_TYPE = "text/plain;charset=utf-8";

    InetAddress address() {
        return InetAddress.getLoopbackAddress();
    }

    ConnectionLimiter limiter() {
        ConnectionLimits.Builder limits = ConnectionLimits.builder().maxPerClient(maxPerClient);
        protection.settings().forEach(limits::set);
        return new ConnectionLimiter(limits.build());
    }

    static byte[] body() {
        return BODY.clone();
    }
}
