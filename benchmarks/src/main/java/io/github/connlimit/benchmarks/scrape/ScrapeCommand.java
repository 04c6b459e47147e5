package io.github.connlimit.benchmarks.scrape;

import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.ConnectionPermit;
import io.github.connlimit.benchmarks.Clients;
import io.github.connlimit.benchmarks.Report;
import io.github.connlimit.benchmarks.Series;
import io.github.connlimit.benchmarks.Target;
import io.github.connlimit.micrometer.ConnectionLimitMetrics;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Measures scrapes of the metrics with few clients and with many. */
@Command(name = "scrape", description = "Time of a scrape, with one client and with many.")
public final class ScrapeCommand implements Callable<Integer> {

    @Option(names = "--clients", defaultValue = "1000000", description = "The many. Default: 1000000.")
    private int clients;

    @Option(names = "--rounds", defaultValue = "9", description = "How often each is measured. Default: 9.")
    private int rounds;

    @Option(names = "--time", defaultValue = "500", description = "Milliseconds of measuring. Default: 500.")
    private int measureMillis;

    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            description = "Show this help and exit.")
    private boolean help;

    @Option(names = "--results", defaultValue = "benchmarks/results", description = "Where to write the table.")
    private Path results;

    /** One limiter and its metrics. */
    private final class Scraped {

        private final ConnectionLimiter limiter = new ConnectionLimiter(ConnectionLimits.defaults());
        private final PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
        private final InetAddress accepted;
        private final List<ConnectionPermit> held = new ArrayList<>();
        private final List<Double> scrapeMicros = new ArrayList<>();
        private final List<Double> quietPairs = new ArrayList<>();
        private final List<Double> scrapedPairs = new ArrayList<>();

        private Scraped(Clients from) {
            for (int client = 0; client < from.count(); client++) {
                held.add(limiter.tryAcquire(from.address(client)).orElseThrow());
            }
            accepted = from.address(0);
            new ConnectionLimitMetrics(limiter, "benchmark").bindTo(registry);
        }

        private void measure(boolean keep) throws InterruptedException {
            double micros = 1e6 / perSecond(this::scrape);
            double quiet = perSecond(this::pair);
            double scraped = whileScraping(() -> perSecond(this::pair));
            if (keep) {
                scrapeMicros.add(micros);
                quietPairs.add(quiet);
                scrapedPairs.add(scraped);
            }
        }

        private void scrape() {
            if (!registry.scrape().contains("connlimit_clients{name=\"benchmark\"} " + (double) held.size())) {
                throw new IllegalStateException("not the figures of " + held.size() + " clients");
            }
        }

        private void pair() {
            limiter.tryAcquire(accepted).orElseThrow().close();
        }

        private double whileScraping(Callable<Double> measured) throws InterruptedException {
            AtomicBoolean end = new AtomicBoolean();
            Thread scraper = new Thread(() -> {
                while (!end.get()) {
                    scrape();
                }
            });
            scraper.start();
            try {
                return measured.call();
            } catch (Exception error) {
                throw new IllegalStateException(error);
            } finally {
                end.set(true);
                scraper.join();
            }
        }
    }

    private double perSecond(Runnable action) {
        long begin = System.nanoTime();
        long end = begin + TimeUnit.MILLISECONDS.toNanos(measureMillis);
        long done = 0;
        long now = begin;
        while (now - end < 0) {
            for (int i = 0; i < 10; i++) {
                action.run();
            }
            done += 10;
            now = System.nanoTime();
        }
        return done * 1e9 / (now - begin);
    }

    @Override
    public Integer call() throws IOException, InterruptedException {
        Scraped one = new Scraped(Clients.ipv4(1));
        Scraped many = new Scraped(Clients.ipv4(clients));
        for (int round = 0; round <= rounds; round++) {
            // The first one warms up.
            one.measure(round > 0);
            many.measure(round > 0);
        }
        Report.Table table = new Report.Table(
                "", "a scrape, µs", "÷ one client", "target", "pairs while scraped without a pause ÷ unscraped");
        row(table, "1 client", one, one);
        row(table, Series.text(clients, 0) + " clients", many, one);
        new Report(
                        "A scrape of the metrics",
                        "The text of Micrometer's registry for Prometheus with all meters of one limiter, " + rounds
                                + " rounds in turn. A *pair* is a connection counted and counted down, in one thread,"
                                + " while another one scrapes again and again; Prometheus does so every few seconds.")
                .table(table)
                .write(results, "scrape.md");
        return 0;
    }

    private static void row(Report.Table table, String name, Scraped measured, Scraped one) {
        Series micros = Series.of(measured.scrapeMicros);
        Series ratio = micros.over(Series.of(one.scrapeMicros));
        table.row(
                name,
                micros.text(0),
                ratio.text(2),
                Target.atMost(1.2).verdict(ratio.median()),
                Series.of(measured.scrapedPairs)
                        .over(Series.of(measured.quietPairs))
                        .text(2));
    }
}
