package io.github.connlimit.tomcat;

import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.ConnectionPermit;
import io.github.connlimit.RefusalHandler;
import java.net.InetSocketAddress;
import java.nio.channels.AsynchronousSocketChannel;
import java.util.Optional;
import org.apache.coyote.http11.Http11Nio2Protocol;

/**
 * Tomcat's HTTP/1.1 (and HTTP/2) protocol over NIO2, with the open connections of each client limited at accept time. In
 * {@code server.xml} it is the {@code protocol} of a Connector; in code, {@code new Connector(protocol)}.
 *
 * <p>Who counts is decided at the start: the limiter that was set by code, else that of the {@link ConnectionLimitValve}
 * in the Connector's Service, else one that is made of the attributes of this protocol, all of which have defaults. An
 * attribute that is not allowed keeps the protocol from being initialised, and attributes besides one of the others keep
 * it from being started; it never runs without limits for that.
 *
 * <p>{@link java.nio.channels.AsynchronousSocketChannel} knows no {@code SO_LINGER}: {@link io.github.connlimit.Refusal#RESET}
 * is as {@link io.github.connlimit.Refusal#CLOSE} here.
 *
 * <p>This class is thread-safe.
 */
public final class ConnectionLimitHttp11Nio2Protocol extends Http11Nio2Protocol
        implements LimitedProtocol, ConnectionLimitAttributes {

    private final LimitedNio2Endpoint endpoint;
    private final ProtocolLimit<AsynchronousSocketChannel> limit;

    /** Makes a protocol with the default limits. */
    public ConnectionLimitHttp11Nio2Protocol() {
        this(new LimitedNio2Endpoint());
    }

    ConnectionLimitHttp11Nio2Protocol(LimitedNio2Endpoint endpoint) {
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

    @Override
    public ConnectionLimiter getLimiter() {
        return limit.settings().limiter();
    }

    /**
     * Sets a goodbye of its own for refused connections, or {@code null} for what {@link ConnectionLimits#refuse()} says.
     */
    public void setRefusalHandler(RefusalHandler<? super AsynchronousSocketChannel> handler) {
        limit.refusalHandler(handler);
    }

    /** For the Valve of the Service, which calls this itself. */
    @Override
    public void useServiceLimiter(ConnectionLimiter limiter) {
        limit.useServiceLimiter(limiter);
    }

    /** For the Valve of the Service. */
    @Override
    public Optional<ConnectionPermit> connectionPermit(InetSocketAddress remote) {
        return limit.connectionPermit(remote);
    }

    /** For the Valve of the Service. */
    @Override
    public void whenClosed(InetSocketAddress remote, Runnable action) {
        limit.whenClosed(remote, action);
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
