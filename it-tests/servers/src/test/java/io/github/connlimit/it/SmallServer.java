package io.github.connlimit.it;

import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.LimiterSnapshot;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;

/**
 * A server in a process of its own, for tests that take something away from the whole process. Its arguments are the kind
 * of the server, the limit of each client, and how it refuses. It says its port; after each line that it is sent, how many connections
 * and clients it counts; and it ends with the input.
 */
final class SmallServer {

    private static final Map<String, TestServer.Factory<?>> KINDS =
            Map.of("jetty", JettyServer::new, "tomcat-nio", TomcatServer::nio, "tomcat-nio2", TomcatServer::nio2);

    private SmallServer() {}

    public static void main(String[] arguments) throws Exception {
        ConnectionLimiter limiter = new ConnectionLimiter(ConnectionLimits.builder()
                .maxPerClient(Integer.parseInt(arguments[1]))
                .handshakeTimeout(Duration.ofSeconds(60))
                .set("refuse", arguments[2])
                .build());
        TestServer server =
                KINDS.get(arguments[0]).create(new ServerSetup(limiter, new Application(), Transport.PLAIN));
        server.start();
        // Whatever is to be loaded later could not be when there is no descriptor left.
        try (TestConnection first = new TestConnection("127.0.0.1", TestBed.SERVER, server.port())) {
            first.get("/");
        }
        limiter.snapshot();
        System.out.println(server.port());
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        while (in.readLine() != null) {
            LimiterSnapshot now = limiter.snapshot(0);
            System.out.println(now.openConnections() + " " + now.clients());
        }
        server.stop();
        System.exit(0);
    }
}
