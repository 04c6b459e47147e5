package io.github.connlimit.jetty;

import io.github.connlimit.ConnectionGate;
import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ErrorPolicy;
import io.github.connlimit.Refusal;
import io.github.connlimit.RefusalHandler;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.SelectableChannel;
import java.nio.channels.SocketChannel;
import java.util.concurrent.atomic.AtomicReference;
import org.eclipse.jetty.io.SelectorManager;
import org.eclipse.jetty.server.Connector;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.util.component.Container;
import org.eclipse.jetty.util.component.LifeCycle;

/**
 * Limits the connections of one Jetty connector: {@code connector.addBean(new ConnectionLimitListener(limiter))} before
 * the connector is started. Each connector needs a listener of its own; those that are to share a count share the
 * limiter. This class is thread-safe.
 *
 * <p>A TCP connection is counted from the moment it is accepted, before any TLS or HTTP, until its socket is closed.
 * What is not TCP (Unix domain sockets, QUIC, connections in memory) is let through and not counted.
 *
 * <p>{@link Refusal#RESPOND} answers where the connector's default protocol is {@code http/1.1}, hence without TLS; a
 * client that speaks HTTP/2 there without having asked takes the answer for a protocol error. Elsewhere it is as
 * {@link Refusal#RESET}. To be able to answer, the listener adds a connection factory of its own to such a connector,
 * {@code connlimit}, and makes it the default protocol. If there are two listeners on one connector, only the first to
 * be added can answer.
 */
