package io.github.connlimit.benchmarks.server;

import com.sun.management.UnixOperatingSystemMXBean;
import io.github.connlimit.benchmarks.Report;
import io.github.connlimit.benchmarks.Series;
import io.github.connlimit.benchmarks.Target;
import io.github.connlimit.benchmarks.load.LoadResult;
import io.github.connlimit.benchmarks.load.Workload;
import io.github.connlimit.benchmarks.serve.Protection;
import io.github.connlimit.benchmarks.serve.ServerKind;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;

/** Many open connections from few and from many clients: what one more costs. */
final class ScalePart {

    private static final List<Integer> CLIENTS = List.of(1, 100, 10_000);

    /** File descriptors that are no connections of the generator. */
    private static final int OTHER_DESCRIPTORS = 500;

    /** More than the same server without connlimit: the cost of an accept does not stay flat there either. */
    private static final Target GROWTH = Target.atMost(1.1);

    private static final int MEASURED_CLIENT = 200_000;

    private final Bench bench;

    ScalePart(Bench bench) {
        this.bench = bench;
    }

    /** What is measured: a server with so many connections open from so many clients. */
    private record Point(Protection protection, int clients, int open) {}

    void run() throws IOException {
        Report report = new Report(
                "Many open connections",
                "CPU time of the server for one more connection (accept, one request, close; 32 at once from 200 other "
                        + "clients), while so many connections from so many clients are open and idle; the highest "
                        + "number is what this machine's file descriptors allow. *Growth* is the cost over that with "
                        + "100 connections open. A cell is the median of " + rounds()
                        + " rounds, with the smallest and the largest. ");
        for (ServerKind server : bench.servers()) {
            report.heading(server.title()).table(table(server));
        }
        report.paragraph(bench.remarks()).write(bench.results(), "server-scale.md");
    }

    private int rounds() {
        return Math.min(4, bench.rounds());
    }

    private static List<Integer> levels() {
        UnixOperatingSystemMXBean system = (UnixOperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
        // One client has no more ports than this to its name, either.
        int most = (int) Math.min(system.getMaxFileDescriptorCount() - OTHER_DESCRIPTORS, 25_000);
        return IntStream.of(100, 1000, 10_000, most)
                .filter(level -> level <= most)
                .distinct()
                .boxed()
                .toList();
    }

    private Report.Table table(ServerKind server) throws IOException {
        Map<Point, List<Double>> micros = new HashMap<>();
        try (LoadProcess generator = bench.generator();
                ServerProcess off = bench.start(server, Protection.NONE, 0, false);
                ServerProcess on = bench.start(server, Protection.CONNLIMIT, 0, false)) {
            Map<Protection, ServerProcess> running = Map.of(Protection.NONE, off, Protection.CONNLIMIT, on);
            for (ServerProcess process : running.values()) {
                generator.run(more(process, bench.millis(8000)));
            }
            for (int i = 0; i < rounds(); i++) {
                for (int clients : CLIENTS) {
                    for (Protection protection : i % 2 == 0
                            ? List.of(Protection.NONE, Protection.CONNLIMIT)
                            : List.of(Protection.CONNLIMIT, Protection.NONE)) {
                        System.out.printf(
                                "scale: %s, %s, %d clients, round %d of %d%n",
                                server.title(), protection, clients, i + 1, rounds());
                        climb(generator, running.get(protection), protection, clients, micros);
                    }
                }
            }
        }
        return table(micros);
    }

    /** From the lowest level to the highest. */
    private void climb(
            LoadProcess generator,
            ServerProcess server,
            Protection protection,
            int clients,
            Map<Point, List<Double>> micros)
            throws IOException {
        int open = 0;
        for (int level : levels()) {
            // As long as there are clients without a connection, each new one is from one of these.
            int first = open < clients ? open : 0;
            int addresses = open < clients ? Math.min(clients, level) - open : clients;
            generator.hold(level - open, new Workload(server.port(), false, first, addresses, 64, 64, 1, 0, 0, 0));
            open = level;
            Optional<Bench.Run> run = bench.valid(
                    () -> Bench.run(generator, server, more(server, bench.millis(700))),
                    result -> isClean(result.load()));
            run.ifPresent(counted -> micros.computeIfAbsent(
                            new Point(protection, clients, level), absent -> new ArrayList<>())
                    .add(counted.serverCpuNanos() / 1e3 / counted.load().completed()));
        }
        generator.release();
    }

    private static boolean isClean(LoadResult load) {
        return load.completed() > 0 && load.rejected() + load.refused() + load.failed() == 0;
    }

    private static Workload more(ServerProcess server, int millis) {
        return new Workload(server.port(), false, MEASURED_CLIENT, 200, 32, 32, 1, 0, 0, millis);
    }

    private static Report.Table table(Map<Point, List<Double>> micros) {
        Report.Table table = new Report.Table(
                "open connections",
                "clients",
                "without, µs",
                "growth",
                "with, µs",
                "growth",
                "with ÷ without",
                "growth with ÷ growth without",
                "target");
        for (int clients : CLIENTS) {
            for (int level : levels()) {
                List<Double> off = micros.get(new Point(Protection.NONE, clients, level));
                List<Double> on = micros.get(new Point(Protection.CONNLIMIT, clients, level));
                List<Double> offFirst = micros.get(new Point(Protection.NONE, clients, levels().get(0)));
                List<Double> onFirst = micros.get(new Point(Protection.CONNLIMIT, clients, levels().get(0)));
                if (off == null || on == null || offFirst == null || onFirst == null) {
                    table.row(
                            Series.text(level, 0),
                            Series.text(clients, 0),
                            "no round counted",
                            "–",
                            "–",
                            "–",
                            "–",
                            "–",
                            "–");
                    continue;
                }
                double offGrowth = Series.of(off).median() / Series.of(offFirst).median();
                double onGrowth = Series.of(on).median() / Series.of(onFirst).median();
                table.row(
                        Series.text(level, 0),
                        Series.text(Math.min(clients, level), 0),
                        Series.of(off).text(1),
                        Series.text(offGrowth, 2),
                        Series.of(on).text(1),
                        Series.text(onGrowth, 2),
                        Series.text(Series.of(on).median() / Series.of(off).median(), 2),
                        Series.text(onGrowth / offGrowth, 2),
                        level == levels().get(0) ? "–" : GROWTH.verdict(onGrowth / offGrowth));
            }
        }
        return table;
    }
}
