package io.github.connlimit.jetty;

import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.RefusalHandler;
import java.nio.channels.SocketChannel;
import java.util.Objects;
import org.eclipse.jetty.server.Connector;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.util.component.AbstractLifeCycle;
import org.eclipse.jetty.util.component.Container;
import org.eclipse.jetty.util.component.LifeCycle;

/**
 * Limits all TCP connectors of a Jetty server, with one count for all of them:
 * {@code server.addBean(new ConnectionLimitInstaller(limiter))} before the server is started. While the server is
 * starting it can still be added as long as no handler and no connector has been started, for instance by a
 * {@code LifeCycle.Listener} of the server in {@code lifeCycleStarting}. Later it is rejected with an exception.
 *
 * <p>When the server starts, each {@link ServerConnector} without a {@link ConnectionLimitListener} gets one, whichever
 * was added first. So does a connector that is added to the running server before the connector is started. A
 * {@link ConnectionLimitHandler} is put in front of the server's handlers, unless there is one among them already. If
 * another handler takes its place while the server is starting, the start fails or, if it is too late for that, a warning
 * is logged.
 *
 * <p>For Jetty's XML, an installer can be created without a limiter. It then creates one from the settings that it is
 * given as text; what is not set has its default. {@link ConnectionLimits.Builder} says what is allowed.
 *
 * <p>This class is not thread-safe. It is used by the thread that sets up or starts the server.
 *
 * @since 0.1.0
 */
public final class ConnectionLimitInstaller extends AbstractLifeCycle implements Container.Listener {

    private static final System.Logger LOGGER = System.getLogger(ConnectionLimitInstaller.class.getName());

    private final ConnectionLimits.Builder settings = ConnectionLimits.builder();

    /** Given, or created from the settings when first needed. */
    private ConnectionLimiter limiter;

    /** {@code null} for the way that the limits say. */
    private RefusalHandler<? super SocketChannel> refusalHandler;

    private boolean jmx;

    /** {@code null} unless registered. */
    private JmxRegistration registration;

    /** The server that this installer is on, or {@code null}. */
    private Server server;

    private final LifeCycle.Listener serverListener = new LifeCycle.Listener() {
        /** Before the server starts any handler, and as late as possible: until now handlers may have been replaced. */
        @Override
        public void lifeCycleStarting(LifeCycle starting) {
            if (starting == server && !hasHandler(server)) {
                server.insertHandler(new ConnectionLimitHandler());
            }
        }

        @Override
        public void lifeCycleStarted(LifeCycle started) {
            if (started == server) {
                warnOfWhatIsMissing();
            }
        }
    };

    /** Creates an installer that creates its limiter from its settings. */
    public ConnectionLimitInstaller() {}

    /**
     * Creates an installer.
     *
     * @param limiter counts the connections of all connectors
     */
    public ConnectionLimitInstaller(ConnectionLimiter limiter) {
        this.limiter = Objects.requireNonNull(limiter, "limiter");
    }

    /**
     * Creates an installer that ends refused connections in a way of its own.
     *
     * @param limiter counts the connections of all connectors
     * @param refusalHandler ends refused connections in place of {@link ConnectionLimits#refuse()}
     */
    public ConnectionLimitInstaller(ConnectionLimiter limiter, RefusalHandler<? super SocketChannel> refusalHandler) {
        this(limiter);
        this.refusalHandler = Objects.requireNonNull(refusalHandler, "refusalHandler");
    }

    /**
     * Returns the limiter that counts the connections, and creates it if there is none yet. From then on the settings are
     * changed by {@link ConnectionLimiter#reconfigure}, not by {@link #set}.
     *
     * @return the limiter
     */
    public ConnectionLimiter getLimiter() {
        if (limiter == null) {
            limiter = new ConnectionLimiter(settings.build());
        }
        return limiter;
    }

    /**
     * Sets one setting by its name, as {@link ConnectionLimits.Builder#set} does.
     *
     * @param name a key of {@link ConnectionLimits#toSettings()}
     * @param value the value as text; {@code null}, for a property that is not defined, changes nothing
     * @throws IllegalArgumentException if the setting is unknown or the value is not allowed; the message names the
     *     setting, the value and what is allowed
     * @throws IllegalStateException if there is a limiter already
     */
    public void set(String name, String value) {
        if (value == null) {
            return;
        }
        if (limiter != null) {
            throw new IllegalStateException(name + ": the limiter exists already; use its reconfigure method");
        }
        settings.set(name, value);
    }

    /**
     * Sets whether the limiter is registered as an MXBean while the server runs. Its name is
     * {@code io.github.connlimit:type=ConnectionLimiter,name=jetty}; further servers in the process are named
     * {@code jetty-2} and so on. Needs the module {@code java.management}.
     *
     * @param enabled {@code true} or {@code false}; default {@code false}
     * @throws IllegalArgumentException if the value is neither; the message names the setting, the value and what is
     *     allowed
     */
    public void setJmx(String enabled) {
        String text = enabled.trim();
        if (!text.equalsIgnoreCase("true") && !text.equalsIgnoreCase("false")) {
            throw new IllegalArgumentException("jmx: \"" + text + "\" is not allowed; true, false");
        }
        jmx = Boolean.parseBoolean(text);
    }

