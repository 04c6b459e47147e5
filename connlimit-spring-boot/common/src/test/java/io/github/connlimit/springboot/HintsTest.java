package io.github.connlimit.springboot;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.reflect.RecordComponent;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.springframework.aot.hint.RuntimeHints;
import org.springframework.aot.hint.predicate.RuntimeHintsPredicates;

/** A native image can write each answer of the endpoint as JSON. */
class HintsTest {

    static Stream<Class<?>> answers() {
        return Stream.of(
                ConnectionLimitEndpoint.Limits.class,
                ConnectionLimitEndpoint.Figures.class,
                ConnectionLimitEndpoint.Client.class,
                ConnectionLimitEndpoint.Network.class,
                ConnectionLimitEndpoint.Refused.class);
    }

    @ParameterizedTest
    @MethodSource("answers")
    void areThere(Class<?> answer) throws Exception {
        RuntimeHints hints = new RuntimeHints();
        new ConnectionLimitEndpointAutoConfiguration.EndpointHints()
                .registerHints(hints, getClass().getClassLoader());
        for (RecordComponent component : answer.getRecordComponents()) {
            assertThat(RuntimeHintsPredicates.reflection().onMethod(component.getAccessor()))
                    .accepts(hints);
        }
    }
}
