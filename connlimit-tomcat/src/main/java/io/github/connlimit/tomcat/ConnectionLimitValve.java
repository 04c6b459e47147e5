package io.github.connlimit.tomcat;

import io.github.connlimit.ClusterMembership;
import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.Rejection;
import jakarta.servlet.ServletException;
import java.beans.PropertyChangeEvent;
import java.beans.PropertyChangeListener;
import java.io.IOException;
import java.util.Optional;
import java.util.stream.Stream;
import org.apache.catalina.AccessLog;
import org.apache.catalina.Container;
import org.apache.catalina.Engine;
import org.apache.catalina.LifecycleException;
import org.apache.catalina.LifecycleState;
import org.apache.catalina.Service;
import org.apache.catalina.Valve;
import org.apache.catalina.connector.Connector;
import org.apache.catalina.connector.Request;
import org.apache.catalina.connector.Response;
import org.apache.catalina.core.StandardService;
import org.apache.catalina.valves.RemoteIpValve;
import org.apache.catalina.valves.ValveBase;

/**
 * The limits of a whole Service: one limiter for all Connectors with one of the protocols of this package, so that the
 * connections of a client are counted over all of them. It belongs on the Engine, a Host or a Context.
 *
 * <p>The Valve also counts requests in process whose client was not counted at accept. These are the requests of a
 * Connector with another protocol, and those whose remote address a Valve before this one has rewritten
 * ({@code RemoteIpValve}). The latter count only if they come from a peer that a rule exempts: a header from anybody else
 * changes nothing. A request over the limit is answered with status 429, or 503 if the server is full. An asynchronous request counts until it is
 * completed.
 *
 * <p>The Valve counts long-lived streams, of which a client may have {@link ConnectionLimits#reservedConnections()} fewer
 * than connections. A request that asks for an upgrade to another protocol (not {@code h2c}) counts until its connection is
 * closed, or until it ends if there was no upgrade. A request that accepts {@code text/event-stream} counts until it is
 * completed. One too many is answered with status 429. On a Connector with another protocol, an upgraded connection is not
 * known and does not count.
 *
 * <p>An invalid attribute keeps the Valve from starting, and with it the Connectors that ask it for the limits. Once
 * started, setting an attribute changes the limits at once, or throws {@link IllegalArgumentException} and changes nothing.
 * This class is thread-safe.
 *
 * @since 0.1.0
 */
public final class ConnectionLimitValve extends ValveBase implements AccessLog, ConnectionLimitAttributes {

    private static final System.Logger LOGGER = System.getLogger(ConnectionLimitValve.class.getName());

    private final LimiterSettings settings = new LimiterSettings();
    private final PropertyChangeListener connectors = this::connectorChanged;

    /** Set by code. */
    private ConnectionLimiter setLimiter;

    private Service service;

    /** {@code null} unless the Valve is started. */
    private ClusterMembership membership;

    private volatile LimitedRequests requests;
    private volatile boolean requestAttributesEnabled;

    /** Makes a Valve with the default limits. */
    public ConnectionLimitValve() {
        super(true);
    }

    /**
     * Sets the limiter that counts. Other servers may share it.
     *
     * @param limiter what counts
     * @throws IllegalStateException if the Valve has been started
     */
    public synchronized void setLimiter(ConnectionLimiter limiter) {
        if (settings.limiter() != null) {
            throw new IllegalStateException("limiter: to be set before the Valve is started");
        }
        setLimiter = limiter;
    }

    /** What counts, or {@code null} if none was set and the Valve was never started. */
    @Override
    public synchronized ConnectionLimiter getLimiter() {
        return setLimiter != null ? setLimiter : settings.limiter();
    }

    @Override
    public String getProperty(String name) {
        return LimiterSettings.isSetting(name) ? settings.get(name) : null;
    }

    @Override
    public boolean setProperty(String name, String value) {
        return settings.trySet(name, value);
    }

    @Override
    protected synchronized void startInternal() throws LifecycleException {
        try {
            service = findService();
            ConnectionLimiter limiter = findLimiter();
            settings.use(limiter);
            membership = limiter.joinCluster();
            requests = new LimitedRequests(limiter);
            for (Connector connector : service.findConnectors()) {
                join(connector);
            }
        } catch (IllegalArgumentException | IllegalStateException wrong) {
            leave();
            unbindConnectors();
            throw new LifecycleException(getClass().getSimpleName() + ": " + wrong.getMessage(), wrong);
        }
        warnOfLateRemoteIp();
        if (service instanceof StandardService standard) {
            standard.addPropertyChangeListener(connectors);
        }
        super.startInternal();
    }

    /** Their ports are bound by now. They will not be served, and clients would wait in their backlogs. */
    private void unbindConnectors() {
        Service found = enclosingService();
        for (Connector connector : found == null ? new Connector[0] : found.findConnectors()) {
            if (connector.getProtocolHandler() instanceof LimitedProtocol limited) {
                try {
                    limited.unbind();
                } catch (Exception error) {
                    LOGGER.log(System.Logger.Level.ERROR, connector + ": giving up its port failed", error);
                }
            }
        }
    }

    /** {@code null} if there is none. */
    private Service enclosingService() {
        Container top = getContainer();
        while (top != null && !(top instanceof Engine)) {
            top = top.getParent();
        }
        return top == null ? null : ((Engine) top).getService();
    }

    private Service findService() {
        Service found = enclosingService();
        if (found == null) {
            throw new IllegalStateException("it is to be on the Engine of a Service, on a Host or on a Context");
        }
        if (ServiceValves.valves(found)
                .anyMatch(other -> other != this && other.getState().isAvailable())) {
            throw new IllegalStateException("there is another one in the Service \"" + found.getName()
                    + "\" already; one is to hold the limits of all its Connectors");
        }
        return found;
    }

