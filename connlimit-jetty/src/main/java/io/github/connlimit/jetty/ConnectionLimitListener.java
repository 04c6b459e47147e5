package io.github.connlimit.jetty;

import io.github.connlimit.ClusterMembership;
import io.github.connlimit.ConnectionGate;
import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.RefusalHandler;
import io.github.connlimit.ServerSupport;
import io.github.connlimit.ServerSupport.Feature;
import java.nio.channels.SelectableChannel;
import java.nio.channels.SocketChannel;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;
import org.eclipse.jetty.io.SelectorManager;
import org.eclipse.jetty.server.ConnectionFactory;
import org.eclipse.jetty.server.Connector;
import org.eclipse.jetty.server.ForwardedRequestCustomizer;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.util.component.Container;
import org.eclipse.jetty.util.component.LifeCycle;

/**
 * Limits the connections of one Jetty connector: {@code connector.addBean(new ConnectionLimitListener(limiter))} before
 * the connector is started. Each connector needs a listener of its own. Connectors share a count if their listeners
 * share the limiter. This class is thread-safe.
 *
 * <p>A TCP connection is counted from the moment it is accepted, before any TLS or HTTP, until its socket is closed.
 * Unix domain sockets, QUIC and in-memory connections are let through and not counted. Streams and clients behind a
 * proxy's forwarded headers are counted by {@link ConnectionLimitHandler}.
 *
 * <p>{@link io.github.connlimit.Refusal#RESPOND} answers if the connector's default protocol is {@code http/1.1} or TLS;
 * with another one it resets, as {@link io.github.connlimit.Refusal#RESET} does. In clear text the answer comes at once,
 * in HTTP/1.1; a client that begins with HTTP/2 takes it for a protocol error. Over TLS the first request is answered,
 * in HTTP/1.1 or HTTP/2 as agreed.
 *
 * <p>If the default protocol is a {@code ProxyConnectionFactory}, a connection from a peer that a rule exempts is
 * counted for the client that its header names, and refused at that moment if it is over the limit. {@link
 * io.github.connlimit.Refusal#RESPOND} answers there unless the {@code ProxyConnectionFactory} was constructed with the
 * name of its next protocol.
 *
 * <p>To do this, the listener adds a connection factory named {@code connlimit} or {@code SSL-connlimit} to the connector.
 * It becomes the default protocol, or follows PROXY protocol. Of two listeners on one connector, only the first can do
 * so.
 *
 * @since 0.1.0
 */
