package io.github.connlimit.it;

import io.github.connlimit.ConnectionPhase;
import io.github.connlimit.netty.ConnectionLimitHandler;
import io.github.connlimit.netty.ServerHandlers;
import io.github.connlimit.testing.TestCertificate;
import io.vertx.core.Context;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpVersion;
import io.vertx.core.http.WebSocketBase;
import io.vertx.core.net.KeyCertOptions;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.X509KeyManager;

/** Vert.x with HTTP/1.1, HTTP/2 and WebSocket, in clear text or over TLS. */
final class VertxServer implements TestServer {

    private static final int BACKLOG = 512;
    private static final int WORKERS = 250;

    /** For {@link Handlers}, which Vert.x's thread asks while a server starts. */
    private static volatile ServerSetup starting;

    private final ServerSetup setup;
    private Vertx vertx;
    private HttpServer server;

    VertxServer(ServerSetup setup) {
        this.setup = setup;
    }

    /** Found by the name in {@code META-INF/services}. */
    public static final class Handlers implements ServerHandlers {

        @Override
        public Optional<ConnectionLimitHandler> handler(InetSocketAddress address) {
            ServerSetup now = starting;
            return now == null
                    ? Optional.empty()
                    : Optional.of(new ConnectionLimitHandler(
                            now.limiter(),
                            now.tls() ? ConnectionPhase.HANDSHAKE : ConnectionPhase.FIRST_BYTE,
                            now.refusalHandler()));
        }
    }

    @Override
    public void start() throws Exception {
        vertx = Vertx.vertx(new VertxOptions().setEventLoopPoolSize(2).setWorkerPoolSize(WORKERS));
        HttpServerOptions options = new HttpServerOptions()
                .setHost(setup.host() == null ? "::" : setup.host())
                .setPort(0)
                .setAcceptBacklog(BACKLOG)
                .setIdleTimeout(setup.idleTimeoutMillis())
                .setIdleTimeoutUnit(TimeUnit.MILLISECONDS);
        if (setup.tls()) {
            options.setSsl(true)
                    .setUseAlpn(true)
                    .setKeyCertOptions(KeyCertOptions.wrap(
                            (X509KeyManager) TestCertificate.keys().getKeyManagers()[0]))
                    // Its own time-out for idle connections begins after that.
                    .setSslHandshakeTimeout(setup.idleTimeoutMillis())
                    .setSslHandshakeTimeoutUnit(TimeUnit.MILLISECONDS)
                    .setAlpnVersions(List.of(HttpVersion.HTTP_2, HttpVersion.HTTP_1_1, HttpVersion.HTTP_1_0));
        }
        starting = setup;
        try {
            server = await(
                    vertx.createHttpServer(options).requestHandler(this::handle).listen());
        } finally {
            starting = null;
        }
    }

    private static <T> T await(Future<T> future) throws Exception {
        return future.toCompletionStage().toCompletableFuture().get(20, TimeUnit.SECONDS);
    }

    private void handle(HttpServerRequest request) {
        switch (request.path()) {
            case "/ws":
                request.toWebSocket().onSuccess(VertxServer::echo);
                break;
            case "/async":
                Context own = vertx.getOrCreateContext();
                setup.application().later(() -> complete(request, own));
                break;
            case "/body":
                request.body().onSuccess(body -> request.response().end(body));
                break;
            default:
                String peer = request.remoteAddress().hostAddress();
                vertx.executeBlocking(() -> setup.application().answer(request.path(), peer), false)
                        .onSuccess(answer -> request.response().end(answer))
                        .onFailure(
                                failed -> request.response().setStatusCode(500).end());
                break;
        }
    }

    /** By the type whose methods are the same in Vert.x 4 and 5. */
    private static void echo(WebSocketBase webSocket) {
        webSocket.textMessageHandler(webSocket::writeTextMessage);
    }

    /** By its own thread: Vert.x asserts that where the client has gone meanwhile. */
    private static void complete(HttpServerRequest request, Context own) {
        try {
            own.runOnContext(now -> answer(request));
        } catch (RejectedExecutionException ended) {
            // The server has been stopped.
        }
    }

    private static void answer(HttpServerRequest request) {
        try {
            request.response().end(Application.ANSWER);
        } catch (IllegalStateException ended) {
            // The client has gone.
        }
    }

    @Override
    public void stop() throws Exception {
        if (server == null) {
            return;
        }
        server = null;
        await(vertx.close());
    }

    @Override
    public int port() {
        return server.actualPort();
    }
}
