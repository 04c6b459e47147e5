package io.github.connlimit.tomcat;

import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.Refusal;
import io.github.connlimit.RefusalHandler;
import java.nio.channels.AsynchronousSocketChannel;
import org.apache.coyote.Adapter;
import org.apache.coyote.http11.Http11Nio2Protocol;

/**
 * Tomcat's HTTP/1.1 (and HTTP/2) protocol over NIO2, with the open connections of each client limited at accept time. In
 * {@code server.xml} it is the {@code protocol} of a Connector; in code, {@code new Connector(protocol)}.
 *
 * <p>At its start it takes the limiter that code has set, else that of the {@link ConnectionLimitValve} in the
 * Connector's Service, else one made from its own attributes, which all have defaults. An invalid attribute keeps it from
 * being initialised. Attributes of its own beside another limiter keep it from being started. It never runs unlimited.
 *
 * <p>{@link AsynchronousSocketChannel} has no {@code SO_LINGER}, so {@link Refusal#RESET} is as {@link Refusal#CLOSE} here.
 *
 * <p>This class is thread-safe.
 *
 * @since 0.1.0
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
     * Sets the limiter that counts the connections. Other servers may share it.
     *
     * @param limiter what counts
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
     * Sets what ends a refused connection in place of {@link ConnectionLimits#refuse()}.
     *
     * @param handler what ends it, or {@code null} for {@link ConnectionLimits#refuse()}
     */
    public void setRefusalHandler(RefusalHandler<? super AsynchronousSocketChannel> handler) {
        limit.refusalHandler(handler);
    }

    @Override
    public ProtocolLimit<?> limit() {
        return limit;
    }

    @Override
    public void unbind() throws Exception {
        if (!limit.isRunning()) {
            endpoint.destroy();
        }
    }

    @Override
    public boolean setProperty(String name, String value) {
        return limit.settings().trySet(name, value) || super.setProperty(name, value);
    }

    @Override
    public String getProperty(String name) {
        return LimiterSettings.isSetting(name) ? limit.settings().get(name) : super.getProperty(name);
    }

    @Override
    public void setAdapter(Adapter adapter) {
        super.setAdapter(limit.watch(adapter));
    }

    @Override
    public void init() throws Exception {
        limit.init();
        super.init();
    }

    @Override
    public void start() throws Exception {
        limit.start(mserver, getObjectName(), super::start, endpoint::destroy);
    }

    @Override
    public void stop() throws Exception {
        limit.stop(super::stop);
    }

    @Override
    public void destroy() throws Exception {
        limit.destroy(super::destroy);
    }
}
