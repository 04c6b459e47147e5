package io.github.connlimit.it;

import io.github.connlimit.testing.TestCertificate;
import io.github.connlimit.tomcat.ConnectionLimitHttp11Nio2Protocol;
import io.github.connlimit.tomcat.ConnectionLimitHttp11NioProtocol;
import io.github.connlimit.tomcat.ConnectionLimitValve;
import jakarta.servlet.AsyncContext;
import jakarta.servlet.ServletException;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import jakarta.websocket.DeploymentException;
import jakarta.websocket.OnError;
import jakarta.websocket.OnMessage;
import jakarta.websocket.server.ServerContainer;
import jakarta.websocket.server.ServerEndpoint;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.apache.catalina.LifecycleState;
import org.apache.catalina.Wrapper;
import org.apache.catalina.connector.Connector;
import org.apache.catalina.core.StandardContext;
import org.apache.catalina.startup.Tomcat;
import org.apache.coyote.http2.Http2Protocol;
import org.apache.tomcat.util.net.SSLHostConfig;
import org.apache.tomcat.util.net.SSLHostConfigCertificate;
import org.apache.tomcat.websocket.server.WsSci;

/** Tomcat with HTTP/1.1, HTTP/2 and WebSocket, in clear text or over TLS. */
final class TomcatServer implements ContainerServer {

    private static final String BUFFER_SIZE = "socket.appReadBufSize";

    private final Tomcat tomcat = new Tomcat();
    private final Connector connector;
    private final boolean canReset;
    private final Application application;
    private StandardContext context;

    private TomcatServer(ServerSetup setup, Connector connector, boolean canReset) throws IOException {
        this.connector = connector;
        this.canReset = canReset;
        this.application = setup.application();
        tomcat.setBaseDir(Path.of("target", "tomcat").toAbsolutePath().toString());
        tomcat.setPort(0);
        connector.setPort(0);
        if (setup.host() != null) {
            connector.setProperty("address", setup.host());
        }
        connector.setProperty("maxThreads", "250");
        connector.setProperty("acceptCount", "512");
        // Few, so that it would be noticed if refused connections went on counting for Tomcat.
        connector.setProperty("maxConnections", "400");
        connector.setProperty("connectionTimeout", Integer.toString(setup.idleTimeoutMillis()));
        connector.addUpgradeProtocol(http2(setup));
        if (setup.tls()) {
            connector.setScheme("https");
            connector.setSecure(true);
            connector.setProperty("SSLEnabled", "true");
            connector.addSslHostConfig(tls());
        }
        tomcat.setConnector(connector);
        ConnectionLimitValve valve = new ConnectionLimitValve();
        valve.setLimiter(setup.limiter());
        tomcat.getEngine().getPipeline().addValve(valve);
    }

    static TomcatServer nio(ServerSetup setup) throws IOException {
        ConnectionLimitHttp11NioProtocol protocol = new ConnectionLimitHttp11NioProtocol();
        protocol.setLimiter(setup.limiter());
        protocol.setRefusalHandler(setup.refusalHandler());
        return new TomcatServer(setup, new Connector(protocol), true);
    }

    static TomcatServer nio2(ServerSetup setup) throws IOException {
        ConnectionLimitHttp11Nio2Protocol protocol = new ConnectionLimitHttp11Nio2Protocol();
        protocol.setLimiter(setup.limiter());
        protocol.setRefusalHandler(setup.refusalHandler());
        return new TomcatServer(setup, new Connector(protocol), false);
    }

    private static Http2Protocol http2(ServerSetup setup) {
        Http2Protocol http2 = new Http2Protocol();
        http2.setReadTimeout(setup.idleTimeoutMillis());
        http2.setKeepAliveTimeout(setup.idleTimeoutMillis());
        return http2;
    }

    private static SSLHostConfig tls() {
        SSLHostConfig host = new SSLHostConfig();
        SSLHostConfigCertificate certificate =
                new SSLHostConfigCertificate(host, SSLHostConfigCertificate.Type.UNDEFINED);
        certificate.setCertificateKeystore(TestCertificate.keyStore());
        certificate.setCertificateKeystorePassword(TestCertificate.PASSWORD);
        certificate.setCertificateKeyAlias(TestCertificate.ALIAS);
        host.addCertificate(certificate);
        host.setSessionCacheSize(100);
        return host;
    }

