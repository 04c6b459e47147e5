package io.github.connlimit.benchmarks.server;

import io.github.connlimit.benchmarks.Report;
import io.github.connlimit.benchmarks.Series;
import io.github.connlimit.benchmarks.Target;
import io.github.connlimit.benchmarks.load.LoadResult;
import io.github.connlimit.benchmarks.load.Workload;
import io.github.connlimit.benchmarks.serve.Protection;
import io.github.connlimit.benchmarks.serve.ServerKind;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.ToDoubleFunction;

/** Connections below the limit: what a server does with connlimit, and without. */
final class AdmittedPart {

    private static final int LIMIT = 100;
    private static final Target RATIO = Target.atLeast(0.97);

    private final Bench bench;

    AdmittedPart(Bench bench) {
        this.bench = bench;
    }

    /** One server in one pair, twice measured. */
    private record Side(List<Bench.Run> connections, List<Bench.Run> requests) {

        private Side() {
            this(new ArrayList<>(), new ArrayList<>());
        }

        private static double mean(List<Bench.Run> runs, ToDoubleFunction<Bench.Run> figure) {
            return runs.stream().mapToDouble(figure).average().orElse(Double.NaN);
        }

        private double ofConnections(ToDoubleFunction<Bench.Run> figure) {
            return mean(connections, figure);
        }

        private double ofRequests(ToDoubleFunction<Bench.Run> figure) {
            return mean(requests, figure);
        }
    }

    private record Pair(Side off, Side on) {}

    void run() throws IOException {
        Report.Table connections = table("connections/s, without");
        Report.Table requests = table("requests/s, without");
        Report.Table latencies = new Report.Table(
                "server", "kept alive, p50 µs, without", "with ÷ without", "p99 µs, without", "with ÷ without");
        try (LoadProcess generator = bench.generator()) {
            for (ServerKind server : bench.servers()) {
                List<Pair> pairs = new ArrayList<>();
                for (int i = 0; i < bench.rounds(); i++) {
                    System.out.printf("admitted: %s, pair %d of %d%n", server.title(), i + 1, bench.rounds());
                    pair(generator, server, i % 2 == 1).ifPresent(pairs::add);
                }
                if (pairs.isEmpty()) {
                    throw new IOException("no pair of " + server.title() + " counted");
                }
                row(connections, server, pairs, Side::ofConnections);
                row(requests, server, pairs, Side::ofRequests);
                latencyRow(latencies, server, pairs);
            }
        }
        new Report(
                        "Admitted connections",
                        "Each server with connlimit (" + LIMIT + " connections a client) and without: "
                                + bench.rounds() + " pairs of fresh processes, both warmed up, then measured in the "
                                + "order without, with, with, without (and the other way round in every other pair). "
                                + "A cell is the median of the pairs, with the smallest and the largest; a ratio is "
                                + "taken in each pair. " + bench.remarks())
                .heading("One request for each connection")
                .paragraph("Connect, one request, its response, close; 32 at once from 200 clients.")
                .table(connections)
                .heading("Kept-alive connections")
                .paragraph("50 connections from 50 clients, each with one request after the other.")
                .table(requests)
                .table(latencies)
                .write(bench.results(), "server-admitted.md");
    }

    private static Report.Table table(String figure) {
        return new Report.Table(
                "server",
                figure,
                "with",
                "with ÷ without",
                "target",
                "server CPU, with ÷ without",
                "server busy",
                "generator busy");
    }

