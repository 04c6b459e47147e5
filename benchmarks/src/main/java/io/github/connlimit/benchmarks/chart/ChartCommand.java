package io.github.connlimit.benchmarks.chart;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Draws the table of the attack, once for light and once for dark pages. */
@Command(name = "chart", description = "Draws the table that \"server --parts attack\" has written.")
public final class ChartCommand implements Callable<Integer> {

    @Option(names = "--results", defaultValue = "benchmarks/results", description = "Where the table is.")
    private Path results;

    @Option(names = "--images", defaultValue = "docs/images", description = "Where to write the pictures.")
    private Path images;

    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            description = "Show this help and exit.")
    private boolean help;

    @Override
    public Integer call() throws IOException {
        AttackChart chart = AttackChart.of(Files.readString(results.resolve("server-attack.md")));
        Files.createDirectories(images);
        for (AttackChart.Theme theme : AttackChart.Theme.values()) {
            Files.writeString(images.resolve(theme.fileName()), chart.svg(theme));
        }
        return 0;
    }
}
