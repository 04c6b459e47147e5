package io.github.connlimit.benchmarks.load;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;

/** The generator as a process: reads what to do from its standard input, a line each, and answers in a line. */
@Command(name = "load", hidden = true, description = "The load generator; started by the command server.")
public final class LoadCommand implements Callable<Integer> {

    @Override
    public Integer call() throws IOException {
        BufferedReader orders = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        try (Generator generator = new Generator()) {
            String order;
            while ((order = orders.readLine()) != null) {
                System.out.println(answer(generator, order));
                System.out.flush();
            }
        }
        return 0;
    }

    private static String answer(Generator generator, String order) {
        String[] words = order.split(" ", 2);
        try {
            return switch (words[0]) {
                case "run" -> "ok " + generator.run(Workload.parse(words[1]));
                case "hold" -> {
                    String[] rest = words[1].split(" ", 2);
                    yield "ok " + generator.hold(Integer.parseInt(rest[0]), Workload.parse(rest[1]));
                }
                case "release" -> "ok " + generator.release();
                default -> "error: \"" + words[0] + "\" is not allowed; run, hold or release";
            };
        } catch (IOException | RuntimeException error) {
            return "error: " + error;
        }
    }
}