    private Optional<Pair> pair(LoadProcess generator, ServerKind kind, boolean onFirst) throws IOException {
        try (ServerProcess off = bench.start(kind, Protection.NONE, 0, false);
                ServerProcess on = bench.start(kind, Protection.CONNLIMIT, LIMIT, false)) {
            for (ServerProcess server : List.of(off, on)) {
                // Until the compilers have nothing more to do: they share the server's core.
                generator.run(connections(server, bench.millis(8000)));
                generator.run(requests(server, bench.millis(3000)));
            }
            Pair pair = new Pair(new Side(), new Side());
            List<Boolean> order = onFirst ? List.of(true, false, false, true) : List.of(false, true, true, false);
            for (boolean isOn : order) {
                ServerProcess server = isOn ? on : off;
                Side side = isOn ? pair.on() : pair.off();
                Optional<Bench.Run> run = measure(generator, server, connections(server, bench.millis(1500)));
                if (run.isEmpty()) {
                    return Optional.empty();
                }
                side.connections().add(run.get());
            }
            for (boolean isOn : order) {
                ServerProcess server = isOn ? on : off;
                Side side = isOn ? pair.on() : pair.off();
                Optional<Bench.Run> run = measure(generator, server, requests(server, bench.millis(800)));
                if (run.isEmpty()) {
                    return Optional.empty();
                }
                side.requests().add(run.get());
            }
            return Optional.of(pair);
        }
    }

    private Optional<Bench.Run> measure(LoadProcess generator, ServerProcess server, Workload workload)
            throws IOException {
        return bench.valid(() -> Bench.run(generator, server, workload), run -> isClean(run.load()));
    }

    private static boolean isClean(LoadResult load) {
        return load.completed() > 0 && load.rejected() + load.refused() + load.failed() == 0;
    }

    private static Workload connections(ServerProcess server, int millis) {
        return new Workload(server.port(), false, 0, 200, 32, 32, 1, 0, 0, millis);
    }

    private static Workload requests(ServerProcess server, int millis) {
        return new Workload(server.port(), false, 0, 50, 50, 50, Workload.UNENDING, 0, 100, millis);
    }

    /** One figure of a side, such as the mean of its runs with one request for each connection. */
    private interface Choice {

        double of(Side side, ToDoubleFunction<Bench.Run> figure);
    }

    private static void row(Report.Table table, ServerKind server, List<Pair> pairs, Choice choice) {
        Series off =
                series(pairs, pair -> choice.of(pair.off(), run -> run.load().completedPerSecond()));
        Series on = series(pairs, pair -> choice.of(pair.on(), run -> run.load().completedPerSecond()));
        Series ratio = on.over(off);
        Series cpu = series(pairs, pair -> choice.of(pair.on(), AdmittedPart::cpu))
                .over(series(pairs, pair -> choice.of(pair.off(), AdmittedPart::cpu)));
        table.row(
                server.title(),
                off.text(0),
                on.text(0),
                ratio.text(3),
                RATIO.verdict(ratio.median()),
                cpu.text(3),
                percent(series(pairs, pair -> choice.of(pair.on(), Bench.Run::serverBusy))),
                percent(series(pairs, pair -> choice.of(pair.on(), Bench.Run::generatorBusy))));
    }

    /** Of the server, for each connection or request, in nanoseconds. */
    private static double cpu(Bench.Run run) {
        return (double) run.serverCpuNanos() / run.load().completed();
    }

    private static void latencyRow(Report.Table table, ServerKind server, List<Pair> pairs) {
        Series p50 =
                series(pairs, pair -> pair.off().ofRequests(run -> run.load().p50() / 1e3));
        Series p50On =
                series(pairs, pair -> pair.on().ofRequests(run -> run.load().p50() / 1e3));
        Series p99 =
                series(pairs, pair -> pair.off().ofRequests(run -> run.load().p99() / 1e3));
        Series p99On =
                series(pairs, pair -> pair.on().ofRequests(run -> run.load().p99() / 1e3));
        table.row(
                server.title(),
                p50.text(0),
                p50On.over(p50).text(2),
                p99.text(0),
                p99On.over(p99).text(2));
    }

    private static Series series(List<Pair> pairs, ToDoubleFunction<Pair> figure) {
        return new Series(pairs.stream().mapToDouble(figure).toArray());
    }

    private static String percent(Series share) {
        return Series.text(100 * share.median(), 0) + " %";
    }
}
