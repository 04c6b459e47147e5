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
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Connections over the limit: how many a server refuses, and at what cost, against a bare loop. */
final class RefusedPart {

    private static final int CLIENTS = 50;
    private static final Target RATE = Target.atLeast(0.9);
    private static final Target CPU = Target.atMost(1.3);

    private final Bench bench;

    RefusedPart(Bench bench) {
        this.bench = bench;
    }

    /** A server and what it does about a client at its limit. */
    private record Subject(ServerKind server, Protection protection) {

        /** Whether it refuses everything, without a count. */
        private boolean isBare() {
            return switch (server) {
                case LOOP_RESET, LOOP_CLOSE, LOOP_NIO2 -> true;
                default -> protection == Protection.BARE_LISTENER;
            };
        }

        /** The loop that ends connections in the same way. */
        private Subject loop() {
            ServerKind kind = switch (server) {
                case TOMCAT_NIO2, LOOP_NIO2, LOOP_CLOSE -> ServerKind.LOOP_CLOSE;
                default -> ServerKind.LOOP_RESET;
            };
            return new Subject(kind, Protection.NONE);
        }

        private String title() {
            return server.title() + (protection == Protection.NONE ? "" : ", " + protection.title());
        }
    }

    void run() throws IOException {
        Map<Subject, ServerProcess> running = new LinkedHashMap<>();
        Map<Subject, List<Bench.Run>> runs = new HashMap<>();
        try (LoadProcess generator = bench.generator()) {
            for (Subject subject : subjects()) {
                System.out.println("refused: warming up " + subject.title());
                ServerProcess server = bench.start(subject.server(), subject.protection(), 1, false);
                running.put(subject, server);
                runs.put(subject, new ArrayList<>());
                warmUp(generator, subject, server);
            }
            for (int i = 0; i < bench.rounds(); i++) {
                System.out.printf("refused: round %d of %d%n", i + 1, bench.rounds());
                round(generator, running, i)
                        .ifPresent(round -> round.forEach(
                                (subject, run) -> runs.get(subject).add(run)));
            }
            generator.release();
        } finally {
            for (ServerProcess server : running.values()) {
                server.close();
            }
        }
        if (runs.values().stream().anyMatch(List::isEmpty)) {
            throw new IOException("no round counted");
        }
        write(runs);
    }

    private List<Subject> subjects() {
        List<Subject> subjects = new ArrayList<>();
        subjects.add(new Subject(ServerKind.LOOP_RESET, Protection.NONE));
        subjects.add(new Subject(ServerKind.LOOP_CLOSE, Protection.NONE));
        for (ServerKind server : bench.servers()) {
            if (server == ServerKind.JETTY) {
                subjects.add(new Subject(server, Protection.BARE_LISTENER));
                subjects.add(new Subject(server, Protection.CONNLIMIT_CONNECTOR));
            }
            if (server == ServerKind.NETTY) {
                subjects.add(new Subject(server, Protection.BARE_LISTENER));
            }
            if (server == ServerKind.TOMCAT_NIO2) {
                subjects.add(new Subject(ServerKind.LOOP_NIO2, Protection.NONE));
            }
            subjects.add(new Subject(server, Protection.CONNLIMIT));
        }
        return subjects;
    }

    private void warmUp(LoadProcess generator, Subject subject, ServerProcess server) throws IOException {
        if (!subject.isBare()) {
            // One connection of each client, kept: then each client is at its limit.
            generator.hold(CLIENTS, new Workload(server.port(), false, 0, CLIENTS, 16, 16, 1, 0, 0, 0));
        }
        generator.run(attempts(server, bench.millis(2500)));
    }

    /** All subjects, in another order in every round; empty if one of them did not count. */
    private Optional<Map<Subject, Bench.Run>> round(
            LoadProcess generator, Map<Subject, ServerProcess> running, int number) throws IOException {
        List<Subject> order = new ArrayList<>(running.keySet());
        Collections.rotate(order, number);
        Map<Subject, Bench.Run> round = new HashMap<>();
        for (Subject subject : order) {
            ServerProcess server = running.get(subject);
            Optional<Bench.Run> run = bench.valid(
                    () -> Bench.run(generator, server, attempts(server, bench.millis(1000))),
                    result -> isClean(result.load()));
            if (run.isEmpty()) {
                return Optional.empty();
            }
            round.put(subject, run.get());
        }
        return Optional.of(round);
    }

    private static boolean isClean(LoadResult load) {
        return load.refused() > 0 && load.completed() + load.rejected() + load.failed() == 0;
    }

    private static Workload attempts(ServerProcess server, int millis) {
        return new Workload(server.port(), false, 0, CLIENTS, 32, 32, 0, 0, 0, millis);
    }

    private void write(Map<Subject, List<Bench.Run>> runs) throws IOException {
        Report.Table table = new Report.Table(
                "",
                "refusals/s",
                "÷ bare loop",
                "target",
                "server CPU, µs a refusal",
                "÷ bare loop",
                "target",
                "server busy",
                "generator busy");
        for (Subject subject : subjects()) {
            Series rate = rate(runs.get(subject));
            Series cpu = cpu(runs.get(subject));
            Series rateRatio = rate.over(rate(runs.get(subject.loop())));
            Series cpuRatio = cpu.over(cpu(runs.get(subject.loop())));
            boolean target = !subject.isBare();
            boolean ratio = !subject.equals(subject.loop());
            table.row(
                    subject.title(),
                    rate.text(0),
                    ratio ? rateRatio.text(2) : "–",
                    target ? RATE.verdict(rateRatio.median()) : "–",
                    cpu.text(1),
                    ratio ? cpuRatio.text(2) : "–",
                    target ? CPU.verdict(cpuRatio.median()) : "–",
                    percent(runs.get(subject), true),
                    percent(runs.get(subject), false));
        }
        new Report(
                        "Refused connections",
                        CLIENTS + " clients, each with the one connection it may have, try to get another, 32 at once, "
                                + "and again as soon as they are refused. " + bench.rounds()
                                + " rounds, all servers running and measured in turn. The bare loop accepts a "
                                + "connection and ends it in the same way, by a reset, or by a FIN for Tomcat NIO2, "
                                + "where Java has no reset. What is bare refuses everything and counts nothing: it "
                                + "shows what the way itself costs. A cell is the median of the rounds, with the smallest and "
                                + "the largest; a ratio is taken in each round. " + bench.remarks())
                .table(table)
                .write(bench.results(), "server-refused.md");
    }

    private static Series rate(List<Bench.Run> runs) {
        return new Series(
                runs.stream().mapToDouble(run -> run.load().refusedPerSecond()).toArray());
    }

    private static Series cpu(List<Bench.Run> runs) {
        return new Series(runs.stream()
                .mapToDouble(run -> run.serverCpuNanos() / 1e3 / run.load().refused())
                .toArray());
    }

    private static String percent(List<Bench.Run> runs, boolean server) {
        Series busy = new Series(runs.stream()
                .mapToDouble(run -> server ? run.serverBusy() : run.generatorBusy())
                .toArray());
        return Series.text(100 * busy.median(), 0) + " %";
    }
}
