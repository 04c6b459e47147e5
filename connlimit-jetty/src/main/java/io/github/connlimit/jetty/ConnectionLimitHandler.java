package io.github.connlimit.jetty;

import io.github.connlimit.ConnectionLimits;
import java.nio.channels.SocketChannel;
import org.eclipse.jetty.http.HttpField;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpMethod;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.http.HttpVersion;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.ConnectionMetaData;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.StringUtil;

/**
 * Limits what can be told only by a request, on connectors that have a {@link ConnectionLimitListener}, by the limiter of
 * that listener; to be put in front of all other handlers, {@code server.insertHandler(new ConnectionLimitHandler())}. A
 * {@link ConnectionLimitInstaller} does so by itself. This class is thread-safe.
 *
 * <ul>
 *   <li>Long-lived streams ({@link ConnectionLimits.Builder#reservedConnections}): a request that asks for an upgrade to
 *       another protocol than {@code h2c}, or for a tunnel (CONNECT, which is WebSocket over HTTP/2 too), or accepts
 *       {@code text/event-stream}. Such a stream ends with its request or, if the connection has been upgraded, when that
 *       is closed.
 *   <li>Clients behind a proxy that is exempt by a rule: a request that Jetty's {@code ForwardedRequestCustomizer} has
 *       found to come from another address than its connection counts, until it is completed, as one connection of the
 *       client with that address. From a peer that is not exempt, a header changes nothing.
 * </ul>
 *
 * What is over the limit is answered with status 429, before any other handler sees it.
 *
 * @since 0.1.0
 */
public final class ConnectionLimitHandler extends Handler.Wrapper {

    /** The same words as at accept. */
    private static final String REFUSED = "client connection limit reached\n";

    private static final String EVENT_STREAM = "text/event-stream";

    /** Makes a handler that passes on what it does not refuse to the handler that it is given. */
    public ConnectionLimitHandler() {}

    /**
     * Called by Jetty for each request.
     *
     * @throws Exception if another handler does
     */
    @Override
    public boolean handle(Request request, Response response, Callback callback) throws Exception {
        ConnectionMetaData metaData = request.getConnectionMetaData();
        // A customizer that changes what a request says of its connection puts something else in front of it.
        boolean customized = metaData != metaData.getConnection();
        boolean stream = asksForStream(request);
        // The deadline would find out that it is not pending, but that may take a while.
        boolean first = metaData.getConnection().getMessagesIn() == 1;
        if (customized || stream || first) {
            ConnectionLimitListener listener = metaData.getConnector().getBean(ConnectionLimitListener.class);
            SocketChannel channel = listener == null
                    ? null
                    : Channels.of(metaData.getConnection().getEndPoint());
            if (channel != null) {
                listener.established(channel);
                if ((customized || stream) && !listener.requests().admit(request, channel, stream)) {
                    refuse(request, response, callback);
                    return true;
                }
            }
        }
        return super.handle(request, response, callback);
    }

    private static boolean asksForStream(Request request) {
        if (HttpMethod.CONNECT.is(request.getMethod())) {
            return true;
        }
        for (HttpField field : request.getHeaders()) {
            HttpHeader header = field.getHeader();
            if (header == HttpHeader.UPGRADE && !"h2c".equalsIgnoreCase(field.getValue())
                    || header == HttpHeader.ACCEPT && acceptsEventStream(field.getValue())) {
                return true;
            }
        }
        return false;
    }

    private static boolean acceptsEventStream(String types) {
        return types != null && StringUtil.asciiToLowerCase(types).contains(EVENT_STREAM);
    }

    private static void refuse(Request request, Response response, Callback callback) {
        HttpFields.Mutable headers = response.getHeaders();
        response.setStatus(HttpStatus.TOO_MANY_REQUESTS_429);
        headers.put(HttpHeader.RETRY_AFTER, "1");
        headers.put(HttpHeader.CONTENT_TYPE, "text/plain;charset=utf-8");
        headers.put(HttpHeader.CONTENT_LENGTH, REFUSED.length());
        if (request.getConnectionMetaData().getHttpVersion().getVersion() < HttpVersion.HTTP_2.getVersion()) {
            headers.put(HttpHeader.CONNECTION, "close");
        }
        Content.Sink.write(response, true, REFUSED, callback);
    }
}
