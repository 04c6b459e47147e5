package io.github.connlimit.it.frameworks;

import static org.assertj.core.api.Assertions.assertThat;

import io.dropwizard.core.Application;
import io.dropwizard.core.Configuration;
import io.dropwizard.core.setup.Environment;
import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.ConnectionPermit;
import io.github.connlimit.jetty.ConnectionLimitHandler;
import io.github.connlimit.jetty.ConnectionLimitInstaller;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.util.component.LifeCycle;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Dropwizard, with the lines of the documentation: both of its connectors. */
class DropwizardIT {

    private static final String PORTS = """
            server:
              applicationConnectors:
                - type: http
                  bindHost: 127.0.0.1
                  port: 0
                  useForwardedHeaders: true
              adminConnectors:
                - type: http
                  bindHost: 127.0.0.1
                  port: 0
            """;

    @TempDir
    private java.nio.file.Path directory;

    /** Answers at the root. */
    @Path("/")
    public static final class Root {

        @GET
        public String ok() {
            return "OK";
        }
    }

    private static final class LimitedApplication extends Application<Configuration> {

        private final ConnectionLimiter limiter;
        private Server server;

        private LimitedApplication(ConnectionLimiter limiter) {
            this.limiter = limiter;
        }

        @Override
        public void run(Configuration configuration, Environment environment) {
            environment.jersey().register(new Root());
            // tag::dropwizard[]
            environment.lifecycle().addEventListener(new LifeCycle.Listener() {
                @Override
                public void lifeCycleStarting(LifeCycle starting) {
                    if (starting instanceof Server server) {
                        server.addBean(new ConnectionLimitInstaller(limiter));
                    }
                }
            });
            // end::dropwizard[]
            environment.lifecycle().addServerLifecycleListener(started -> server = started);
        }
    }

    @Test
    void isLimited() throws Exception {
        ConnectionLimiter limiter =
                new ConnectionLimiter(ConnectionLimits.builder().maxPerClient(3).build());
        java.nio.file.Path configuration = Files.writeString(directory.resolve("configuration.yml"), PORTS);
        LimitedApplication application = new LimitedApplication(limiter);
        application.run("server", configuration.toString());
        try {
            assertThat(application.server.getDescendants(ConnectionLimitHandler.class))
                    .hasSize(1);
            assertThat(application.server.getConnectors()).hasSize(2);
            Clients.assertLimited(limiter, port(application, 0), "/", "200");
            Clients.assertLimited(limiter, port(application, 1), "/ping", "200");
            limitsForwardedClients(limiter, port(application, 0));
        } finally {
            application.server.stop();
        }
        Clients.awaitNothing(limiter);
    }

    private static int port(LimitedApplication application, int connector) {
        return ((ServerConnector) application.server.getConnectors()[connector]).getLocalPort();
    }

    private static void limitsForwardedClients(ConnectionLimiter limiter, int port) throws Exception {
        limiter.reconfigure(
                limits -> limits.toBuilder().exempt("127.0.0.2").maxPerClient(1).build());
        List<Socket> open = new ArrayList<>();
        try (ConnectionPermit busy = limiter.acquire(InetAddress.getByName("192.0.2.7"))) {
            assertThat(busy).isNotNull();
            assertThat(Clients.request(open, 2, port, "/", "X-Forwarded-For: 192.0.2.7"))
                    .isEqualTo("429");
            assertThat(Clients.request(open, 2, port, "/", "X-Forwarded-For: 192.0.2.8"))
                    .isEqualTo("200");
        } finally {
            for (Socket socket : open) {
                socket.close();
            }
        }
    }
}
