package io.github.connlimit.benchmarks.counting;

import io.github.connlimit.benchmarks.Contender;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.Callable;
import org.openjdk.jmh.profile.GCProfiler;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.Options;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Measures the count by itself. */
@Command(name = "counting", description = "Time and allocation of each operation, against other ways to count.")
public final class CountingCommand implements Callable<Integer> {

    private static final String ALLOCATION = "gc.alloc.rate.norm";

    @Option(names = "--rounds", defaultValue = "3", description = "How often each is measured. Default: 3.")
    private int rounds;

    @Option(names = "--warmup", defaultValue = "600", description = "Milliseconds before measuring. Default: 600.")
    private int warmupMillis;

    @Option(names = "--time", defaultValue = "700", description = "Milliseconds of measuring. Default: 700.")
    private int measureMillis;

    @Option(names = "--threads", split = ",", defaultValue = "1,2,8", description = "Default: 1,2,8.")
    private List<Integer> threads;

    @Option(names = "--scenarios", split = ",", description = "Default: all: ${COMPLETION-CANDIDATES}.")
    private List<Scenario> scenarios = List.of(Scenario.values());

    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            description = "Show this help and exit.")
    private boolean help;

    @Option(names = "--results", defaultValue = "benchmarks/results", description = "Where to write the table.")
    private Path results;

    /**
     * One thing to measure.
     *
     * @param scenario the operation
     * @param threads how many threads do it at once
     * @param contender what they do it with
     */
    record Case(Scenario scenario, int threads, Contender contender) {}

    @Override
    public Integer call() throws RunnerException, IOException {
        Figures figures = new Figures();
        for (int round = 0; round < rounds; round++) {
            for (Case measured : inOrder(round)) {
                System.out.printf("round %d of %d: %s%n", round + 1, rounds, measured);
                figures.add(measured, measure(measured));
            }
        }
        figures.report(scenarios, threads, rounds, measureMillis).write(results, "counting.md");
        return 0;
    }

    /** All that are compared with one another follow one another, in another order in every round. */
    private List<Case> inOrder(int round) {
        List<Case> order = new ArrayList<>();
        for (int count : threads) {
            for (Scenario base : Scenario.values()) {
                List<Case> compared = compared(base, count);
                Collections.rotate(compared, round);
                order.addAll(compared);
            }
        }
        return order;
    }

    private List<Case> compared(Scenario base, int count) {
        List<Case> compared = new ArrayList<>();
        List<Scenario> alike = scenarios.stream()
                .filter(scenario -> scenario.withoutRules() == base)
                .toList();
        if (!alike.isEmpty()) {
            base.contenders().forEach(contender -> compared.add(new Case(base, count, contender)));
        }
        for (Scenario scenario : alike) {
            if (scenario != base) {
                scenario.contenders().forEach(contender -> compared.add(new Case(scenario, count, contender)));
            }
        }
        return compared;
    }

    /** One fork. */
    private Figures.Figure measure(Case measured) throws RunnerException {
        Options options = new OptionsBuilder()
                .include("^" + CountingBenchmark.class.getName() + "."
                        + measured.scenario().operation().method() + "$")
                .param("contender", measured.contender().name())
                .param("scenario", measured.scenario().name())
                .threads(measured.threads())
                .forks(1)
                .jvmArgs("-Xms1g", "-Xmx1g")
                .warmupIterations(1)
                .warmupTime(TimeValue.milliseconds(warmupMillis))
                .measurementIterations(2)
                .measurementTime(TimeValue.milliseconds(measureMillis / 2))
                .addProfiler(GCProfiler.class)
                .shouldFailOnError(true)
                .verbosity(VerboseMode.SILENT)
                .build();
        Collection<RunResult> done = new Runner(options).run();
        RunResult result = done.iterator().next();
        return new Figures.Figure(
                result.getPrimaryResult().getScore(),
                result.getSecondaryResults().get(ALLOCATION).getScore());
    }
}
