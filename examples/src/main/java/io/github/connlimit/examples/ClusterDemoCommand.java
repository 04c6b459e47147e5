package io.github.connlimit.examples;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** The command {@code cluster}. */
@Command(
        name = "cluster",
        description =
                "Runs the demo of a cluster: a Redis, two nodes with one limit for each client, one of which is killed.")
final class ClusterDemoCommand implements Callable<Integer> {

    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            description = "Show this help and exit.")
    private boolean help;

    @Override
    public Integer call() throws Exception {
        return new ClusterDemo(System.out).run();
    }
}
