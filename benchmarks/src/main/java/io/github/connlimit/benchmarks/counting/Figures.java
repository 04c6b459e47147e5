package io.github.connlimit.benchmarks.counting;

import io.github.connlimit.benchmarks.Contender;
import io.github.connlimit.benchmarks.Report;
import io.github.connlimit.benchmarks.Series;
import io.github.connlimit.benchmarks.Target;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** What was measured, and the tables of it. Not thread-safe. */
final class Figures {

    private final Map<CountingCommand.Case, List<Figure>> figures = new HashMap<>();

    /**
     * One case in one round.
     *
     * @param nanos nanoseconds an operation, in each thread
     * @param bytes bytes allocated by an operation
     */
    record Figure(double nanos, double bytes) {}

    void add(CountingCommand.Case measured, Figure figure) {
        figures.computeIfAbsent(measured, absent -> new ArrayList<>()).add(figure);
    }

    private Series nanos(Scenario scenario, int threads, Contender contender) {
        return Series.of(figures.get(new CountingCommand.Case(scenario, threads, contender)).stream()
                .map(Figure::nanos)
                .toList());
    }

    private Series bytes(Scenario scenario, int threads, Contender contender) {
        return Series.of(figures.get(new CountingCommand.Case(scenario, threads, contender)).stream()
                .map(Figure::bytes)
                .toList());
    }

    Report report(List<Scenario> scenarios, List<Integer> threads, int rounds, int measureMillis) {
        Report report = new Report(
                "The count by itself",
                "JMH, average time of one operation in each thread, one fork of " + measureMillis
                        + " ms for each figure in each of " + rounds
                        + " rounds, contenders in turn. A cell is the median of the rounds, with the smallest and the "
                        + "largest; a ratio is taken in each round. A pair is one connection counted and counted down "
                        + "again. *Bare compute* is a `ConcurrentHashMap.compute` pair on ready-made keys, "
                        + "or on keys that are made of the addresses, which connlimit has to read too; "
                        + "*go-connlimit's way* is one lock and a map from address text to a set of connections; the "
                        + "other two are Guava's, on ready-made keys.");
        for (int count : threads) {
            report.heading(count == 1 ? "1 thread" : count + " threads");
            report.table(ratios(scenarios, count));
            report.table(times(scenarios, count));
        }
        return report;
    }

    private Report.Table ratios(List<Scenario> scenarios, int threads) {
        Report.Table table = new Report.Table(
                "connlimit",
                "time ÷ bare compute",
                "target",
                "÷ bare compute, keys of addresses",
                "go-connlimit's way ÷ its time",
                "target",
                "bytes an operation",
                "target");
        for (Scenario scenario : scenarios) {
            Scenario peers = scenario.withoutRules();
            Series own = nanos(scenario, threads, Contender.CONNLIMIT);
            Series overCompute = own.over(nanos(peers, threads, Contender.COMPUTE));
            Series overAddresses = own.over(nanos(peers, threads, Contender.COMPUTE_OF_ADDRESS));
            Series oneLockOver = nanos(peers, threads, Contender.ONE_LOCK).over(own);
            Series bytes = bytes(scenario, threads, Contender.CONNLIMIT);
            table.row(
                    scenario.title(),
                    overCompute.text(2),
                    verdict(scenario.overCompute(), overCompute),
                    overAddresses.text(2),
                    oneLockOver.text(1),
                    verdict(scenario.oneLockOver(), oneLockOver),
                    bytes.text(0),
                    verdict(scenario.bytes(), bytes));
        }
        return table;
    }

    private static String verdict(Target target, Series figures) {
        return target == null ? "–" : target.verdict(figures.median());
    }

    private Report.Table times(List<Scenario> scenarios, int threads) {
        List<String> columns = new ArrayList<>(List.of("ns an operation; bytes allocated"));
        for (Contender contender : Contender.values()) {
            columns.add(contender.title());
        }
        Report.Table table = new Report.Table(columns.toArray(String[]::new));
        for (Scenario scenario : scenarios) {
            List<String> cells = new ArrayList<>();
            cells.add(scenario.title());
            for (Contender contender : Contender.values()) {
                cells.add(
                        scenario.contenders().contains(contender)
                                ? nanos(scenario, threads, contender).text(1) + "; "
                                        + bytes(scenario, threads, contender).text(0)
                                : "–");
            }
            table.row(cells.toArray());
        }
        return table;
    }
}
