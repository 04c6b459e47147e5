package io.github.connlimit.examples;

import io.github.connlimit.Cidr;
import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.tomcat.ConnectionLimitHttp11Nio2Protocol;
import io.github.connlimit.tomcat.ConnectionLimitHttp11NioProtocol;
import io.github.connlimit.tomcat.ConnectionLimitValve;
import jakarta.servlet.AsyncContext;
import jakarta.servlet.DispatcherType;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.apache.catalina.Globals;
import org.apache.catalina.LifecycleException;
import org.apache.catalina.Pipeline;
import org.apache.catalina.Wrapper;
import org.apache.catalina.connector.Connector;
import org.apache.catalina.core.StandardContext;
import org.apache.catalina.startup.ExpandWar;
import org.apache.catalina.startup.Tomcat;
import org.apache.catalina.valves.RemoteIpValve;
import org.apache.coyote.http11.AbstractHttp11Protocol;
import org.apache.coyote.http11.Http11Nio2Protocol;
import org.apache.coyote.http11.Http11NioProtocol;
import org.apache.coyote.http2.Http2Protocol;
import org.apache.tomcat.util.net.SSLHostConfig;
import org.apache.tomcat.util.net.SSLHostConfigCertificate;
import org.apache.tomcat.websocket.server.WsSci;

/** Tomcat with HTTP/1.1, HTTP/2 and WebSocket. */
final class TomcatServer implements ExampleServer {

    private final Tomcat tomcat;
    private final Path baseDirectory;

    private TomcatServer(Tomcat tomcat, Path baseDirectory) {
        this.tomcat = tomcat;
        this.baseDirectory = baseDirectory;
    }

    static TomcatServer start(ServerSettings settings, boolean nio2) throws Exception {
        Path baseDirectory = Files.createTempDirectory("connlimit-tomcat");
        Tomcat tomcat = new Tomcat();
        tomcat.setBaseDir(baseDirectory.toString());
        tomcat.setConnector(connector(settings, nio2));
        addValves(tomcat.getEngine().getPipeline(), settings);

        StandardContext context = (StandardContext) tomcat.addContext("", null);
        // Tomcat's search for what a redeployed application leaves behind needs access to the inside of the JDK.
        context.setClearReferencesRmiTargets(false);
        context.setClearReferencesThreadLocals(false);
        context.addServletContainerInitializer(new WsSci(), Set.of(TomcatEcho.class));
        Wrapper servlet = Tomcat.addServlet(context, "resources", new ResourceServlet(settings.resources()));
        servlet.setAsyncSupported(true);
        servlet.addMapping("/");

        TomcatServer server = new TomcatServer(tomcat, baseDirectory);
        try {
            tomcat.start();
        } catch (Throwable error) {
            server.close();
            throw error;
        }
        return server;
    }

    /** What only a request can tell: the client behind a proxy, and whether it becomes a stream. */
    private static void addValves(Pipeline pipeline, ServerSettings settings) {
        if (!settings.trustedProxies().isEmpty()) {
            RemoteIpValve remoteIp = new RemoteIpValve();
            remoteIp.setInternalProxies(
                    settings.trustedProxies().stream().map(Cidr::toString).collect(Collectors.joining(",")));
            pipeline.addValve(remoteIp);
        }
        settings.limiter().ifPresent(limiter -> {
            ConnectionLimitValve valve = new ConnectionLimitValve();
            valve.setLimiter(limiter);
            pipeline.addValve(valve);
        });
    }

    private static Connector connector(ServerSettings settings, boolean nio2) throws Exception {
        AbstractHttp11Protocol<?> protocol = nio2 ? nio2(settings.limiter()) : nio(settings.limiter());
        protocol.setAddress(settings.address().getAddress());
        protocol.setPort(settings.address().getPort());
        protocol.setConnectionTimeout(ServerSettings.IDLE_MILLIS);
        protocol.setMaxKeepAliveRequests(-1);
        Connector connector = new Connector(protocol);
        // Otherwise Tomcat starts without its connector if that fails.
        connector.setThrowOnFailure(true);
        connector.addUpgradeProtocol(new Http2Protocol());
        if (settings.tls().isPresent()) {
            useTls(connector, settings.tls().get());
        }
        return connector;
    }