    /** A RemoteIpValve that has not run yet has not told this Valve who the client is. */
    private void warnOfLateRemoteIp() {
        boolean before = true;
        for (Valve valve : getContainer().getPipeline().getValves()) {
            if (valve == this) {
                before = false;
            } else if (!before && valve instanceof RemoteIpValve) {
                warnOfLateRemoteIp(getContainer());
            }
        }
        for (Container child : getContainer().findChildren()) {
            ServiceValves.containers(child)
                    .filter(container ->
                            Stream.of(container.getPipeline().getValves()).anyMatch(RemoteIpValve.class::isInstance))
                    .forEach(this::warnOfLateRemoteIp);
        }
    }

    private void warnOfLateRemoteIp(Container container) {
        LOGGER.log(
                System.Logger.Level.WARNING,
                "clients behind proxies are not limited: the RemoteIpValve of " + container.getName()
                        + " comes after the ConnectionLimitValve of "
                        + getContainer().getName()
                        + "; put the RemoteIpValve in front of it");
    }

    private ConnectionLimiter findLimiter() {
        if (settings.limiter() != null) {
            return settings.limiter();
        }
        if (setLimiter == null) {
            return new ConnectionLimiter(settings.limits());
        }
        if (settings.isGiven()) {
            throw new IllegalStateException("the limits come from two places: the Valve has its own ("
                    + settings.givenNames() + "), and there is setLimiter; leave out one of them");
        }
        return setLimiter;
    }

    private void join(Connector connector) {
        if (connector.getProtocolHandler() instanceof LimitedProtocol limited) {
            limited.limit().useServiceLimiter(settings.limiter());
        } else {
            LOGGER.log(System.Logger.Level.WARNING, LimitedRequests.notLimited(connector));
        }
    }

    /** A Connector that is added to a running Service; it has been started already. */
    private void connectorChanged(PropertyChangeEvent event) {
        if ("connector".equals(event.getPropertyName()) && event.getNewValue() instanceof Connector connector) {
            try {
                join(connector);
            } catch (IllegalStateException wrong) {
                LOGGER.log(System.Logger.Level.ERROR, connector + ": " + wrong.getMessage());
            }
        }
    }

    @Override
    protected synchronized void stopInternal() throws LifecycleException {
        super.stopInternal();
        if (service instanceof StandardService standard) {
            standard.removePropertyChangeListener(connectors);
        }
        LimitedRequests counted = requests;
        if (counted != null) {
            counted.releaseAll();
        }
        leave();
    }

    private void leave() {
        if (membership != null) {
            membership.close();
            membership = null;
        }
    }

    /**
     * The limiter for the protocols of the Service.
     *
     * @return empty if this Valve was never started
     * @throws IllegalStateException if it could not be started
     */
    Optional<ConnectionLimiter> serviceLimiter() {
        if (getState() == LifecycleState.FAILED) {
            throw new IllegalStateException("the ConnectionLimitValve of the Service could not be started");
        }
        return Optional.ofNullable(settings.limiter());
    }

    @Override
    public void invoke(Request request, Response response) throws IOException, ServletException {
        LimitedRequests counted = requests;
        if (counted == null) {
            // Added to a running container, which goes on with a Valve that could not be started: so do the old limits.
            getNext().invoke(request, response);
            return;
        }
        Rejection rejection = counted.admit(request);
        if (rejection != null) {
            refuse(request, response, rejection);
            return;
        }
        LimitedRequests.Counted token = counted.counted(request);
        try {
            getNext().invoke(request, response);
        } finally {
            counted.returned(request, response, token);
        }
    }

    private static void refuse(Request request, Response response, Rejection rejection) throws IOException {
        response.setStatus(rejection.status());
        response.setHeader("Retry-After", Rejection.RETRY_AFTER_SECONDS);
        if (request.getProtocol().startsWith("HTTP/1.") && LimitedRequests.closesConnection(request)) {
            response.setHeader("Connection", "close");
        }
        response.setContentType(Rejection.CONTENT_TYPE);
        response.setContentLength(rejection.text().length());
        response.getWriter().write(rejection.text());
    }

    /** Tomcat calls this at the very end of each request, in particular of asynchronous ones. */
    @Override
    public void log(Request request, Response response, long time) {
        LimitedRequests counted = requests;
        if (counted != null) {
            counted.release(request);
        }
        logByDefault(request, response, time);
    }

    /**
     * Tomcat has the default Host log a request that was too malformed for any Host, if the Engine has no log of its own. It
     * takes this Valve for one, so this Valve has to pass such a request on.
     */
    private void logByDefault(Request request, Response response, long time) {
        if (!(getContainer() instanceof Engine engine) || request.getHost() != null || hasOtherLog(engine)) {
            return;
        }
        Container host = engine.getDefaultHost() == null ? null : engine.findChild(engine.getDefaultHost());
        AccessLog log = availableLog(host);
        if (log == null && host != null) {
            log = availableLog(host.findChild(""));
        }
        if (log != null) {
            log.log(request, response, time);
        }
    }

    private boolean hasOtherLog(Engine engine) {
        for (Valve valve : engine.getPipeline().getValves()) {
            if (valve != this && valve instanceof AccessLog) {
                return true;
            }
        }
        return false;
    }

    private static AccessLog availableLog(Container container) {
        return container != null && container.getState().isAvailable() ? container.getAccessLog() : null;
    }

    /** Kept, but of no effect: nothing is logged here. */
    @Override
    public void setRequestAttributesEnabled(boolean enabled) {
        requestAttributesEnabled = enabled;
    }

    @Override
    public boolean getRequestAttributesEnabled() {
        return requestAttributesEnabled;
    }
}
