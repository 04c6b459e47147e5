package consumer;

import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.LimitedServerSocket;
import io.github.connlimit.jetty.ConnectionLimitInstaller;
import io.github.connlimit.micrometer.ConnectionLimitMetrics;
import io.github.connlimit.page.StatusPage;
import io.github.connlimit.tomcat.ConnectionLimitHttp11NioProtocol;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.ArrayList;
import java.util.List;
import org.apache.catalina.connector.Connector;
import org.apache.catalina.startup.Tomcat;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;

/** Uses each published artifact once: two connections get through, the third does not. */
public final class Main {

    private static final int LIMIT = 2;

    private Main() {}

    public static void main(String[] args) throws Exception {
        tcp();
        jetty();
        tomcat();
        micrometer();
        page();
        System.out.println("connlimit-core, connlimit-jetty and connlimit-tomcat limit as they should, and "
                + "connlimit-micrometer and connlimit-page show it");
    }

    private static ConnectionLimiter limiter() {
        return new ConnectionLimiter(
                ConnectionLimits.builder().maxPerClient(LIMIT).build());
    }

    private static void tcp() throws Exception {
        ConnectionLimiter limiter = limiter();
        try (ServerSocket server = new LimitedServerSocket(0, 50, null, limiter)) {
            Thread acceptor = new Thread(() -> {
                List<Socket> held = new ArrayList<>();
                try {
                    while (true) {
                        held.add(server.accept());
                    }
                } catch (IOException closed) {
                    held.clear();
                }
            });
            acceptor.start();
            check(limiter, server.getLocalPort());
        }
    }

    private static void jetty() throws Exception {
        ConnectionLimiter limiter = limiter();
        Server server = new Server(0);
        server.addBean(new ConnectionLimitInstaller(limiter));
        server.start();
        try {
            check(limiter, ((ServerConnector) server.getConnectors()[0]).getLocalPort());
        } finally {
            server.stop();
        }
    }

    private static void tomcat() throws Exception {
        ConnectionLimiter limiter = limiter();
        ConnectionLimitHttp11NioProtocol protocol = new ConnectionLimitHttp11NioProtocol();
        protocol.setLimiter(limiter);
        Connector connector = new Connector(protocol);
        connector.setPort(0);
        connector.setThrowOnFailure(true);
        Tomcat tomcat = new Tomcat();
        tomcat.setBaseDir("target/tomcat");
        tomcat.setConnector(connector);
        tomcat.start();
        try {
            check(limiter, connector.getLocalPort());
        } finally {
            tomcat.stop();
            tomcat.destroy();
        }
    }

    private static void micrometer() {
        ConnectionLimiter limiter = limiter();
        SimpleMeterRegistry registry = new SimpleMeterRegistry();
        new ConnectionLimitMetrics(limiter, "consumer").bindTo(registry);
        limiter.tryAcquire(InetAddress.getLoopbackAddress()).orElseThrow();
        if (registry.get("connlimit.connections.open").gauge().value() != 1) {
            throw new IllegalStateException("not shown: " + registry.getMetersAsString());
        }
    }

    private static void page() {
        ConnectionLimiter limiter = limiter();
        limiter.tryAcquire(InetAddress.getLoopbackAddress()).orElseThrow();
        StatusPage page = new StatusPage(limiter, "consumer");
        String data = page.answer("GET", "view=data").body();
        if (!data.contains("\"open\":1,") || !page.answer("GET", null).body().contains("<script>")) {
            throw new IllegalStateException("not shown: " + data);
        }
    }

    private static void check(ConnectionLimiter limiter, int port) throws Exception {
        List<Socket> clients = new ArrayList<>();
        try {
            for (int i = 0; i <= LIMIT; i++) {
                clients.add(new Socket(InetAddress.getLoopbackAddress(), port));
            }
            long deadline = System.nanoTime() + 10_000_000_000L;
            while (limiter.snapshot().admitted() + limiter.snapshot().refused() <= LIMIT) {
                if (System.nanoTime() > deadline) {
                    throw new IllegalStateException("not counted: " + limiter.snapshot());
                }
                Thread.onSpinWait();
            }
            if (limiter.snapshot().admitted() != LIMIT || limiter.snapshot().refused() != 1) {
                throw new IllegalStateException("not limited: " + limiter.snapshot());
            }
        } finally {
            for (Socket client : clients) {
                client.close();
            }
        }
    }
}