    private static AbstractHttp11Protocol<?> nio(Optional<ConnectionLimiter> limiter) {
        if (limiter.isEmpty()) {
            return new Http11NioProtocol();
        }
        ConnectionLimitHttp11NioProtocol protocol = new ConnectionLimitHttp11NioProtocol();
        protocol.setLimiter(limiter.get());
        return protocol;
    }

    private static AbstractHttp11Protocol<?> nio2(Optional<ConnectionLimiter> limiter) {
        if (limiter.isEmpty()) {
            return new Http11Nio2Protocol();
        }
        ConnectionLimitHttp11Nio2Protocol protocol = new ConnectionLimitHttp11Nio2Protocol();
        protocol.setLimiter(limiter.get());
        return protocol;
    }

    private static void useTls(Connector connector, SelfSignedCertificate tls) throws IOException {
        SSLHostConfig host = new SSLHostConfig();
        SSLHostConfigCertificate certificate =
                new SSLHostConfigCertificate(host, SSLHostConfigCertificate.Type.UNDEFINED);
        certificate.setCertificateKeystore(tls.keyStore());
        certificate.setCertificateKeystorePassword(SelfSignedCertificate.PASSWORD);
        host.addCertificate(certificate);
        connector.addSslHostConfig(host);
        connector.setScheme("https");
        connector.setSecure(true);
        connector.setProperty("SSLEnabled", "true");
    }

    @Override
    public int port() {
        return tomcat.getConnector().getLocalPort();
    }

    @Override
    public void close() throws IOException {
        try {
            tomcat.stop();
            tomcat.destroy();
        } catch (LifecycleException error) {
            throw new IOException(error);
        } finally {
            ExpandWar.delete(baseDirectory.toFile());
        }
    }

    private static final class ResourceServlet extends HttpServlet {

        private static final long serialVersionUID = 1L;

        private final transient Resources resources;

        ResourceServlet(Resources resources) {
            this.resources = resources;
        }

        @Override
        protected void service(HttpServletRequest request, HttpServletResponse response) throws IOException {
            Answer answer = resources.answer(
                    request.getMethod(), request.getRequestURI(), request.getQueryString(), isLocal(request));
            // The second time, the hold is over.
            if (answer.delayMillis() == 0 || request.getDispatcherType() == DispatcherType.ASYNC) {
                send(answer, response);
                return;
            }
            AsyncContext async = request.startAsync();
            async.setTimeout(0);
            Executor later = CompletableFuture.delayedExecutor(answer.delayMillis(), TimeUnit.MILLISECONDS);
            later.execute(() -> resume(async));
        }

        /** By the socket, and if no forwarded header says anything. */
        private static boolean isLocal(HttpServletRequest request) throws IOException {
            return request.getAttribute(Globals.REQUEST_FORWARDED_ATTRIBUTE) == null
                    && InetAddress.getByName(request.getRemoteAddr()).isLoopbackAddress();
        }

        /** Comes back to {@link #service}, as a thread that is not Tomcat's must not touch a request that may end. */
        private static void resume(AsyncContext async) {
            try {
                async.dispatch();
            } catch (IllegalStateException gone) {
                // The client has left, and Tomcat has noticed.
            }
        }

        private static void send(Answer answer, HttpServletResponse response) throws IOException {
            byte[] body = answer.bytes();
            response.setStatus(answer.status());
            answer.headers().forEach(response::setHeader);
            response.setContentLength(body.length);
            response.getOutputStream().write(body);
        }
    }
}