public final class ConnectionLimitListener
        implements SelectorManager.AcceptListener, LifeCycle.Listener, Container.Listener {

    /** How often to look for connections that have ended without Jetty saying so. */
    private static final long SWEEP_MILLIS = 10_000;

    private static final System.Logger LOGGER = System.getLogger(ConnectionLimitListener.class.getName());

    private final ConnectionGate<SocketChannel> gate;
    private final RefusalHandler<? super SocketChannel> refusalHandler;
    private final RefusalConnectionFactory answering;
    private final long sweepMillis;

    /** The connector that this listener is on, or {@code null}. */
    private final AtomicReference<Connector> connector = new AtomicReference<>();

    /** Prepares the connector once more when its server starts: its protocols may have been changed. */
    private final LifeCycle.Listener serverListener = new LifeCycle.Listener() {
        @Override
        public void lifeCycleStarting(LifeCycle server) {
            if (connector.get() instanceof ServerConnector tcp && !tcp.isRunning()) {
                answering.putInFront(tcp);
            }
        }
    };

    /** Whether connections are counted: from when the connector starts until it has stopped. */
    private volatile boolean counting;

    /** {@code null} unless the connector is started. Guarded by this. */
    private Sweep sweep;

    /**
     * Makes a listener for one connector.
     *
     * @param limiter counts the connections of this connector, and perhaps of others too
     */
    public ConnectionLimitListener(ConnectionLimiter limiter) {
        this(limiter, null);
    }

    /**
     * Makes a listener for one connector with a goodbye of its own for refused connections.
     *
     * @param limiter counts the connections of this connector, and perhaps of others too
     * @param refusalHandler called for each refused connection, or {@code null} for what
     *     {@link io.github.connlimit.ConnectionLimits#refuse()} says
     */
    public ConnectionLimitListener(ConnectionLimiter limiter, RefusalHandler<? super SocketChannel> refusalHandler) {
        this(limiter, refusalHandler, SWEEP_MILLIS);
    }

    ConnectionLimitListener(
            ConnectionLimiter limiter, RefusalHandler<? super SocketChannel> refusalHandler, long sweepMillis) {
        this.gate = new ConnectionGate<>(limiter);
        this.refusalHandler = refusalHandler;
        this.sweepMillis = sweepMillis;
        this.answering = new RefusalConnectionFactory(gate);
    }

    /** The limiter that counts. */
    public ConnectionLimiter getLimiter() {
        return gate.limiter();
    }

    /**
     * Called by Jetty when a bean is added, this one too.
     *
     * @throws IllegalStateException if this listener is added to something that it cannot limit: a connector that is
     *     running, a second connector, or no connector at all. It is then not added.
     */
    @Override
    public void beanAdded(Container parent, Object child) {
        // A connector that starts hands this listener on to its SelectorManager.
        if (child == this && !(parent instanceof SelectorManager && connector.get() != null)) {
            try {
                bind(parent);
            } catch (RuntimeException cannot) {
                parent.removeBean(this);
                throw cannot;
            }
        }
    }

    private void bind(Container parent) {
        if (!(parent instanceof Connector added)) {
            throw new IllegalStateException("ConnectionLimitListener added to " + parent
                    + ", which is not a Connector; a Server takes a ConnectionLimitInstaller");
        }
        if (added.isRunning()) {
            throw new IllegalStateException("ConnectionLimitListener added to " + parent
                    + " after its start, which limits nothing; it has to be added before");
        }
        if (!connector.compareAndSet(null, added)) {
            throw new IllegalStateException("ConnectionLimitListener added to " + parent + " is on " + connector
                    + " already; each connector needs one of its own, and they may share a limiter");
        }
        if (added instanceof ServerConnector tcp) {
            answering.putInFront(tcp);
            tcp.getServer().addEventListener(serverListener);
        }
    }

    /** Called by Jetty when a bean is removed; if it is this one, nothing is limited any more. */
    @Override
    public void beanRemoved(Container parent, Object child) {
        if (child != this || parent != connector.get()) {
            return;
        }
        stop();
        gate.releaseAll();
        if (parent instanceof ServerConnector tcp) {
            tcp.getServer().removeEventListener(serverListener);
            tcp.getSelectorManager().removeEventListener(this);
            if (!tcp.isRunning()) {
                answering.remove(tcp);
            }
        }
        connector.set(null);
    }

    /** Called by Jetty when the connector starts, to count from zero. */
    @Override
    public void lifeCycleStarting(LifeCycle event) {
        if (event != connector.get()) {
            return;
        }
        boolean canAnswer = event instanceof ServerConnector tcp && answering.start(tcp);
        if (!canAnswer && refusalHandler == null && gate.limiter().limits().refuse() == Refusal.RESPOND) {
            LOGGER.log(
                    System.Logger.Level.INFO,
                    () -> "refuse=respond is as refuse=reset on " + event + ": its default protocol is not http/1.1");
        }
        counting = true;
    }

    /** Called by Jetty when the connector has started. */
    @Override
    public synchronized void lifeCycleStarted(LifeCycle event) {
        if (event == connector.get()) {
            sweep = new Sweep(
                    connector.get().getScheduler(), sweepMillis, () -> gate.releaseClosed(SocketChannel::isOpen));
            sweep.schedule();
        }
    }

    /** Called by Jetty when the connector has stopped, to give back what it still counts. */
    @Override
    public void lifeCycleStopped(LifeCycle event) {
        if (event == connector.get()) {
            stop();
            // What is left are connections whose end Jetty does not report, since they were in the middle of a request,
            // and connections accepted so late that Jetty has forgotten to close them.
            gate.releaseClosed(socket -> {
                Resetting.reset(socket);
                return false;
            });
        }
    }

    /** Called by Jetty when the connector has failed to start or stop. */
    @Override
    public void lifeCycleFailure(LifeCycle event, Throwable cause) {
        lifeCycleStopped(event);
    }

    private synchronized void stop() {
        counting = false;
        if (sweep != null) {
            sweep.stop();
            sweep = null;
        }
        answering.stop();
    }

    /** Called by Jetty for each accepted connection, on the thread that accepts: admits or refuses it. Never throws. */
    @Override
    public void onAccepting(SelectableChannel channel) {
        // It may have been closed by another listener.
        if (!(channel instanceof SocketChannel socket) || !socket.isOpen()) {
            return;
        }
        InetAddress peer;
        try {
            SocketAddress remote = socket.getRemoteAddress();
            if (remote != null && !(remote instanceof InetSocketAddress)) {
                return;
            }
            peer = remote == null ? null : ((InetSocketAddress) remote).getAddress();
        } catch (ClosedChannelException closed) {
            return;
        } catch (Throwable error) {
            gate.report("getting the peer address of a connection failed, onError decides", error);
            if (gate.limiter().limits().onError() == ErrorPolicy.REFUSE) {
                Resetting.reset(socket);
            }
            return;
        }
        if (!gate.admit(socket, peer)) {
            refuse(socket, peer);
        } else if (!counting) {
            // The connector has stopped, or this listener was removed, and all permits have been given back before.
            gate.release(socket);
            if (connector.get() != null) {
                Resetting.reset(socket);
            }
        }
    }

    private void refuse(SocketChannel socket, InetAddress peer) {
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
            } else if (refusal == Refusal.RESET || !answering.answer(socket, peer)) {
                Resetting.reset(socket);
            }
        } catch (Throwable error) {
            gate.report("refusing a connection failed", error);
            Resetting.reset(socket);
        }
    }

    /** Called by Jetty when it could not go on with an accepted connection. */
    @Override
    public void onAcceptFailed(SelectableChannel channel, Throwable cause) {
        // Jetty may call both this and onClosed for one connection: it is the first that gives the permit back.
        onClosed(channel);
    }

    /** Called by Jetty when a connection has been closed. */
    @Override
    public void onClosed(SelectableChannel channel) {
        if (channel instanceof SocketChannel socket) {
            gate.release(socket);
            answering.closed(socket);
        }
    }

    @Override
    public String toString() {
        return getClass().getSimpleName() + "{open=" + gate.openConnections() + "}";
    }
}
