package io.github.connlimit.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.jetty.ConnectionLimitInstaller;
import io.github.connlimit.testing.Programs;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.server.handler.DoSHandler;
import org.eclipse.jetty.util.Callback;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The rules of docs/migrating.md, on both sides. Those for Tomcat are in {@link TomcatSnippetsTest}. */
class MigratingSnippetsTest {

    @TempDir
    Path directory;

    @Test
    void limitsAsNginxDoes() throws Exception {
        // tag::migrating-nginx-connlimit[]
        ConnectionLimits limits = ConnectionLimits.builder()
                .maxPerClient(20) // limit_conn addr 20
                .build();
        // end::migrating-nginx-connlimit[]
        assertThat(limits.limitFor(InetAddress.getByName("192.0.2.1"))).isEqualTo(20);

        Path nginx = find("nginx");
        Path configuration = Files.writeString(
                directory.resolve("nginx.conf"),
                "pid " + directory.resolve("pid") + ";\nerror_log " + directory.resolve("log")
                        + ";\nevents {}\nhttp {\naccess_log off;\n" + Docs.snippet("migrating-nginx") + "}\n");
        run(nginx.toString(), "-t", "-p", directory.toString(), "-c", configuration.toString());
    }

    @Test
    void limitsAsHaproxyDoes() throws Exception {
        // tag::migrating-haproxy-connlimit[]
        ConnectionLimits limits = ConnectionLimits.builder()
                .maxPerClient(20) // sc0_conn_cur gt 20
                .exempt("10.0.0.0/8") // acl office
                .build();
        // end::migrating-haproxy-connlimit[]
        assertThat(limits.limitFor(InetAddress.getByName("192.0.2.1"))).isEqualTo(20);
        assertThat(limits.isExempt(InetAddress.getByName("10.1.2.3"))).isTrue();

        Path haproxy = find("haproxy");
        Path configuration = Files.writeString(
                directory.resolve("haproxy.cfg"),
                "defaults\n    mode http\n    timeout client 5s\n    timeout server 5s\n    timeout connect 5s\n"
                        + Docs.snippet("migrating-haproxy"));
        run(haproxy.toString(), "-c", "-f", configuration.toString());
    }

    @Test
    void limitsBesideADosHandler() throws Exception {
        Server server = new Server();
        ServerConnector connector = new ServerConnector(server);
        server.addConnector(connector);
        server.setHandler(new Handler.Abstract() {
            @Override
            public boolean handle(Request request, Response response, Callback callback) {
                Content.Sink.write(response, true, "OK\n", callback);
                return true;
            }
        });
        // tag::migrating-dos[]
        server.insertHandler(new DoSHandler(new DoSHandler.LeakingBucketTrackerFactory(50)));
        // end::migrating-dos[]
        // tag::migrating-dos-connlimit[]
        server.addBean(new ConnectionLimitInstaller(new ConnectionLimiter(
                ConnectionLimits.builder().maxPerClient(20).build())));
        // end::migrating-dos-connlimit[]
        server.start();
        try {
            ConnectionLimiter limiter =
                    server.getBean(ConnectionLimitInstaller.class).getLimiter();
            LimitAssertions.assertLimit(20, limiter, connector.getLocalPort());
        } finally {
            server.stop();
        }
    }

    /** Where a program is; the test is skipped where there is none. */
    private static Path find(String program) {
        Optional<Path> found = Programs.find(program);
        assumeTrue(found.isPresent(), Programs.missing(program, program));
        return found.get();
    }

    private static void run(String... command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
        assertThat(process.exitValue()).as(said).isZero();
    }
}
