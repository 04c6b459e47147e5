package io.github.connlimit.benchmarks.serve;

import io.github.connlimit.testing.TestCertificate;
import io.github.connlimit.tomcat.ConnectionLimitHttp11Nio2Protocol;
import io.github.connlimit.tomcat.ConnectionLimitHttp11NioProtocol;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.catalina.Context;
import org.apache.catalina.connector.Connector;
import org.apache.catalina.filters.RateLimitFilter;
import org.apache.catalina.startup.ExpandWar;
import org.apache.catalina.startup.Tomcat;
import org.apache.catalina.valves.SemaphoreValve;
import org.apache.coyote.http11.AbstractHttp11Protocol;
import org.apache.coyote.http11.Http11Nio2Protocol;
import org.apache.coyote.http11.Http11NioProtocol;
import org.apache.tomcat.util.descriptor.web.FilterDef;
import org.apache.tomcat.util.descriptor.web.FilterMap;
import org.apache.tomcat.util.net.SSLHostConfig;
import org.apache.tomcat.util.net.SSLHostConfigCertificate;

/** Tomcat with HTTP/1.1. */
final class TomcatServing {

    private static final int TOO_MANY_REQUESTS = 429;

    private TomcatServing() {}

    /** Returns its port. */
    static int start(Setup setup, boolean nio2) throws Exception {
        Path directory = Files.createTempDirectory("connlimit-benchmarks");
        Runtime.getRuntime().addShutdownHook(new Thread(() -> ExpandWar.delete(directory.toFile()), "clean-up"));
        Tomcat tomcat = new Tomcat();
        tomcat.setBaseDir(directory.toString());
        tomcat.setConnector(connector(setup, nio2));
        Context context = tomcat.addContext("", null);
        Tomcat.addServlet(context, "answer", new Answer()).addMapping("/");
        protect(tomcat, context, setup.protection());
        tomcat.start();
        return tomcat.getConnector().getLocalPort();
    }

    private static void protect(Tomcat tomcat, Context context, Protection protection) {
        switch (protection) {
            case SEMAPHORE -> {
                SemaphoreValve valve = new SemaphoreValve();
                valve.setConcurrency(Protection.ALL_CLIENTS);
                valve.setBlock(false);
                valve.setHighConcurrencyStatus(TOO_MANY_REQUESTS);
                tomcat.getEngine().getPipeline().addValve(valve);
            }
            case RATE_LIMIT -> {
                FilterDef filter = new FilterDef();
                filter.setFilterName("limit");
                filter.setFilterClass(RateLimitFilter.class.getName());
                filter.addInitParameter("bucketRequests", String.valueOf(Protection.REQUESTS_PER_SECOND));
                filter.addInitParameter("bucketDuration", "1");
                context.addFilterDef(filter);
                FilterMap everywhere = new FilterMap();
                everywhere.setFilterName("limit");
                everywhere.addURLPattern("/*");
                context.addFilterMap(everywhere);
            }
            case NONE, CONNLIMIT, TARPIT, RATE, NETWORKS, HEADERS, MAX_CONNECTIONS -> {
                // Nothing, or at the connector.
            }
            default ->
                throw new IllegalArgumentException(
                        "protection: \"" + protection + "\" is not allowed; Tomcat has no such thing");
        }
    }

    private static Connector connector(Setup setup, boolean nio2) throws Exception {
        AbstractHttp11Protocol<?> protocol = protocol(setup, nio2);
        protocol.setAddress(setup.address());
        protocol.setPort(setup.port());
        protocol.setAcceptCount(Setup.BACKLOG);
        protocol.setConnectionTimeout(Setup.IDLE_MILLIS);
        protocol.setMaxKeepAliveRequests(-1);
        protocol.setMaxConnections(setup.protection() == Protection.MAX_CONNECTIONS ? Protection.ALL_CLIENTS : -1);
        Connector connector = new Connector(protocol);
        // Otherwise Tomcat starts without its connector if that fails.
        connector.setThrowOnFailure(true);
        if (setup.tls()) {
            useTls(connector);
        }
        return connector;
    }

    private static AbstractHttp11Protocol<?> protocol(Setup setup, boolean nio2) {
        if (!setup.protection().isConnlimit()) {
            return nio2 ? new Http11Nio2Protocol() : new Http11NioProtocol();
        }
        if (nio2) {
            ConnectionLimitHttp11Nio2Protocol protocol = new ConnectionLimitHttp11Nio2Protocol();
            protocol.setLimiter(setup.limiter());
            return protocol;
        }
        ConnectionLimitHttp11NioProtocol protocol = new ConnectionLimitHttp11NioProtocol();
        protocol.setLimiter(setup.limiter());
        return protocol;
    }

    private static void useTls(Connector connector) throws Exception {
        SSLHostConfig host = new SSLHostConfig();
        SSLHostConfigCertificate certificate =
                new SSLHostConfigCertificate(host, SSLHostConfigCertificate.Type.UNDEFINED);
        certificate.setCertificateKeystore(TestCertificate.keyStore());
        certificate.setCertificateKeystorePassword(TestCertificate.PASSWORD);
        host.addCertificate(certificate);
        connector.addSslHostConfig(host);
        connector.setScheme("https");
        connector.setSecure(true);
        connector.setProperty("SSLEnabled", "true");
    }

    private static final class Answer extends HttpServlet {

        private static final long serialVersionUID = 1L;

        @Override
        protected void doGet(HttpServletRequest request, HttpServletResponse response) throws IOException {
            byte[] body = Setup.body();
            response.setContentType(Setup.CONTENT_TYPE);
            response.setContentLength(body.length);
            response.getOutputStream().write(body);
        }
    }
}