    /**
     * Called by Jetty when a bean is added, including this one.
     *
     * @param parent what the bean is added to
     * @param child the bean
     * @throws IllegalStateException if this installer is added to something that it cannot limit: a server that has been
     *     started, or is starting and has begun to start its handlers or connectors; a second server; or something else
     *     than a server. It is then not added.
     */
    @Override
    public void beanAdded(Container parent, Object child) {
        if (child == this) {
            try {
                bind(parent);
            } catch (RuntimeException cannot) {
                parent.removeBean(this);
                throw cannot;
            }
        } else if (isRunning() && child instanceof Connector connector) {
            install(connector);
        }
    }

    private void bind(Container parent) {
        if (!(parent instanceof Server added)) {
            throw new IllegalStateException("ConnectionLimitInstaller added to " + parent
                    + ", which is not a Server; a Connector takes a ConnectionLimitListener");
        }
        if (added.isStarted()) {
            throw new IllegalStateException("ConnectionLimitInstaller added to " + parent
                    + " after its start, which limits nothing; it has to be added before");
        }
        if (server != null) {
            throw new IllegalStateException("ConnectionLimitInstaller added to " + parent + " is on " + server
                    + " already; each server needs one of its own, and they may share a limiter");
        }
        if (added.isStarting()) {
            catchUp(added);
        }
        server = added;
        server.addEventListener(serverListener);
    }

    /** Does for a server that is starting what {@link #serverListener} is too late for. */
    private static void catchUp(Server starting) {
        for (Connector connector : starting.getConnectors()) {
            if (connector.isRunning() && isUnlimited(connector)) {
                throw tooLate(starting, connector);
            }
        }
        if (!hasHandler(starting)) {
            insertHandler(starting);
        }
    }

    /** Inserts a handler unless the present ones run: Jetty would stop them and start them again. */
    private static void insertHandler(Server starting) {
        Handler present = starting.getHandler();
        if (present != null && present.isRunning()) {
            throw tooLate(starting, present);
        }
        starting.insertHandler(new ConnectionLimitHandler());
    }

    private static IllegalStateException tooLate(Server starting, LifeCycle running) {
        return new IllegalStateException("ConnectionLimitInstaller cannot limit " + starting + ", which is starting: "
                + running
                + " is running already; add the installer before the server starts, or by a LifeCycle.Listener"
                + " of the server in lifeCycleStarting, after all handlers have been set");
    }

    private static boolean hasHandler(Server server) {
        return server.getDescendant(ConnectionLimitHandler.class) != null;
    }

    private static boolean isUnlimited(Connector connector) {
        return connector instanceof ServerConnector && connector.getBean(ConnectionLimitListener.class) == null;
    }

    /** Too late for an exception, which would leave the connectors running in a server that has failed. */
    private void warnOfWhatIsMissing() {
        if (!isRunning()) {
            LOGGER.log(
                    System.Logger.Level.WARNING,
                    "No connection of {0} is limited: its ConnectionLimitInstaller has not been started; add it as a"
                            + " managed bean",
                    server);
        } else if (!hasHandler(server)) {
            LOGGER.log(
                    System.Logger.Level.WARNING,
                    "Streams and forwarded clients of {0} are not limited: its handlers were replaced while it was"
                            + " starting; set them before, or insert a ConnectionLimitHandler in front of them",
                    server);
        } else if (!RequestHeaders.areAllNoted(server.getHandler())) {
            LOGGER.log(
                    System.Logger.Level.WARNING,
                    "Streams and forwarded clients of {0} are limited only where a ConnectionLimitHandler sees them: put"
                            + " it in front of all other handlers",
                    server);
        }
    }

    /**
     * Called by Jetty when a bean is removed. Connectors keep the listeners that this installer has given them.
     *
     * @param parent what the bean is removed from
     * @param child the bean
     */
    @Override
    public void beanRemoved(Container parent, Object child) {
        if (child == this && parent == server) {
            server.removeEventListener(serverListener);
            server = null;
        }
    }

    @Override
    protected void doStart() throws Exception {
        if (server == null) {
            throw new IllegalStateException("ConnectionLimitInstaller is started without being a bean of a Server");
        }
        getLimiter();
        if (!hasHandler(server)) {
            // Replaced since it was inserted.
            insertHandler(server);
        }
        for (Connector connector : server.getConnectors()) {
            install(connector);
        }
        if (jmx) {
            registration = JmxRegistration.register(getLimiter(), "jetty");
        }
        super.doStart();
    }

    @Override
    protected void doStop() throws Exception {
        super.doStop();
        if (registration != null) {
            registration.unregister();
            registration = null;
        }
    }

    private void install(Connector connector) {
        if (isUnlimited(connector)) {
            connector.addBean(
                    refusalHandler == null
                            ? new ConnectionLimitListener(getLimiter())
                            : new ConnectionLimitListener(getLimiter(), refusalHandler));
        }
    }

    @Override
    public String toString() {
        return getClass().getSimpleName() + "{" + getState() + "}";
    }
}
