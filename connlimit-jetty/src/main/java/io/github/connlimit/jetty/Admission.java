package io.github.connlimit.jetty;

import io.github.connlimit.ConnectionGate;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.ConnectionPhase;
import io.github.connlimit.ErrorPolicy;
import io.github.connlimit.Refusal;
import io.github.connlimit.RefusalHandler;
import io.github.connlimit.Rejection;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.SelectableChannel;
import java.nio.channels.SocketChannel;

/** Admits or refuses each connection that a connector has accepted. This class is thread-safe. */
final class Admission {

    private final ConnectionGate<SocketChannel> gate;

    /** {@code null} for what the limits say. */
    private final RefusalHandler<? super SocketChannel> refusalHandler;

    private final FrontConnectionFactory front;
    private final RefusedChannels refused;

    /** What each connection has to do first. */
    private volatile ConnectionPhase firstPhase = ConnectionPhase.FIRST_BYTE;

    Admission(
            ConnectionGate<SocketChannel> gate,
            RefusalHandler<? super SocketChannel> refusalHandler,
            FrontConnectionFactory front,
            RefusedChannels refused) {
        this.gate = gate;
        this.refusalHandler = refusalHandler;
        this.front = front;
        this.refused = refused;
    }

    void setFirstPhase(ConnectionPhase phase) {
        firstPhase = phase;
    }

    /** What has become of a connection. */
    enum Outcome {

        /** It was counted. */
        ADMITTED,

        /** It was refused, and is held. Nobody may touch it. */
        HELD,

        /** It was refused, and has been ended or is to be answered, or it is none to be counted. */
        OTHER
    }

    /**
     * Counts a TCP connection, or refuses it and ends it, holds it or has it answered. Never throws.
     *
     * @param mayHold whether the caller can hold a connection back from Jetty
     */
    Outcome admit(SelectableChannel channel, boolean mayHold) {
        // Another listener may have closed it, or a ConnectionLimitConnector may have refused it already.
        if (!(channel instanceof SocketChannel socket) || !socket.isOpen() || refused.get(socket) != null) {
            return Outcome.OTHER;
        }
        InetAddress peer;
        try {
            SocketAddress remote = socket.getRemoteAddress();
            if (remote != null && !(remote instanceof InetSocketAddress)) {
                return Outcome.OTHER;
            }
            peer = remote == null ? null : ((InetSocketAddress) remote).getAddress();
        } catch (ClosedChannelException closed) {
            return Outcome.OTHER;
        } catch (Throwable error) {
            // First the reset: reporting may fail for lack of memory.
            if (gate.limiter().limits().onError() == ErrorPolicy.REFUSE) {
                Resetting.reset(socket);
            }
            gate.report("getting the peer address of a connection failed, onError decides", error);
            return Outcome.OTHER;
        }
        Rejection rejection = tryAdmit(socket, peer);
        return rejection == null ? Outcome.ADMITTED : refuse(socket, peer, rejection, mayHold);
    }

    private Rejection tryAdmit(SocketChannel socket, InetAddress peer) {
        ConnectionLimits limits = gate.limiter().limits();
        boolean toProve =
                limits.maxPendingPerClient() > 0 || !limits.handshakeTimeout().isZero();
        return gate.tryAdmit(socket, peer, toProve ? firstPhase : null);
    }

    private Outcome refuse(SocketChannel socket, InetAddress peer, Rejection rejection, boolean mayHold) {
        try {
            Refusal refusal = gate.limiter().limits().refuse();
            if (peer == null) {
                Resetting.reset(socket);
            } else if (refusalHandler != null) {
                try (socket) {
                    refusalHandler.refuse(socket, peer);
                }
            } else if (refusal == Refusal.CLOSE) {
                socket.close();
            } else if (refusal == Refusal.TARPIT && mayHold && gate.tryHold(socket, peer, Resetting::reset)) {
                return Outcome.HELD;
            } else if (refusal != Refusal.RESPOND || !front.answer(socket, peer, rejection)) {
                Resetting.reset(socket);
            }
        } catch (Throwable error) {
            Resetting.reset(socket);
            gate.report("refusing a connection failed", error);
        }
        return Outcome.OTHER;
    }
}
