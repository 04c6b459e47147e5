package io.github.connlimit.jetty;

import io.github.connlimit.ConnectionGate;
import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.ConnectionPhase;
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
 * the connector is started. Each connector needs a listener of its own; listeners that share a limiter share its count. This
 * class is thread-safe.
 *
 * <p>A TCP connection is counted from the moment it is accepted, before any TLS or HTTP, until its socket is closed.
 * What is not TCP (Unix domain sockets, QUIC, connections in memory) is let through and not counted.
 *
 * <p>{@link Refusal#RESPOND} answers where the connector's default protocol is {@code http/1.1} or TLS. In clear text it
 * answers at once; a client that begins with HTTP/2 there takes that for a protocol error. On TLS it answers the first
 * request, by HTTP/1.1 or HTTP/2 as agreed. Elsewhere it is as {@link Refusal#RESET}.
 *
 * <p>With a {@code ProxyConnectionFactory} as default protocol, a connection from a peer that a rule exempts counts for the
 * client that its header names, and is refused then if that client is at its limit. {@link Refusal#RESPOND} answers there
 * if the {@code ProxyConnectionFactory} was given no next protocol, and takes the one that follows.
 *
 * <p>For that, the listener adds a connection factory of its own to the connector, {@code connlimit} or
 * {@code SSL-connlimit}. It makes it the default protocol, or puts it after PROXY protocol. If there are two listeners on
 * one connector, only the first to be added can do so.
 *
 * <p>{@link ConnectionLimitHandler} does what takes a request to decide.
 *
 * @since 0.1.0
 */
public final class ConnectionLimitListener
        implements SelectorManager.AcceptListener, LifeCycle.Listener, Container.Listener {

    private static final System.Logger LOGGER = System.getLogger(ConnectionLimitListener.class.getName());

    private final ConnectionGate<SocketChannel> gate;
    private final RefusalHandler<? super SocketChannel> refusalHandler;
    private final ConnectionProgress progress;
    private final ProxyHeader proxyHeader;
    private final FrontConnectionFactory front;
    private final LimitedRequests requests;

    /** The connector that this listener is on, or {@code null}. */
    private final AtomicReference<Connector> connector = new AtomicReference<>();

    /** Prepares the connector once more when its server starts: its protocols may have been changed. */
    private final LifeCycle.Listener serverListener = new LifeCycle.Listener() {
        @Override
        public void lifeCycleStarting(LifeCycle server) {
            if (connector.get() instanceof ServerConnector tcp && !tcp.isRunning()) {
                front.putInFront(tcp);
            }
        }
    };

    /** Whether connections are counted: from when the connector starts until it has stopped. */
    private volatile boolean counting;

    /** What each connection has to do first. */
    private volatile ConnectionPhase firstPhase = ConnectionPhase.FIRST_BYTE;

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
     * Makes a listener for one connector with a handler of its own for refused connections.
     *
     * @param limiter counts the connections of this connector, and perhaps of others too
     * @param refusalHandler called for each refused connection, or {@code null} for what
     *     {@link io.github.connlimit.ConnectionLimits#refuse()} says
     */
    public ConnectionLimitListener(ConnectionLimiter limiter, RefusalHandler<? super SocketChannel> refusalHandler) {
        this.gate = new ConnectionGate<>(limiter);
        this.refusalHandler = refusalHandler;
        this.progress = new ConnectionProgress(gate);
        this.proxyHeader = new ProxyHeader(gate, refusalHandler);
        this.requests = new LimitedRequests(gate);
        this.front = new FrontConnectionFactory(gate, progress, proxyHeader, refusalHandler == null);
    }

    /** {@return the limiter that counts} */
    public ConnectionLimiter getLimiter() {
        return gate.limiter();
    }

    LimitedRequests requests() {
        return requests;
    }

    /** To be called when the first request of a connection has come. */
    void established(SocketChannel channel) {
        gate.established(channel);
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
            front.putInFront(tcp);
            tcp.addBean(progress);
            tcp.addEventListener(proxyHeader);
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
            tcp.removeEventListener(proxyHeader);
            tcp.removeBean(progress);
            tcp.getSelectorManager().removeEventListener(this);
            if (!tcp.isRunning()) {
                front.remove(tcp);
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
        boolean canAnswer = false;
        if (event instanceof ServerConnector tcp) {
            canAnswer = front.start(tcp);
            firstPhase = front.firstPhase(tcp);
            progress.start(tcp);
        }
        if (!canAnswer && refusalHandler == null && gate.limiter().limits().refuse() == Refusal.RESPOND) {
            LOGGER.log(
                    System.Logger.Level.INFO,
                    () -> "refuse=respond is as refuse=reset on " + event
                            + ": its default protocol is neither http/1.1 nor TLS nor PROXY");
        }
        counting = true;
    }

    /** Called by Jetty when the connector has started. */
    @Override
    public synchronized void lifeCycleStarted(LifeCycle event) {
        if (event == connector.get()) {
            sweep = new Sweep(connector.get().getScheduler(), this::sweep);
            sweep.run();
        }
    }

    /** Called by Jetty when the connector has stopped, to give back what it still counts. */
    @Override
    public void lifeCycleStopped(LifeCycle event) {
        if (event == connector.get()) {
            stop();
            // What is left are connections whose end Jetty does not report, because they were in the middle of a
            // request,
            // and connections accepted so late that Jetty has not closed them.
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

    private long sweep() {
        requests.endClosed();
        return gate.sweep(progress);
    }

    private synchronized void stop() {
        counting = false;
        if (sweep != null) {
            sweep.stop();
            sweep = null;
        }
        front.stop();
        progress.stop();
        requests.stop();
    }

    /** Called by Jetty for each accepted connection, on the thread that accepts: admits or refuses it. Never throws. */
    @Override
    public void onAccepting(SelectableChannel channel) {
        // It may have been closed by another listener, or refused in a ConnectionLimitConnector before.
        if (!(channel instanceof SocketChannel socket) || !socket.isOpen() || front.isAnswering(socket)) {
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
            // Before it is reported, which might fail for lack of memory.
            if (gate.limiter().limits().onError() == ErrorPolicy.REFUSE) {
                Resetting.reset(socket);
            }
            gate.report("getting the peer address of a connection failed, onError decides", error);
            return;
        }
        if (!admit(socket, peer)) {
            refuse(socket, peer);
        } else if (!counting) {
            // The connector has stopped, or this listener was removed, and all permits have been given back before.
            gate.release(socket);
            if (connector.get() != null) {
                Resetting.reset(socket);
            }
        }
    }

    private boolean admit(SocketChannel socket, InetAddress peer) {
        ConnectionLimits limits = gate.limiter().limits();
        boolean toProve =
                limits.maxPendingPerClient() > 0 || !limits.handshakeTimeout().isZero();
        return toProve ? gate.admit(socket, peer, firstPhase) : gate.admit(socket, peer);
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
            } else if (refusal == Refusal.RESET || !front.answer(socket, peer)) {
                Resetting.reset(socket);
            }
        } catch (Throwable error) {
            Resetting.reset(socket);
            gate.report("refusing a connection failed", error);
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
            front.closed(socket);
            progress.closed(socket);
        }
    }

    @Override
    public String toString() {
        return getClass().getSimpleName() + "{open=" + gate.openConnections() + ","
                + gate.limiter().limits() + "}";
    }
}
