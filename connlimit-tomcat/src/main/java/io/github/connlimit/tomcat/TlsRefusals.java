package io.github.connlimit.tomcat;

import io.github.connlimit.ConnectionGate;
import io.github.connlimit.RefusalBudget;
import io.github.connlimit.Rejection;
import java.nio.channels.NetworkChannel;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/**
 * The connections of an endpoint that are refused but let in as far as it takes to answer them over TLS. They have no
 * permit and are bounded by their places in the budget. This class is thread-safe.
 *
 * @param <U> the channel of a connection
 */
final class TlsRefusals<U extends NetworkChannel> {

    /** How long the handshake and the request may take together at most. */
    private static final long MAX_MILLIS = 2000;

    private final Transport<U> transport;
    private final Map<U, TlsRefusal> open = new ConcurrentHashMap<>();

    TlsRefusals(Transport<U> transport) {
        this.transport = transport;
    }

    /** Takes over the place, until {@link #release}. */
    void begin(U channel, Rejection rejection, RefusalBudget.Place place, ConnectionGate<U> gate) {
        try {
            TlsRefusal refusal = new TlsRefusal(rejection, place, millis -> closeIn(channel, millis), gate::report);
            open.put(channel, refusal);
            long timeout = gate.limiter().limits().handshakeTimeout().toMillis();
            long most = timeout == 0 ? MAX_MILLIS : Math.min(timeout, MAX_MILLIS);
            refusal.closeIn(most + RefusalBudget.MAX_LINGER_MILLIS);
        } catch (Throwable error) {
            open.remove(channel);
            place.close();
            throw error;
        }
    }

    private Future<?> closeIn(U channel, long millis) {
        return transport
                .executor()
                .schedule(
                        () -> {
                            if (open.containsKey(channel)) {
                                transport.close(channel);
                            }
                        },
                        millis,
                        TimeUnit.MILLISECONDS);
    }

    boolean isEmpty() {
        return open.isEmpty();
    }

    /** The refusal of a connection, or {@code null} if it is not refused. */
    TlsRefusal get(U channel) {
        return open.get(channel);
    }

    /** To be called when a connection has ended, refused or not. */
    void release(U channel) {
        if (!open.isEmpty()) {
            TlsRefusal refusal = open.remove(channel);
            if (refusal != null) {
                refusal.end();
            }
        }
    }

    void releaseClosed() {
        for (U channel : open.keySet()) {
            if (!channel.isOpen()) {
                release(channel);
            }
        }
    }

    void releaseAll() {
        open.keySet().forEach(this::release);
    }
}
