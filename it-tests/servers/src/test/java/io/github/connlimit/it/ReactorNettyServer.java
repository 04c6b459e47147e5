package io.github.connlimit.it;

import static io.github.connlimit.reactornetty.ConnectionLimitTransport.limit;

import io.github.connlimit.ConnectionPermit;
import io.github.connlimit.netty.ConnectionLimitHandler;
import io.github.connlimit.testing.TestCertificate;
import io.netty.channel.Channel;
import io.netty.channel.ChannelOption;
import io.netty.handler.timeout.ReadTimeoutHandler;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Scheduler;
import reactor.core.scheduler.Schedulers;
import reactor.netty.DisposableServer;
import reactor.netty.http.Http2SslContextSpec;
import reactor.netty.http.HttpProtocol;
import reactor.netty.http.server.HttpServer;
import reactor.netty.http.server.HttpServerRequest;
import reactor.netty.http.server.HttpServerResponse;
import reactor.netty.resources.LoopResources;
import reactor.netty.tcp.SslProvider;

/** Reactor Netty with HTTP/1.1, HTTP/2 and WebSocket, in clear text or over TLS. */
final class ReactorNettyServer implements TestServer {

    private static final int BACKLOG = 512;
    private static final int TOO_MANY_REQUESTS = 429;

    private final ServerSetup setup;
    private LoopResources loops;
    private Scheduler application;
    private DisposableServer bound;

    ReactorNettyServer(ServerSetup setup) {
        this.setup = setup;
    }

    @Override
    public void start() throws Exception {
        loops = LoopResources.create("reactor", 1, 2, true);
        application = Schedulers.newBoundedElastic(250, 1000, "application");
        HttpServer server = HttpServer.create()
                .runOn(loops, false)
                .bindAddress(this::address)
                .option(ChannelOption.SO_BACKLOG, BACKLOG)
                .idleTimeout(setup.idleTimeout())
                // Of connections on which no request has begun.
                .doOnChannelInit((observer, channel, peer) -> channel.pipeline()
                        .addFirst(new ReadTimeoutHandler(setup.idleTimeoutMillis(), TimeUnit.MILLISECONDS)))
                .handle(this::handle);
        if (setup.tls()) {
            Http2SslContextSpec tls = Http2SslContextSpec.forServer(TestCertificate.keys());
            server = server.protocol(HttpProtocol.H2, HttpProtocol.HTTP11)
                    .secure(spec -> spec.sslContext((SslProvider.GenericSslContextSpec<?>) tls)
                            .handshakeTimeout(Duration.ofMinutes(1)));
        } else {
            server = server.protocol(HttpProtocol.H2C, HttpProtocol.HTTP11);
        }
        bound = limit(server, setup.limiter(), setup.refusalHandler()).bindNow();
    }

    private SocketAddress address() {
        return setup.host() == null ? new InetSocketAddress(0) : new InetSocketAddress(setup.host(), 0);
    }

    private Publisher<Void> handle(HttpServerRequest request, HttpServerResponse response) {
        String path = "/" + request.path();
        switch (path) {
            case "/ws":
                return webSocket(request, response);
            case "/async":
                return answer(
                        response,
                        Mono.create(answer -> setup.application().later(() -> answer.success(Application.ANSWER))));
            case "/body":
                return answer(response, request.receive().aggregate().asString().defaultIfEmpty(""));
            default:
                InetAddress peer = request.remoteAddress().getAddress();
                return answer(
                        response,
                        Mono.fromCallable(() -> setup.application().answer(path, peer.getHostAddress()))
                                .subscribeOn(application));
        }
    }

    private static Publisher<Void> answer(HttpServerResponse response, Mono<String> body) {
        return body.flatMap(text -> Mono.from(response.header("Content-Length", Integer.toString(text.length()))
                .sendString(Mono.just(text))
                .then()));
    }

    /** Sends back what it gets, if the client may have one more stream. */
    private static Publisher<Void> webSocket(HttpServerRequest request, HttpServerResponse response) {
        AtomicReference<Channel> channel = new AtomicReference<>();
        request.withConnection(connection -> channel.set(connection.channel()));
        Optional<ConnectionPermit.Stream> stream =
                ConnectionLimitHandler.permit(channel.get()).flatMap(ConnectionPermit::tryBeginStream);
        if (stream.isEmpty()) {
            return response.status(TOO_MANY_REQUESTS).send();
        }
        channel.get().closeFuture().addListener(closed -> stream.get().close());
        return response.sendWebsocket((in, out) -> out.sendString(in.receive().asString()));
    }

    @Override
    public void stop() {
        if (bound == null) {
            return;
        }
        bound.disposeNow();
        bound = null;
        // Closes all connections.
        loops.disposeLater(Duration.ofMillis(50), Duration.ofSeconds(10)).block();
        application.dispose();
    }

    @Override
    public int port() {
        return bound.port();
    }
}
