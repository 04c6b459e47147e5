package io.github.connlimit.benchmarks.server;

import io.github.connlimit.benchmarks.serve.ServerKind;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Measures whole servers. */
@Command(name = "server", description = "Whole servers under load, with connlimit and without it; Linux only.")
public final class ServerCommand implements Callable<Integer> {

    /** What can be measured. */
    enum Part {
        ADMITTED,
        REFUSED,
        ATTACK,
        RESTLESS,
        NETWORK,
        HEADERS,
        SCALE
    }

    @Option(names = "--parts", split = ",", description = "Default: all of ${COMPLETION-CANDIDATES}.")
    private List<Part> parts = List.of(Part.values());

    @Option(
            names = "--servers",
            split = ",",
            defaultValue = "jetty,tomcat,tomcat-nio2,netty",
            description = "Default: all.")
    private List<String> servers;

    @Option(
            names = "--rounds",
            defaultValue = "7",
            description = "Pairs or rounds; of attack at most 3, of scale at most 4. Default: 7.")
    private int rounds;

    @Option(names = "--time-scale", defaultValue = "1", description = "What to multiply all times by. Default: 1.")
    private double timeScale;

    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            description = "Show this help and exit.")
    private boolean help;

    @Option(names = "--results", defaultValue = "benchmarks/results", description = "Where to write the tables.")
    private Path results;

    @Override
    public Integer call() throws Exception {
        List<ServerKind> kinds = servers.stream().map(ServerKind::of).toList();
        for (Part part : Arrays.stream(Part.values()).filter(parts::contains).toList()) {
            Bench bench = new Bench(kinds, rounds, timeScale, results);
            switch (part) {
                case ADMITTED -> new AdmittedPart(bench).run();
                case REFUSED -> new RefusedPart(bench).run();
                case ATTACK -> new AttackPart(bench, AttackPart.Attack.FLOOD).run();
                case RESTLESS -> new AttackPart(bench, AttackPart.Attack.RESTLESS).run();
                case NETWORK -> new AttackPart(bench, AttackPart.Attack.NETWORK).run();
                case HEADERS -> new AttackPart(bench, AttackPart.Attack.HEADERS).run();
                case SCALE -> new ScalePart(bench).run();
            }
        }
        return 0;
    }
}