    private void addApplication() {
        context = (StandardContext) tomcat.addContext("", null);
        // Some tests stop the server while it serves a request that does not end; in milliseconds.
        context.setUnloadDelay(100);
        Wrapper servlet = Tomcat.addServlet(context, "application", new ApplicationServlet(application));
        servlet.setAsyncSupported(true);
        servlet.addMapping("/");
        context.addServletContainerInitializer(new WsSci(), null);
        context.addServletContainerInitializer(
                (classes, started) -> {
                    Object container = started.getAttribute(ServerContainer.class.getName());
                    try {
                        ((ServerContainer) container).addEndpoint(EchoEndpoint.class);
                    } catch (DeploymentException error) {
                        throw new ServletException(error);
                    }
                },
                null);
    }

    @Override
    public void start() throws Exception {
        if (context != null) {
            // A context forgets its servlets when it stops.
            tomcat.getHost().removeChild(context);
        }
        addApplication();
        tomcat.start();
        if (connector.getState() != LifecycleState.STARTED) {
            throw new IllegalStateException("the connector did not start");
        }
    }

    @Override
    public void stop() throws Exception {
        if (tomcat.getServer().getState().isAvailable()) {
            tomcat.stop();
        }
    }

    /** Tomcat keeps its server socket until then, and with NIO2 its threads. */
    @Override
    public void destroy() throws Exception {
        tomcat.destroy();
    }

    @Override
    public void stopConnector() throws Exception {
        connector.stop();
    }

    @Override
    public void startConnector() throws Exception {
        connector.start();
    }

    @Override
    public int port() {
        return connector.getLocalPort();
    }

    /** NIO2, which cannot reset. */
    @Override
    public boolean mayDropFirstAfterRestart() {
        return !canReset;
    }

    @Override
    public boolean canReset() {
        return canReset;
    }

    /** A buffer of a negative size can't be made. */
    @Override
    public void failEndpoints(boolean fail) {
        connector.setProperty(BUFFER_SIZE, fail ? "-1" : "8192");
    }

    /** Serves the application. */
    private static final class ApplicationServlet extends HttpServlet {

        private static final long serialVersionUID = 1;

        private final transient Application application;

        private ApplicationServlet(Application application) {
            this.application = application;
        }

        @Override
        protected void doPost(HttpServletRequest request, HttpServletResponse response) throws IOException {
            if (request.getServletPath().equals("/body")) {
                write(response, new String(request.getInputStream().readAllBytes(), StandardCharsets.UTF_8));
            } else {
                doGet(request, response);
            }
        }

        @Override
        protected void doGet(HttpServletRequest request, HttpServletResponse response) throws IOException {
            if (request.getServletPath().equals("/async")) {
                AsyncContext async = request.startAsync();
                async.setTimeout(0);
                application.later(() -> complete(async, response));
                return;
            }
            try {
                write(response, application.answer(request.getServletPath(), request.getRemoteAddr()));
            } catch (InterruptedException stopped) {
                throw new IllegalStateException(stopped);
            }
        }

        private static void complete(AsyncContext async, HttpServletResponse response) {
            try {
                write(response, Application.ANSWER);
                async.complete();
            } catch (IOException | RuntimeException ended) {
                // The client has gone, or the server has stopped, and Tomcat has recycled what belongs to the request.
            }
        }

        private static void write(HttpServletResponse response, String body) throws IOException {
            response.setContentLength(body.length());
            response.getOutputStream().print(body);
        }
    }

    /** Sends back what it gets. */
    @ServerEndpoint("/ws")
    public static final class EchoEndpoint {

        /** Sends it back. */
        @OnMessage
        public String echo(String message) {
            return message;
        }

        /** A client that leaves without a close frame is no error here. */
        @OnError
        public void failed(Throwable cause) {}
    }
}
