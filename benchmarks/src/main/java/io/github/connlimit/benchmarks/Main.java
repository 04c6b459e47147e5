package io.github.connlimit.benchmarks;

import io.github.connlimit.benchmarks.chart.ChartCommand;
import io.github.connlimit.benchmarks.counting.CountingCommand;
import io.github.connlimit.benchmarks.load.LoadCommand;
import io.github.connlimit.benchmarks.memory.MemoryCommand;
import io.github.connlimit.benchmarks.scrape.ScrapeCommand;
import io.github.connlimit.benchmarks.serve.ServeCommand;
import io.github.connlimit.benchmarks.server.ServerCommand;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** The command line of the benchmarks: one command for each part. */
@Command(
        name = "connlimit-benchmarks",
        description = "Measures one part and writes a table.",
        subcommands = {
            CountingCommand.class,
            MemoryCommand.class,
            ScrapeCommand.class,
            ServerCommand.class,
            ServeCommand.class,
            LoadCommand.class,
            ChartCommand.class
        })
public final class Main implements Runnable {

    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            description = "Show this help and exit.")
    private boolean help;

    private Main() {}

    /** Runs one command and exits: 0 all right, 1 it failed, 2 the command line is wrong. */
    public static void main(String... args) {
        System.exit(new CommandLine(new Main())
                .setCaseInsensitiveEnumValuesAllowed(true)
                .execute(args));
    }

    @Override
    public void run() {
        CommandLine.usage(this, System.out);
    }
}
