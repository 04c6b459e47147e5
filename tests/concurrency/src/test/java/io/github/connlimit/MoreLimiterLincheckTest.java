package io.github.connlimit;

import java.util.stream.Stream;
import org.jetbrains.kotlinx.lincheck.execution.ExecutionScenario;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The rest of {@link LimiterLincheckTest}, in a JVM of its own: each scenario takes half a minute. */
class MoreLimiterLincheckTest {

    @ParameterizedTest
    @MethodSource
    void knownDifficulties(ExecutionScenario scenario) {
        LimiterLincheckTest.checkKnown(scenario);
    }

    static Stream<Named<ExecutionScenario>> knownDifficulties() {
        return LimiterLincheckTest.allKnownDifficulties().skip(LimiterLincheckTest.HERE);
    }
}
