package io.github.connlimit.jetty;

import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.Rejection;
import java.nio.channels.SocketChannel;
import java.util.Objects;
import org.eclipse.jetty.http.HttpField;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpMethod;
import org.eclipse.jetty.http.HttpVersion;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.server.ConnectionMetaData;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.StringUtil;

/**
 * Limits what only a request reveals: long-lived streams, clients behind a trusted proxy, and slow headers. It has to
 * stand in front of all other handlers, {@code server.insertHandler(new ConnectionLimitHandler())}; a
 * {@link ConnectionLimitInstaller} puts it there. It works on each connector that has a {@link ConnectionLimitListener},
 * with the limiter of that listener. This class is thread-safe.
 *
 * <ul>
 *   <li>Streams ({@link ConnectionLimits.Builder#reservedConnections}): a request is a stream if it asks for an upgrade
 *       to a protocol other than {@code h2c}, asks for a tunnel (CONNECT, which HTTP/2 uses for WebSocket too), or accepts
 *       {@code text/event-stream}. The stream ends when the response is complete or, after an upgrade, when the upgraded
 *       connection is closed.
 *   <li>Clients behind a proxy that a rule exempts: if Jetty's {@code ForwardedRequestCustomizer} finds that a request
 *       comes from another address than its connection, the request counts as one connection of the client with that
 *       address until it is complete. A header from a peer that is not exempt changes nothing.
 *   <li>Slow headers ({@link ConnectionLimits.Builder#headerTimeout}) of all requests of a connection. Without this handler
 *       only that of its first request has a deadline, as any other bytes may be those of a body.
 * </ul>
 *
 * A request over the limit is answered with status 429, or 503 if the server is full; no other handler sees it.
 *
 * @since 0.1.0
 */
public final class ConnectionLimitHandler extends Handler.Wrapper {

    private static final String EVENT_STREAM = "text/event-stream";

    /** Creates a handler that passes on what it does not refuse to the handler that it is given. */
    public ConnectionLimitHandler() {}

    /**
     * Refuses the request or passes it on.
     *
     * @param request the request
     * @param response its response
     * @param callback completed when the response has been written
     * @return true if the request was refused here, else what the next handler returns
     * @throws Exception what the next handler throws
     */
    @Override
    public boolean handle(Request request, Response response, Callback callback) throws Exception {
        ConnectionMetaData metaData = request.getConnectionMetaData();
        // A customizer that changes the addresses of a request wraps the request's metadata.
        boolean customized = metaData != metaData.getConnection();
        boolean stream = asksForStream(request);
        // A request has come, so the connection is not pending any more. The deadline would notice only later.
        boolean first = metaData.getConnection().getMessagesIn() == 1;
        RequestHeaders.note(request);
        if (customized || stream || first) {
            ConnectionLimitListener listener = metaData.getConnector().getBean(ConnectionLimitListener.class);
            SocketChannel channel = listener == null
                    ? null
                    : Channels.of(metaData.getConnection().getEndPoint());
            if (channel != null) {
                listener.established(channel);
                Rejection rejection = customized || stream ? listener.requests().admit(request, channel, stream) : null;
                if (rejection != null) {
                    refuse(request, response, callback, rejection);
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

    private static void refuse(Request request, Response response, Callback callback, Rejection rejection) {
        HttpFields.Mutable headers = response.getHeaders();
        response.setStatus(rejection.status());
        headers.put(HttpHeader.RETRY_AFTER, Rejection.RETRY_AFTER_SECONDS);
        headers.put(HttpHeader.CONTENT_TYPE, Rejection.CONTENT_TYPE);
        headers.put(HttpHeader.CONTENT_LENGTH, rejection.text().length());
        if (request.getConnectionMetaData().getHttpVersion().getVersion() < HttpVersion.HTTP_2.getVersion()
                && closesConnection(request)) {
            headers.put(HttpHeader.CONNECTION, "close");
        }
        Content.Sink.write(response, true, rejection.text(), callback);
    }

    /**
     * Whether the connection of a rejected request is to be closed. A proxy's connection is not: its next request may be of
     * another client. But what is left of a body would be read as the next request.
     */
    private static boolean closesConnection(Request request) {
        ConnectionMetaData metaData = request.getConnectionMetaData();
        EndPoint endPoint = metaData.getConnection().getEndPoint();
        return request.getLength() > 0
                || request.getHeaders().contains(HttpHeader.TRANSFER_ENCODING)
                || Objects.equals(metaData.getRemoteSocketAddress(), endPoint.getRemoteSocketAddress());
    }
}
