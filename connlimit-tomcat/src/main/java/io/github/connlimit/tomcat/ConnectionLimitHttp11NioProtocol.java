package io.github.connlimit.tomcat;

import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.RefusalHandler;
import java.nio.channels.SocketChannel;
import org.apache.coyote.http11.Http11NioProtocol;

/**
 * Tomcat's HTTP/1.1 (and HTTP/2) protocol over NIO, with the open connections of each client limited at accept time. In
 * {@code server.xml} it is the {@code protocol} of a Connector; in code, {@code new Connector(protocol)}.
 *
 * <p>Who counts is decided at the start: the limiter that was set by code, else that of the {@link ConnectionLimitValve}
 * in the Connector's Service, else one that is made of the attributes of this protocol, all of which have defaults. An
 * attribute that is not allowed keeps the protocol from being initialised, and attributes besides one of the others keep
 * it from being started; it never runs without limits for that. Once started, setting an attribute changes the limiter in
 * force at once, or throws {@link IllegalArgumentException} and changes nothing.
 *
 * <p>Connections over a Unix domain socket ({@code unixDomainSocketPath}) have no address and are not counted.
 *
 * <p>This class is thread-safe.
 */
public final class ConnectionLimitHttp11NioProtocol extends Http11NioProtocol implements LimitedProtocol {

    private final LimitedNioEndpoint endpoint;
    private final ProtocolLimit<SocketChannel> limit;

    /** Makes a protocol with the default limits. */
    public ConnectionLimitHttp11NioProtocol() {
        this(new LimitedNioEndpoint());
    }

    ConnectionLimitHttp11NioProtocol(LimitedNioEndpoint endpoint) {
        super(endpoint);
        this.endpoint = endpoint;
        limit = new ProtocolLimit<>(endpoint.limited());
    }

    /**
     * Sets what counts the connections, perhaps together with those of other servers.
     *
     * @throws IllegalStateException if the protocol has been started
     */
    public void setLimiter(ConnectionLimiter limiter) {
        limit.limiter(limiter);
    }

    /** What counts the connections, or {@code null} before the first start. */
    public ConnectionLimiter getLimiter() {
        return limit.settings().limiter();
    }

    /**
     * Sets a goodbye of its own for refused connections, or {@code null} for what {@link ConnectionLimits#refuse()} says.
     */
    public void setRefusalHandler(RefusalHandler<? super SocketChannel> handler) {
        limit.refusalHandler(handler);
    }

    /** For the Valve of the Service, which calls this itself. */
    @Override
    public void useServiceLimiter(ConnectionLimiter limiter) {
        limit.useServiceLimiter(limiter);
    }

    /** See {@link ConnectionLimits#maxPerClient()}. */
    public String getMaxPerClient() {
        return limit.settings().get("maxPerClient");
    }

    /** See {@link ConnectionLimits.Builder#maxPerClient}. */
    public void setMaxPerClient(String connections) {
        limit.settings().set("maxPerClient", connections);
    }

    /** See {@link ConnectionLimits#rules()}. */
    public String getRules() {
        return limit.settings().get("rules");
    }

    /** See {@link ConnectionLimits.Builder#rules}. */
    public void setRules(String rules) {
        limit.settings().set("rules", rules);
    }

    /** See {@link ConnectionLimits#ipv4Prefix()}. */
    public String getIpv4Prefix() {
        return limit.settings().get("ipv4Prefix");
    }

    /** See {@link ConnectionLimits.Builder#ipv4Prefix}. */
    public void setIpv4Prefix(String length) {
        limit.settings().set("ipv4Prefix", length);
    }

    /** See {@link ConnectionLimits#ipv6Prefix()}. */
    public String getIpv6Prefix() {
        return limit.settings().get("ipv6Prefix");
    }

    /** See {@link ConnectionLimits.Builder#ipv6Prefix}. */
    public void setIpv6Prefix(String length) {
        limit.settings().set("ipv6Prefix", length);
    }

    /** See {@link ConnectionLimits#refuse()}. */
    public String getRefuse() {
        return limit.settings().get("refuse");
    }

    /** See {@link ConnectionLimits.Builder#refuse}. */
    public void setRefuse(String how) {
        limit.settings().set("refuse", how);
    }

    /** See {@link ConnectionLimits#onError()}. */
    public String getOnError() {
        return limit.settings().get("onError");
    }

    /** See {@link ConnectionLimits.Builder#onError}. */
    public void setOnError(String policy) {
        limit.settings().set("onError", policy);
    }

    @Override
    public boolean setProperty(String name, String value) {
        if (LimiterSettings.isSetting(name)) {
            limit.settings().set(name, value);
            return true;
        }
        return super.setProperty(name, value);
    }

    @Override
    public String getProperty(String name) {
        return LimiterSettings.isSetting(name) ? limit.settings().get(name) : super.getProperty(name);
    }

    /** Connections that are open and counted, by all that the limiter counts for. */
    public long getOpenConnections() {
        return limit.settings().openConnections();
    }

    /** Clients with at least one open connection. */
    public long getClients() {
        return limit.settings().clients();
    }

    /** Connections admitted since the limiter was made. */
    public long getAdmitted() {
        return limit.settings().admitted();
    }

    /** Connections refused since the limiter was made. */
    public long getRefused() {
        return limit.settings().refused();
    }

    /**
     * The clients with most open connections, the largest first, one text each.
     *
     * @param count how many to name, 0 or more
     */
    public String[] topClients(int count) {
        return limit.settings().topClients(count);
    }

    @Override
    public void init() throws Exception {
        limit.init();
        super.init();
    }

    @Override
    public void start() throws Exception {
        try {
            limit.start(mserver, getObjectName());
        } catch (Throwable error) {
            // Bound already: nobody is to wait in the backlog of a port that is not served.
            endpoint.destroy();
            throw error;
        }
        try {
            super.start();
        } catch (Throwable error) {
            limit.stop();
            throw error;
        }
    }

    @Override
    public void stop() throws Exception {
        try {
            super.stop();
        } finally {
            limit.stop();
        }
    }

    @Override
    public void destroy() throws Exception {
        try {
            super.destroy();
        } finally {
            limit.destroy();
        }
    }
}
