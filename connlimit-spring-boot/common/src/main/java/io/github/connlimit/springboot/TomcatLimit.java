package io.github.connlimit.springboot;

import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.RefusalHandler;
import io.github.connlimit.ServerSupport;
import io.github.connlimit.tomcat.ConnectionLimitAttributes;
import io.github.connlimit.tomcat.ConnectionLimitHttp11Nio2Protocol;
import io.github.connlimit.tomcat.ConnectionLimitHttp11NioProtocol;
import io.github.connlimit.tomcat.ConnectionLimitValve;
import java.nio.channels.AsynchronousSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.List;
import java.util.stream.Stream;
import org.apache.catalina.Container;
import org.apache.catalina.Engine;
import org.apache.catalina.connector.Connector;
import org.apache.coyote.ProtocolHandler;

/**
 * Limits the embedded Tomcat of one application context. For the adapters of this project; used by the thread that starts
 * the server.
 *
 * @since 0.1.0
 */
public final class TomcatLimit implements ServerLimit {

    private static final String STOCK_NIO = "org.apache.coyote.http11.Http11NioProtocol";
    private static final String STOCK_NIO2 = "org.apache.coyote.http11.Http11Nio2Protocol";

    private final ConnectionLimiter limiter;

    /** {@code null} for the way that the limits say. */
    private final RefusalHandler<? super SocketChannel> refusalHandler;

    /** The same for NIO2. */
    private final RefusalHandler<? super AsynchronousSocketChannel> refusalHandlerOfNio2;

    /** Whether a protocol has got one of the two. */
    private boolean hasRejectionHandler;

    /** Whether the protocol that was customized last is NIO2. */
    private boolean nio2;

    /** {@code null} while there is no Tomcat. */
    private ConnectionLimitValve valve;

    TomcatLimit(
            ConnectionLimiter limiter,
            RefusalHandler<? super SocketChannel> refusalHandler,
            RefusalHandler<? super AsynchronousSocketChannel> refusalHandlerOfNio2) {
        this.limiter = limiter;
        this.refusalHandler = refusalHandler;
        this.refusalHandlerOfNio2 = refusalHandlerOfNio2;
    }

    /**
     * {@return the name of the protocol's class that limits, in place of one that does not} A protocol that is none of
     * Tomcat's own stays.
     *
     * @param present the name of the protocol's class that the server has now
     */
    public String protocol(String present) {
        return switch (present) {
            case STOCK_NIO -> ConnectionLimitHttp11NioProtocol.class.getName();
            case STOCK_NIO2 -> ConnectionLimitHttp11Nio2Protocol.class.getName();
            default -> present;
        };
    }

    /** {@return a Valve for the Engine of a server that is about to be made; it gives the protocol its limiter} */
    public ConnectionLimitValve newValve() {
        valve = new ConnectionLimitValve();
        valve.setLimiter(limiter);
        return valve;
    }

    /**
     * Gives a protocol what it does not get by the Valve.
     *
     * @param handler of any class
     */
    public void customize(ProtocolHandler handler) {
        nio2 = handler instanceof ConnectionLimitHttp11Nio2Protocol;
        if (refusalHandler != null && handler instanceof ConnectionLimitHttp11NioProtocol protocol) {
            protocol.setRefusalHandler(refusalHandler);
            hasRejectionHandler = true;
        } else if (refusalHandlerOfNio2 != null && handler instanceof ConnectionLimitHttp11Nio2Protocol protocol) {
            protocol.setRefusalHandler(refusalHandlerOfNio2);
            hasRejectionHandler = true;
        }
    }

    @Override
    public boolean isUsed() {
        return valve != null;
    }

    private Stream<Connector> connectors() {
        Container top = valve.getContainer();
        while (top != null && !(top instanceof Engine)) {
            top = top.getParent();
        }
        return top == null
                ? Stream.empty()
                : Stream.of(((Engine) top).getService().findConnectors());
    }

    private static boolean isLimited(Connector connector) {
        return connector.getProtocolHandler() instanceof ConnectionLimitAttributes;
    }

    @Override
    public List<String> limited(int port) {
        return connectors()
                .filter(TomcatLimit::isLimited)
                .map(connector -> "Tomcat on port " + connector.getLocalPort())
                .toList();
    }

    @Override
    public ServerSupport support() {
        return ServerSupport.TOMCAT;
    }

    @Override
    public boolean findsForwardedClients() {
        return true;
    }

    @Override
    public boolean hasRejectionHandler() {
        return hasRejectionHandler;
    }

    @Override
    public String rejectionHandlerType() {
        return nio2 ? "RefusalHandler<AsynchronousSocketChannel>" : "RefusalHandler<SocketChannel>";
    }

    @Override
    public List<String> unlimited() {
        return connectors()
                .filter(connector -> !isLimited(connector))
                .map(connector -> "Tomcat's connections on port " + connector.getLocalPort()
                        + " are not limited, only its requests: the protocol of its connector is "
                        + connector.getProtocolHandlerClassName() + ". Make it "
                        + ConnectionLimitHttp11NioProtocol.class.getName() + " or a subclass")
                .toList();
    }
}
