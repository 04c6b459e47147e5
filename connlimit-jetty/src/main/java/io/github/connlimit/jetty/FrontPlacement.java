package io.github.connlimit.jetty;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import org.eclipse.jetty.http.HttpVersion;
import org.eclipse.jetty.server.ConnectionFactory;
import org.eclipse.jetty.server.ProxyConnectionFactory;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.server.SslConnectionFactory;

/**
 * Puts a {@link FrontConnectionFactory} among the protocols of its connector: in front of HTTP/1.1 or TLS if one of them
 * is the default protocol, or right behind PROXY protocol if that is. This class is not thread-safe; it is used by the
 * thread that sets up or starts the connector, as Jetty allows no change to the protocols of a running one.
 */
final class FrontPlacement {

    private static final String PROTOCOL = "connlimit";

    /** In front of TLS. Jetty takes a default protocol with this prefix to mean that the scheme is https. */
    private static final String TLS_PROTOCOL = "SSL-connlimit";

    private static final String HTTP = HttpVersion.HTTP_1_1.asString();

    private final FrontConnectionFactory front;

    /** The default protocol that the factory has taken the place of, or {@code null}. */
    private String displaced;

    FrontPlacement(FrontConnectionFactory front) {
        this.front = front;
        front.setProtocol(PROTOCOL);
    }

    /**
     * Puts the factory in its place, if there is one for it. To be called again after the connector's factories may have
     * been changed.
     */
    void putInFront(ServerConnector stopped) {
        remove(stopped);
        String first = stopped.getDefaultProtocol();
        ConnectionFactory factory = first == null ? null : stopped.getConnectionFactory(first);
        if (factory == null || isTaken(stopped)) {
            return;
        }
        if (factory instanceof ProxyConnectionFactory) {
            front.setProtocol(PROTOCOL);
            insertAfter(factory, stopped);
        } else if (factory instanceof SslConnectionFactory || HTTP.equalsIgnoreCase(first)) {
            front.setProtocol(HTTP.equalsIgnoreCase(first) ? PROTOCOL : TLS_PROTOCOL);
            displaced = first;
            // At the end of the list, so as not to come between two protocols of which one looks for the next.
            stopped.addConnectionFactory(front);
            stopped.setDefaultProtocol(front.getProtocol());
        }
    }

    private static boolean isTaken(ServerConnector by) {
        return by.getConnectionFactory(PROTOCOL) != null || by.getConnectionFactory(TLS_PROTOCOL) != null;
    }

    private void insertAfter(ConnectionFactory before, ServerConnector stopped) {
        String first = stopped.getDefaultProtocol();
        List<ConnectionFactory> all = new ArrayList<>(new LinkedHashSet<>(stopped.getConnectionFactories()));
        int index = all.indexOf(before) + 1;
        if (index < all.size()) {
            all.add(index, front);
            stopped.setConnectionFactories(all);
            stopped.setDefaultProtocol(first);
        }
    }

    /** Undoes {@link #putInFront}. */
    void remove(ServerConnector stopped) {
        String protocol = front.getProtocol();
        if (stopped.getConnectionFactory(protocol) == front) {
            stopped.removeConnectionFactory(protocol);
            if (protocol.equalsIgnoreCase(stopped.getDefaultProtocol())) {
                List<String> others = stopped.getProtocols();
                boolean back = stopped.getConnectionFactory(displaced) != null;
                stopped.setDefaultProtocol(back ? displaced : others.get(0));
            }
        }
        displaced = null;
    }

    /**
     * Finds what follows the factory, for a connector that starts.
     *
     * @return {@code null} if the factory is not part of the connector, or nothing follows it
     * @throws IllegalStateException if the protocol that the factory stands in front of has been removed
     */
    ConnectionFactory findNext(ServerConnector starting) {
        String protocol = front.getProtocol();
        if (starting.getConnectionFactory(protocol) != front) {
            return null;
        }
        boolean inFront = starting.getDefaultConnectionFactory() == front;
        List<String> protocols = starting.getProtocols();
        int index = protocols.indexOf(protocol.toLowerCase(Locale.ROOT)) + 1;
        String following = inFront ? displaced : index < protocols.size() ? protocols.get(index) : null;
        ConnectionFactory next = following == null ? null : starting.getConnectionFactory(following);
        if (next == null && inFront) {
            throw new IllegalStateException("no connection factory for " + following + " in " + starting
                    + ", which was its default protocol when its ConnectionLimitListener was added");
        }
        return next;
    }
}