public final class ConnectionLimitListener
        implements SelectorManager.AcceptListener, LifeCycle.Listener, Container.Listener {

    private static final System.Logger LOGGER = System.getLogger(ConnectionLimitListener.class.getName());

    private final ConnectionGate<SocketChannel> gate;
    private final RefusalHandler<? super SocketChannel> refusalHandler;
    private final RequestHeaders headers;
    private final ConnectionProgress progress;
    private final ProxyHeader proxyHeader;
    private final RefusedChannels refused;
    private final FrontConnectionFactory front;
    private final FrontPlacement placement;
    private final Admission admission;
    private final LimitedRequests requests;

    /** The connector that this listener is on, or {@code null}. */
    private final AtomicReference<Connector> connector = new AtomicReference<>();

    /** Places the front factory again when the server starts: the connector's protocols may have been changed. */
    private final LifeCycle.Listener serverListener = new LifeCycle.Listener() {
        @Override
        public void lifeCycleStarting(LifeCycle server) {
            if (connector.get() instanceof ServerConnector tcp && !tcp.isRunning()) {
                placement.putInFront(tcp);
            }
        }
    };

    /** Whether connections are counted: from when the connector starts until it has stopped. */
    private volatile boolean counting;

    /** {@code null} unless the connector is started. Guarded by this. */
    private Sweep sweep;

    /** {@code null} unless the connector is starting or started. Guarded by this. */
    private ClusterMembership membership;

    /**
     * Creates a listener for one connector.
     *
     * @param limiter counts the connections; other listeners may share it
     */
    public ConnectionLimitListener(ConnectionLimiter limiter) {
        this(limiter, null);
    }

    /**
     * Creates a listener for one connector that ends refused connections in a way of its own.
     *
     * @param limiter counts the connections; other listeners may share it
     * @param refusalHandler called for each refused connection, or {@code null} to do what
     *     {@link io.github.connlimit.ConnectionLimits#refuse()} says
     */
    public ConnectionLimitListener(ConnectionLimiter limiter, RefusalHandler<? super SocketChannel> refusalHandler) {
        this.gate = new ConnectionGate<>(limiter);
        this.refusalHandler = refusalHandler;
        this.headers = new RequestHeaders(gate);
        this.progress = new ConnectionProgress(gate, headers);
        this.proxyHeader = new ProxyHeader(gate, refusalHandler);
        this.requests = new LimitedRequests(gate);
        this.refused = new RefusedChannels(gate);
        this.front = new FrontConnectionFactory(gate, progress, proxyHeader, refused, refusalHandler == null);
        this.placement = new FrontPlacement(front);
        this.admission = new Admission(gate, refusalHandler, front, refused);
    }

    /** {@return the limiter that counts the connections} */
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
     * Called by Jetty when a bean is added, including this one.
     *
     * @param parent what the bean is added to
     * @param child the bean
     * @throws IllegalStateException if this listener is added to something that it cannot limit: a connector that is
     *     starting or started, a second connector, or something else than a connector. It is then not added.
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
        if (added.isStarting()) {
            throw new IllegalStateException("ConnectionLimitListener added to " + parent
                    + " while it is starting, which is too late; add it before, for instance by a LifeCycle.Listener of"
                    + " the server in lifeCycleStarting");
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
            placement.putInFront(tcp);
            tcp.addBean(progress);
            tcp.addEventListener(proxyHeader);
            tcp.getServer().addEventListener(serverListener);
        }
    }

    /**
     * Called by Jetty when a bean is removed. Once this one is removed, the connector is not limited any more.
     *
     * @param parent what the bean is removed from
     * @param child the bean
     */
    @Override
    public void beanRemoved(Container parent, Object child) {
        if (child != this || parent != connector.get()) {
            return;
        }
        stop();
        gate.releaseAll();
        leaveCluster();
        if (parent instanceof ServerConnector tcp) {
            tcp.getServer().removeEventListener(serverListener);
            tcp.removeEventListener(proxyHeader);
            tcp.removeBean(progress);
            tcp.getSelectorManager().removeEventListener(this);
            if (!tcp.isRunning()) {
                placement.remove(tcp);
            }
        }
        connector.set(null);
    }

    /**
     * Called by Jetty when the connector is starting. From now on connections are counted.
     *
     * @param event the connector or one of its parts
     * @throws IllegalArgumentException if {@link ConnectionLimiter#joinCluster} throws it; the connector then does not start
     */
    @Override
    public void lifeCycleStarting(LifeCycle event) {
        if (event != connector.get()) {
            return;
        }
        boolean canAnswer = false;
        if (event instanceof ServerConnector tcp) {
            ConnectionFactory next = placement.findNext(tcp);
            front.start(tcp, next);
            canAnswer = next != null;
            admission.setFirstPhase(front.firstPhase(tcp));
            progress.start(tcp);
        }
        warn(event, canAnswer);
        joinCluster();
        gate.startHolding();
        requests.start();
        counting = true;
    }

    /** Of what is configured, and cannot be done on this connector as it is. */
    private void warn(LifeCycle starting, boolean canAnswer) {
        Set<Feature> notUsed = EnumSet.noneOf(Feature.class);
        if (refusalHandler != null) {
            notUsed.addAll(EnumSet.of(Feature.RESPOND_IN_PLAINTEXT, Feature.RESPOND_ON_TLS, Feature.TARPIT));
        }
        Map<Feature, String> lacking = new EnumMap<>(Feature.class);
        if (!canAnswer) {
            lacking.put(
                    Feature.RESPOND_IN_PLAINTEXT,
                    "refuse=respond is as refuse=reset on " + starting
                            + ": its default protocol is neither http/1.1 nor TLS nor PROXY");
        }
        if (!canHold(starting)) {
            lacking.put(
                    Feature.TARPIT,
                    "refuse=tarpit is as refuse=reset on " + starting
                            + ": only a ConnectionLimitConnector that has acceptors can hold a connection back");
        }
        sayWhatRequestsMiss(connector.get(), lacking);
        gate.warn(ServerSupport.JETTY, LOGGER, notUsed, lacking);
    }

    /** What needs each request to pass a {@link ConnectionLimitHandler}, where not all do. */
    private static void sayWhatRequestsMiss(Connector starting, Map<Feature, String> lacking) {
        if (RequestHeaders.areAllNoted(starting.getServer().getHandler())) {
            return;
        }
        String because = " on " + starting + ": no ConnectionLimitHandler is in front of all other handlers";
        lacking.put(Feature.HEADER_TIMEOUT, "headerTimeout is for the first request of each connection only" + because);
        // An installer says it once for all connectors.
        if (starting.getServer().getBean(ConnectionLimitInstaller.class) == null) {
            lacking.put(Feature.RESERVED_CONNECTIONS, "reservedConnections is of no effect" + because);
            if (namesForwardedClients(starting)) {
                lacking.put(Feature.FORWARDED_HEADERS, "clients behind proxies are not limited" + because);
            }
        }
    }

    private static boolean namesForwardedClients(Connector starting) {
        return starting.getConnectionFactories().stream()
                .filter(HttpConfiguration.ConnectionFactory.class::isInstance)
                .map(factory -> ((HttpConfiguration.ConnectionFactory) factory).getHttpConfiguration())
                .anyMatch(http -> http.getCustomizer(ForwardedRequestCustomizer.class) != null);
    }

    private synchronized void joinCluster() {
        leaveCluster();
        membership = gate.limiter().joinCluster();
    }

    private synchronized void leaveCluster() {
        if (membership != null) {
            membership.close();
            membership = null;
        }
    }

    private static boolean canHold(LifeCycle connector) {
        return connector instanceof ConnectionLimitConnector own && own.getAcceptors() > 0;
    }

    /**
     * Called by Jetty when the connector has started.
     *
     * @param event the connector or one of its parts
     */
    @Override
    public synchronized void lifeCycleStarted(LifeCycle event) {
        if (event == connector.get()) {
            Connector started = connector.get();
            sweep = new Sweep(started.getScheduler(), () -> sweep(started));
            sweep.run();
        }
    }

    /**
     * Called by Jetty when the connector has stopped. Whatever it still counts is given back.
     *
     * @param event the connector or one of its parts
     */
    @Override
    public void lifeCycleStopped(LifeCycle event) {
        if (event == connector.get()) {
            stop();
            // What is left: connections with a request in progress, whose end Jetty does not report, and connections
            // accepted so late that Jetty does not close them.
            gate.releaseClosed(socket -> {
                Resetting.reset(socket);
                return false;
            });
            leaveCluster();
        }
    }

    /**
     * Called by Jetty when the connector has failed to start or stop. Whatever it still counts is given back.
     *
     * @param event the connector or one of its parts
     * @param cause why it failed
     */
    @Override
    public void lifeCycleFailure(LifeCycle event, Throwable cause) {
        lifeCycleStopped(event);
    }

    private long sweep(Connector running) {
        requests.endClosed();
        return headers.look(running.getConnectedEndPoints(), gate.sweep(progress));
    }

    private synchronized void stop() {
        counting = false;
        if (sweep != null) {
            sweep.stop();
            sweep = null;
        }
        refused.stop();
        gate.stopHolding();
        progress.stop();
        requests.stop();
    }

    /**
     * Called by Jetty for each accepted connection, on the thread that accepts: admits or refuses it. Never throws.
     *
     * @param channel the connection
     */
    @Override
    public void onAccepting(SelectableChannel channel) {
        accepting(channel, false);
    }

    /**
     * As {@link #onAccepting}, for a connector that can hold a connection back.
     *
     * @return whether the connection may go on, if it is still open; if not, it is taken care of
     */
    boolean accepting(SocketChannel channel) {
        return accepting(channel, true) != Admission.Outcome.HELD;
    }

    private Admission.Outcome accepting(SelectableChannel channel, boolean mayHold) {
        Admission.Outcome outcome = admission.admit(channel, mayHold);
        if (outcome == Admission.Outcome.ADMITTED && !counting && channel instanceof SocketChannel socket) {
            // The connector has stopped, or this listener was removed. All other permits have been given back by now.
            gate.release(socket);
            if (connector.get() != null) {
                Resetting.reset(socket);
            }
        }
        return outcome;
    }

    /**
     * Called by Jetty when it could not go on with an accepted connection.
     *
     * @param channel the connection
     * @param cause why it could not
     */
    @Override
    public void onAcceptFailed(SelectableChannel channel, Throwable cause) {
        // Jetty may call both this and onClosed for one connection. The first call gives the permit back.
        onClosed(channel);
    }

    /**
     * Called by Jetty when a connection has been closed.
     *
     * @param channel the connection
     */
    @Override
    public void onClosed(SelectableChannel channel) {
        if (channel instanceof SocketChannel socket) {
            gate.release(socket);
            refused.closed(socket);
            progress.closed(socket);
        }
    }

    @Override
    public String toString() {
        return getClass().getSimpleName() + "{open=" + gate.openConnections() + ","
                + gate.limiter().limits() + "}";
    }
}
