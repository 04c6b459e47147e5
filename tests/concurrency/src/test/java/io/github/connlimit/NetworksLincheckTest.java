package io.github.connlimit;

import static io.github.connlimit.LimiterLincheckTest.acquire;
import static io.github.connlimit.LimiterLincheckTest.actor;
import static io.github.connlimit.LimiterLincheckTest.modelChecking;
import static io.github.connlimit.LimiterLincheckTest.random;
import static io.github.connlimit.LimiterLincheckTest.release;
import static io.github.connlimit.LimiterLincheckTest.scenario;

import java.util.List;
import java.util.stream.Stream;
import org.jetbrains.kotlinx.lincheck.execution.ExecutionScenario;
import org.jetbrains.lincheck.datastructures.Options;
import org.jetbrains.lincheck.datastructures.StressOptions;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** As {@link LimiterLincheckTest}, with limits of networks: their counts change as one with those of the clients. */
class NetworksLincheckTest {

    @Test
    void byModelChecking() {
        check(random(modelChecking()));
    }

    @Test
    void byStress() {
        check(random(new StressOptions()));
    }

    @ParameterizedTest
    @MethodSource
    void knownDifficulties(ExecutionScenario scenario) {
        check(modelChecking()
                .iterations(0)
                .invocationsPerIteration(Integer.getInteger("lincheck.invocations.known"))
                .addCustomScenario(scenario));
    }

    static Stream<Named<ExecutionScenario>> knownDifficulties() {
        return Stream.of(
                Named.of(
                        "two clients come for the last place of their networks",
                        scenario(
                                List.of(acquire(0), acquire(0)),
                                List.of(actor("acquire", 1, 1)),
                                List.of(actor("acquire", 2, 0), actor("acquire", 2, 1)))),
                Named.of(
                        "the last place of the networks is left while another client asks for it",
                        scenario(
                                List.of(acquire(1), acquire(1), actor("acquire", 0, 1)),
                                List.of(release(1), acquire(1)),
                                List.of(actor("acquire", 2, 1), actor("acquire", 2, 1)))),
                Named.of(
                        "two clients close at once while a third connection comes",
                        scenario(
                                List.of(acquire(1), acquire(1), actor("acquire", 2, 1)),
                                List.of(release(1), release(1)),
                                List.of(actor("release", 2, 1), actor("acquire", 2, 1)))));
    }

    private static void check(Options<?, ?> options) {
        // The random numbers that a class makes for itself are no part of what is tried again and again.
        new LimiterLincheckTest.ConcurrentInNetworks().acquire(0, 0);
        options.sequentialSpecification(LimiterLincheckTest.SequentialInNetworks.class)
                .check(LimiterLincheckTest.ConcurrentInNetworks.class);
    }
}
