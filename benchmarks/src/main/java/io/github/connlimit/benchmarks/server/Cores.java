package io.github.connlimit.benchmarks.server;

import java.util.ArrayList;
import java.util.List;

/** Which core each process runs on, so that one does not take the other's time. */
final class Cores {

    private final int count = Runtime.getRuntime().availableProcessors();
    private final boolean pin = count > 1 && Executables.find("taskset").isPresent();

    /** The last core. */
    List<String> server(List<String> command) {
        return on(count - 1, command);
    }

    /** The first core. */
    List<String> generator(List<String> command) {
        return on(0, command);
    }

    /** A core of its own if there are three; otherwise the generator's, where it gives way to it. */
    List<String> attacker(List<String> command) {
        if (count > 2) {
            return on(1, command);
        }
        List<String> yielding = new ArrayList<>();
        Executables.find("nice").ifPresent(nice -> yielding.addAll(List.of(nice.toString(), "-n", "10")));
        yielding.addAll(command);
        return on(0, yielding);
    }

    private List<String> on(int core, List<String> command) {
        if (!pin) {
            return command;
        }
        List<String> pinned = new ArrayList<>(List.of("taskset", "-c", String.valueOf(core)));
        pinned.addAll(command);
        return pinned;
    }

    String describe() {
        if (!pin) {
            return "Nothing is pinned to a core here, so that server and generator take each other's time.";
        }
        String attacker =
                count > 2 ? "the attacker on a third" : "the attacker on that of the generator, with less weight";
        return "The server is pinned to one core, the generator to another, " + attacker + ".";
    }
}
