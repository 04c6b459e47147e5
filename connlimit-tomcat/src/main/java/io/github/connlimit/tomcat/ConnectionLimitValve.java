package io.github.connlimit.tomcat;

import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import jakarta.servlet.ServletException;
import java.beans.PropertyChangeEvent;
import java.beans.PropertyChangeListener;
import java.io.IOException;
import java.util.Optional;
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
import org.apache.catalina.valves.ValveBase;

/**
 * The limits of a whole Service, on its Engine, a Host or a Context: one limiter for all Connectors with one of the
 * protocols of this package, so that the connections of a client are counted over all of them.
 *
 * <p>The Valve itself counts what no such protocol can: requests in process whose client was not counted when the
 * connection was accepted. These are the requests of a Connector with another protocol, and those whose remote address
 * was rewritten by a Valve before this one ({@code RemoteIpValve}), the latter only if they come from a peer that a rule
 * exempts: from anybody else, a header that names another client changes nothing. A request over the limit is answered
 * with status 429. An asynchronous request counts until it is completed.
 *
 * <p>An attribute that is not allowed keeps the Valve from being started, and with it the Connectors that would ask it
 * for the limits. Once started, setting an attribute changes the limits at once, or throws
 * {@link IllegalArgumentException} and changes nothing. This class is thread-safe.
 */
public final class ConnectionLimitValve extends ValveBase implements AccessLog {

    private static final System.Logger LOGGER = System.getLogger(ConnectionLimitValve.class.getName());

    private static final int TOO_MANY_REQUESTS = 429;

    /** The same words as at accept. */
    private static final String REFUSED = "client connection limit reached\n";

    private final LimiterSettings settings = new LimiterSettings();
    private final PropertyChangeListener connectors = this::connectorChanged;

    /** Set by code. */
    private ConnectionLimiter setLimiter;

    private Service service;
    private volatile LimitedRequests requests;
    private volatile boolean requestAttributesEnabled;

    /** Makes a Valve with the default limits. */
    public ConnectionLimitValve() {
        super(true);
    }

    /**
     * Sets what counts, perhaps together with other servers.
     *
     * @throws IllegalStateException if the Valve has been started
     */
    public synchronized void setLimiter(ConnectionLimiter limiter) {
        if (settings.limiter() != null) {
            throw new IllegalStateException("limiter: to be set before the Valve is started");
        }
        setLimiter = limiter;
    }

    /** What counts, or {@code null} if none was set and the Valve was never started. */
    public synchronized ConnectionLimiter getLimiter() {
        return setLimiter != null ? setLimiter : settings.limiter();
    }

    /** See {@link ConnectionLimits#maxPerClient()}. */
    public String getMaxPerClient() {
        return settings.get("maxPerClient");
    }

    /** See {@link ConnectionLimits.Builder#maxPerClient}. */
    public void setMaxPerClient(String connections) {
        settings.set("maxPerClient", connections);
    }

    /** See {@link ConnectionLimits#rules()}. */
    public String getRules() {
        return settings.get("rules");
    }

    /** See {@link ConnectionLimits.Builder#rules}. */
    public void setRules(String rules) {
        settings.set("rules", rules);
    }

    /** See {@link ConnectionLimits#ipv4Prefix()}. */
    public String getIpv4Prefix() {
        return settings.get("ipv4Prefix");
    }

    /** See {@link ConnectionLimits.Builder#ipv4Prefix}. */
    public void setIpv4Prefix(String length) {
        settings.set("ipv4Prefix", length);
    }

    /** See {@link ConnectionLimits#ipv6Prefix()}. */
    public String getIpv6Prefix() {
        return settings.get("ipv6Prefix");
    }

    /** See {@link ConnectionLimits.Builder#ipv6Prefix}. */
    public void setIpv6Prefix(String length) {
        settings.set("ipv6Prefix", length);
    }

    /** See {@link ConnectionLimits#refuse()}. */
    public String getRefuse() {
        return settings.get("refuse");
    }

    /** See {@link ConnectionLimits.Builder#refuse}; for the protocols, as a request is always answered with 429. */
    public void setRefuse(String how) {
        settings.set("refuse", how);
    }

    /** See {@link ConnectionLimits#onError()}. */
    public String getOnError() {
        return settings.get("onError");
    }

    /** See {@link ConnectionLimits.Builder#onError}. */
    public void setOnError(String policy) {
        settings.set("onError", policy);
    }

    /** Connections, and requests counted by this Valve, that are open. */
    public long getOpenConnections() {
        return settings.openConnections();
    }

    /** Clients with at least one of them open. */
    public long getClients() {
        return settings.clients();
    }

    /** Connections and requests admitted since the limiter was made. */
    public long getAdmitted() {
        return settings.admitted();
    }

    /** Connections and requests refused since the limiter was made. */
    public long getRefused() {
        return settings.refused();
    }

    /**
     * The clients with most open connections, the largest first, one text each.
     *
     * @param count how many to name, 0 or more
     */
    public String[] topClients(int count) {
        return settings.topClients(count);
    }

    @Override
    protected synchronized void startInternal() throws LifecycleException {
        try {
            service = findService();
            ConnectionLimiter limiter = findLimiter();
            settings.use(limiter);
            requests = new LimitedRequests(limiter);
            for (Connector connector : service.findConnectors()) {
                join(connector);
            }
        } catch (IllegalArgumentException | IllegalStateException wrong) {
            throw new LifecycleException(getClass().getSimpleName() + ": " + wrong.getMessage(), wrong);
        }
        if (service instanceof StandardService standard) {
            standard.addPropertyChangeListener(connectors);
        }
        super.startInternal();
    }

    private Service findService() {
        Container top = getContainer();
        while (top != null && !(top instanceof Engine)) {
            top = top.getParent();
        }
        if (top == null || ((Engine) top).getService() == null) {
            throw new IllegalStateException("it is to be on the Engine of a Service, on a Host or on a Context");
        }
        Service found = ((Engine) top).getService();
        if (ServiceValves.valves(found)
                .anyMatch(other -> other != this && other.getState().isAvailable())) {
            throw new IllegalStateException("there is another one in the Service \"" + found.getName()
                    + "\" already; one is to hold the limits of all its Connectors");
        }
        return found;
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
            limited.useServiceLimiter(settings.limiter());
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
    }

    /**
     * What the protocols of the Service are to count by.
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
        if (!counted.admit(request)) {
            refuse(request, response);
            return;
        }
        Object token = counted.counted(request);
        try {
            getNext().invoke(request, response);
        } finally {
            counted.returned(request, token);
        }
    }

    private static void refuse(Request request, Response response) throws IOException {
        response.setStatus(TOO_MANY_REQUESTS);
        response.setHeader("Retry-After", "1");
        if (request.getProtocol().startsWith("HTTP/1.")) {
            response.setHeader("Connection", "close");
        }
        response.setContentType("text/plain;charset=utf-8");
        response.setContentLength(REFUSED.length());
        response.getWriter().write(REFUSED);
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
     * A request that was too malformed for any Host is logged by the default Host if the Engine has no log of its own. As
     * this Valve is taken for one, it has to pass such a request on.
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
