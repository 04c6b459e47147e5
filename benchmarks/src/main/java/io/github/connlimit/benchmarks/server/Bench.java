package io.github.connlimit.benchmarks.server;

import io.github.connlimit.benchmarks.load.LoadResult;
import io.github.connlimit.benchmarks.load.Workload;
import io.github.connlimit.benchmarks.serve.Protection;
import io.github.connlimit.benchmarks.serve.ServerKind;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;

/**
 * What all parts need: servers, generators, and rounds that count. Not thread-safe.
 *
 * @param servers the servers to measure
 * @param rounds how many pairs or rounds to measure
 * @param scale by what to multiply all times, 1 as a rule
 * @param results where to write the tables
 * @param cores where each process runs
 * @param discarded how many rounds did not count
 */
record Bench(List<ServerKind> servers, int rounds, double scale, Path results, Cores cores, int[] discarded) {

    private static final int TRIES = 4;

    Bench(List<ServerKind> servers, int rounds, double scale, Path results) {
        this(servers, rounds, scale, results, new Cores(), new int[1]);
    }

    int millis(int usual) {
        return Math.max(50, (int) (usual * scale));
    }

    ServerProcess start(ServerKind server, Protection protection, int maxPerClient, boolean tls) throws IOException {
        List<String> command = java(
                "-Xmx2g",
                "serve",
                "--server",
                server.toString(),
                "--protection",
                protection.toString(),
                "--max-per-client",
                String.valueOf(maxPerClient));
        if (tls) {
            command.add("--tls");
        }
        return new ServerProcess(cores.server(command));
    }

    LoadProcess generator() throws IOException {
        return new LoadProcess(cores.generator(java("-Xmx1g", "load")));
    }

    LoadProcess attacker() throws IOException {
        return new LoadProcess(cores.attacker(java("-Xmx1g", "load")));
    }

    private static List<String> java(String heap, String... arguments) {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                heap,
                "-cp",
                System.getProperty("java.class.path"),
                "io.github.connlimit.benchmarks.Main"));
        command.addAll(List.of(arguments));
        return command;
    }

    /** Something that is measured in one go. */
    @FunctionalInterface
    interface Round<T> {

        T measure() throws IOException;
    }

    /**
     * Measures until a round counts: none in which the kernel's counters moved, or whose result is not sane.
     *
     * @return empty if no try counted
     */
    <T> Optional<T> valid(Round<T> round, Predicate<T> sane) throws IOException {
        for (int i = 0; i < TRIES; i++) {
            KernelCounters before = KernelCounters.now();
            T result = round.measure();
            if (KernelCounters.now().equals(before) && sane.test(result)) {
                return Optional.of(result);
            }
            discarded[0]++;
            System.out.println(
                    "  a round did not count: " + before + " before, " + KernelCounters.now() + " after, " + result);
        }
        return Optional.empty();
    }

    /**
     * What server and generator did in one run.
     *
     * @param load what the generator saw
     * @param serverCpuNanos CPU time of the server, from the begin of the skipped time on
     * @param wallNanos how long that was
     */
    record Run(LoadResult load, long serverCpuNanos, long wallNanos) {

        double serverBusy() {
            return (double) serverCpuNanos / wallNanos;
        }

        double generatorBusy() {
            return (double) load.cpuNanos() / load.nanos();
        }
    }

    /** Runs a workload that has no skipped time, so that the server's CPU time is that of what was counted. */
    static Run run(LoadProcess generator, ServerProcess server, Workload workload) throws IOException {
        long from = System.nanoTime();
        long cpu = server.cpuNanos();
        LoadResult load = generator.run(workload);
        return new Run(load, server.cpuNanos() - cpu, System.nanoTime() - from);
    }

    String remarks() {
        return cores.describe()
                + " Each process is a JVM of its own; connections come from many addresses 127.x.y.z, are ended by a "
                + "reset, and wait for the server in numbers below its backlog (1,024). Rounds in which the kernel "
                + "counted an overflow of that backlog or a retransmitted SYN were thrown away and measured again: "
                + discarded[0] + " in this part.";
    }
}
