package io.github.connlimit.page;

import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.jetty.ConnectionLimitInstaller;
import io.github.connlimit.tomcat.ConnectionLimitHttp11NioProtocol;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.catalina.Context;
import org.apache.catalina.LifecycleException;
import org.apache.catalina.connector.Connector;
import org.apache.catalina.startup.ExpandWar;
import org.apache.catalina.startup.Tomcat;
import org.eclipse.jetty.http.pathmap.PathSpec;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.server.handler.PathMappingsHandler;
import org.eclipse.jetty.util.component.LifeCycle;

/** A limited server that has the page at /status, as the documentation sets it up. */
record PageServer(int port, Runnable stop) implements AutoCloseable {

    @Override
    public void close() {
        stop.run();
    }

    /** Jetty, at a port or at any for 0. */
    static PageServer jetty(ConnectionLimiter limiter, int port) throws Exception {
        Server server = new Server();
        ServerConnector connector = new ServerConnector(server);
        connector.setHost("127.0.0.1");
        connector.setPort(port);
        server.addConnector(connector);
        server.addBean(new ConnectionLimitInstaller(limiter));
        // tag::page-jetty[]
        PathMappingsHandler paths = new PathMappingsHandler();
        paths.addMapping(PathSpec.from("/status"), new StatusPageHandler(new StatusPage(limiter, "web")));
        server.setHandler(paths);
        // end::page-jetty[]
        server.start();
        return new PageServer(connector.getLocalPort(), () -> LifeCycle.stop(server));
    }

    static PageServer tomcat(ConnectionLimiter limiter) throws Exception {
        Tomcat tomcat = new Tomcat();
        Path directory = Files.createTempDirectory("page");
        tomcat.setBaseDir(directory.toString());
        ConnectionLimitHttp11NioProtocol protocol = new ConnectionLimitHttp11NioProtocol();
        protocol.setLimiter(limiter);
        protocol.setPort(0);
        Connector connector = new Connector(protocol);
        connector.setThrowOnFailure(true);
        tomcat.setConnector(connector);
        // tag::page-tomcat[]
        Context context = tomcat.addContext("", null);
        Tomcat.addServlet(context, "status", new StatusPageServlet(new StatusPage(limiter, "web")))
                .addMapping("/status");
        // end::page-tomcat[]
        tomcat.start();
        return new PageServer(connector.getLocalPort(), () -> stop(tomcat, directory));
    }

    private static void stop(Tomcat tomcat, Path directory) {
        try {
            tomcat.stop();
            tomcat.destroy();
        } catch (LifecycleException error) {
            throw new IllegalStateException(error);
        }
        ExpandWar.delete(directory.toFile());
    }
}
