package io.github.connlimit.tomcat;

import io.github.connlimit.Cidr;
import io.github.connlimit.ConnectionGate;
import io.github.connlimit.Refusal;
import io.github.connlimit.RefusalBudget;
import io.github.connlimit.RefusalHandler;
import io.github.connlimit.Rejection;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.channels.NetworkChannel;
import java.util.Optional;
import java.util.concurrent.RejectedExecutionException;

/**
 * How an endpoint ends the connections that it refuses: at once, after it has held them, after an answer in clear text, or
 * after an answer over TLS, for which they are let in. This class is thread-safe.
 *
 * @param <U> the channel of a connection
 */
final class Refusals<U extends NetworkChannel> {

    private final Transport<U> transport;
    private final LingeringClose<U> lingering;
    private final TlsRefusals<U> tlsRefusals;
    private volatile RefusalHandler<? super U> handler;

    Refusals(Transport<U> transport, LingeringClose<U> lingering) {
        this.transport = transport;
        this.lingering = lingering;
        this.tlsRefusals = new TlsRefusals<>(transport);
    }

    void handler(RefusalHandler<? super U> refusalHandler) {
        handler = refusalHandler;
    }

    /** Those that are let in to be answered over TLS. */
    TlsRefusals<U> overTls() {
        return tlsRefusals;
    }

    /**
     * Refuses a connection that was just accepted.
     *
     * @param peer {@code null} if it is not known
     * @param rejection what to tell it
     * @return whether the endpoint may go on with it, for it to be answered over TLS; if not, it is taken care of
     */
    boolean refuse(U channel, InetAddress peer, Rejection rejection, ConnectionGate<U> gate) {
        try {
            RefusalHandler<? super U> own = handler;
            Refusal how = gate.limiter().limits().refuse();
            if (own != null && peer != null) {
                own.refuse(channel, peer);
            } else if (how == Refusal.RESPOND && peer != null) {
                Cidr client = gate.limiter().limits().clientOf(peer);
                lingering.noticeEnds(client);
                Optional<RefusalBudget.Place> place = gate.tryRespond(peer, transport.isSecure());
                if (place.isPresent()) {
                    return respond(channel, client, rejection, place.get(), gate);
                }
                transport.resetOnClose(channel);
            } else if (how == Refusal.TARPIT && peer != null && gate.tryHold(channel, peer, this::endHeld)) {
                transport.letGo();
                return false;
            } else if (how != Refusal.CLOSE) {
                transport.resetOnClose(channel);
            }
        } catch (RejectedExecutionException serverStopped) {
            // Nobody is answered any more.
        } catch (Throwable error) {
            gate.report("refusing a connection failed", error);
        }
        transport.destroy(channel);
        return false;
    }

    private void endHeld(U channel) {
        try (channel) {
            transport.resetOnClose(channel);
        } catch (IOException clientGone) {
            // Then there is nobody to be reset.
        }
    }

    private boolean respond(
            U channel, Cidr client, Rejection rejection, RefusalBudget.Place place, ConnectionGate<U> gate) {
        if (transport.isSecure()) {
            tlsRefusals.begin(channel, rejection, place, gate);
            return true;
        }
        lingering.respond(channel, client, rejection, place, gate);
        return false;
    }

    void start() {
        lingering.start();
    }

    void stop() {
        lingering.stop();
    }
}
