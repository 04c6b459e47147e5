package io.github.connlimit.it;

import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.LimiterSnapshot;
import io.github.connlimit.Refusal;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.logging.Level;
import java.util.logging.Logger;

/**
 * Servers of each kind under a steady mix of well-meant and hostile clients, for as long as one likes, and a picture of
 * what grows meanwhile. Its arguments are the duration in minutes and the file for the picture. Ends with status 1 if
 * something is still counted when all clients have left.
 */
final class Soak {

    /** For each server. */
    private static final int THREADS = 6;

    private static final Duration INTERVAL = Duration.ofSeconds(5);

    /** The clients leave that long before the end. */
    private static final Duration QUIET = Duration.ofSeconds(30);

    /** A server with its clients. */
    private record Site(ConnectionLimiter limiter, Application application, TestServer server, Crowd crowd) {}

    private final List<Site> sites = new ArrayList<>();
    private final Duration duration;
    private final SoakChart.Series heap = new SoakChart.Series("Heap after a collection, MiB", " MiB");
    private final SoakChart.Series open = new SoakChart.Series("Open connections", "");
    private final SoakChart.Series clients = new SoakChart.Series("Clients in the table", "");
    private final SoakChart.Series descriptors = new SoakChart.Series("Sockets and selectors (file descriptors)", "");

    private Soak(Duration duration) {
        this.duration = duration;
    }

    public static void main(String[] arguments) throws Exception {
        // A server says much about clients that leave, and connlimit about those that it refuses.
        Logger.getLogger("").setLevel(Level.OFF);
        // Nor of this one: Tomcat's threads, replaced at once, die of clients that leave while HTTP/2 begins.
        Thread.setDefaultUncaughtExceptionHandler((thread, error) -> {});
        Soak soak = new Soak(Duration.ofMinutes(Integer.parseInt(arguments[0])));
        boolean clean = false;
        try {
            clean = soak.run();
        } catch (Exception error) {
            // The servers have threads that would go on.
            error.printStackTrace();
        }
        Path picture = Path.of(arguments[1]);
        Files.createDirectories(picture.toAbsolutePath().getParent());
        Files.writeString(picture, soak.picture());
        System.out.println(picture + (clean ? "" : ": it has failed, or something is still counted"));
        System.exit(clean ? 0 : 1);
    }

    private boolean run() throws Exception {
        add(JettyServer::new, ChaosProtocol.PLAIN);
        add(JettyServer::new, ChaosProtocol.HTTP2);
        add(TomcatServer::nio, ChaosProtocol.TLS);
        add(TomcatServer::nio2, ChaosProtocol.PLAIN);
        add(ReactorNettyServer::new, ChaosProtocol.HTTP2);
        long begin = System.nanoTime();
        long end = begin + duration.toNanos();
        for (Site site : sites) {
            site.crowd.start(THREADS, 1);
        }
        sampleUntil(end - QUIET.toNanos(), begin);
        for (Site site : sites) {
            site.crowd.end(site.application::completeLater);
            site.crowd.failIfFailed();
        }
        sampleUntil(end, begin);
        boolean clean = true;
        for (Site site : sites) {
            clean &= isEmpty(site);
            site.server.stop();
        }
        return clean;
    }

    /** Says what is still counted, how many connections the sweep had to find, and what the kernel says that the server holds. */
    private static boolean isEmpty(Site site) throws Exception {
        LimiterSnapshot counted = site.limiter.snapshot();
        if (counted.openConnections() == 0 && counted.clients() == 0 && counted.forgotten() == 0) {
            return true;
        }
        System.out.println(site.server.getClass().getSimpleName() + " " + site.server.port() + " counts "
                + counted.topClients() + ", has forgotten " + counted.forgotten() + ", and holds "
                + KernelSockets.heldByServer(InetAddress.getByName(TestBed.SERVER), Set.of(site.server.port())));
        return false;
    }

    private void add(TestServer.Factory<?> factory, ChaosProtocol protocol) throws Exception {
        ConnectionLimiter limiter = new ConnectionLimiter(ConnectionLimits.builder()
                .maxPerClient(2)
                .limit("127.0.2.0/24", 8)
                .refuse(Refusal.RESPOND)
                .handshakeTimeout(Duration.ofSeconds(2))
                .build());
        Application application = new Application();
        TestServer server = factory.create(
                new ServerSetup(limiter, application, protocol.transport()).withIdleTimeout(Duration.ofSeconds(5)));
        server.start();
        Crowd crowd = new Crowd(protocol);
        crowd.serverStarted(server.port());
        sites.add(new Site(limiter, application, server, crowd));
    }

    private void sampleUntil(long end, long begin) throws Exception {
        long next = System.nanoTime();
        while (System.nanoTime() < end) {
            for (Site site : sites) {
                site.application.completeLater();
                site.crowd.served().forget();
            }
            if (System.nanoTime() >= next) {
                next += INTERVAL.toNanos();
                sample((System.nanoTime() - begin) / (double) TimeUnit.MINUTES.toNanos(1));
            }
            TimeUnit.MILLISECONDS.sleep(20);
        }
    }

    private void sample(double minute) {
        System.gc();
        heap.add(minute, Leftovers.heapBytes() / (double) (1 << 20));
        open.add(
                minute,
                sites.stream()
                        .mapToLong(site -> site.limiter.snapshot(0).openConnections())
                        .sum());
        clients.add(
                minute,
                sites.stream()
                        .mapToLong(site -> site.limiter.snapshot(0).clients())
                        .sum());
        descriptors.add(
                minute,
                Leftovers.descriptors().values().stream()
                        .mapToInt(Integer::intValue)
                        .sum());
    }

    private String picture() {
        long admitted = sites.stream()
                .mapToLong(site -> site.limiter.snapshot(0).admitted())
                .sum();
        long refused = sites.stream()
                .mapToLong(site -> site.limiter.snapshot(0).refused())
                .sum();
        long timedOut = sites.stream()
                .mapToLong(site -> site.limiter.snapshot(0).timedOut())
                .sum();
        String title =
                "connlimit soak, " + duration.toMinutes() + " minutes: Jetty, Tomcat NIO and NIO2, Reactor Netty";
        String subtitle = String.format(
                "%,d connections admitted, %,d refused, %,d timed out. The clients leave %d seconds before the end.",
                admitted, refused, timedOut, QUIET.toSeconds());
        // The servers get warm in the first fifth; the trend is of the time between that and the end of the clients.
        double from = duration.toMinutes() / 5.0;
        double to = duration.minus(QUIET).toSeconds() / 60.0;
        return new SoakChart(title, subtitle, from, to).svg(List.of(heap, open, clients, descriptors));
    }
}
