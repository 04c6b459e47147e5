package io.github.connlimit.jetty;

import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpURI;
import org.eclipse.jetty.http.HttpVersion;
import org.eclipse.jetty.http.MetaData;
import org.eclipse.jetty.http2.api.Session;
import org.eclipse.jetty.http2.api.Stream;
import org.eclipse.jetty.http2.client.HTTP2Client;
import org.eclipse.jetty.http2.frames.GoAwayFrame;
import org.eclipse.jetty.http2.frames.HeadersFrame;
import org.eclipse.jetty.http2.frames.ResetFrame;
import org.eclipse.jetty.io.ClientConnector;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.Promise;
import org.eclipse.jetty.util.component.LifeCycle;

/** An HTTP/2 connection over TLS, of a client with an address of its own. */
final class Http2Connection implements AutoCloseable {

    private static final int TIMEOUT_SECONDS = 20;

    /** A response; its body may come later. */
    record Response(int status, HttpFields fields, CompletableFuture<String> body) {}

    private final HTTP2Client client;
    private final CompletableFuture<GoAwayFrame> goAway = new CompletableFuture<>();
    private Session session;

    private Http2Connection(HTTP2Client client) {
        this.client = client;
    }

    static Http2Connection open(String from, int port) throws Exception {
        ClientConnector connector = new ClientConnector();
        connector.setSslContextFactory(TestTls.clientContext());
        connector.setBindAddress(new InetSocketAddress(from, 0));
        HTTP2Client client = new HTTP2Client(connector);
        client.start();
        Http2Connection connection = new Http2Connection(client);
        connection.session = client.connect(
                        connector.getSslContextFactory(),
                        new InetSocketAddress("127.0.0.1", port),
                        new Session.Listener() {
                            @Override
                            public void onGoAway(Session closing, GoAwayFrame frame) {
                                connection.goAway.complete(frame);
                            }
                        })
                .get(TIMEOUT_SECONDS, TimeUnit.SECONDS);
        return connection;
    }

    Response get(String path) throws Exception {
        return get(path, HttpFields.EMPTY);
    }

    Response get(String path, HttpFields fields) throws Exception {
        return begin(path, fields).get(TIMEOUT_SECONDS, TimeUnit.SECONDS);
    }

    CompletableFuture<Response> begin(String path, HttpFields fields) {
        CompletableFuture<Response> response = new CompletableFuture<>();
        CompletableFuture<String> body = new CompletableFuture<>();
        StringBuilder text = new StringBuilder();
        MetaData.Request request =
                new MetaData.Request("GET", HttpURI.from("https://localhost" + path), HttpVersion.HTTP_2, fields);
        session.newStream(new HeadersFrame(request, null, true), Promise.noop(), new Stream.Listener() {
            @Override
            public void onHeaders(Stream stream, HeadersFrame frame) {
                MetaData.Response head = (MetaData.Response) frame.getMetaData();
                response.complete(new Response(head.getStatus(), head.getHttpFields(), body));
                stream.demand();
            }

            @Override
            public void onDataAvailable(Stream stream) {
                Stream.Data data = stream.readData();
                if (data == null) {
                    stream.demand();
                    return;
                }
                text.append(StandardCharsets.US_ASCII.decode(data.frame().getByteBuffer()));
                data.release();
                if (data.frame().isEndStream()) {
                    body.complete(text.toString());
                } else {
                    stream.demand();
                }
            }

            @Override
            public void onReset(Stream stream, ResetFrame frame, Callback callback) {
                response.completeExceptionally(new IllegalStateException(frame.toString()));
                callback.succeeded();
            }
        });
        return response;
    }

    GoAwayFrame goAway() throws Exception {
        return goAway.get(TIMEOUT_SECONDS, TimeUnit.SECONDS);
    }

    @Override
    public void close() {
        LifeCycle.stop(client);
    }
}
