package io.github.connlimit;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.Tuple;

/** What holds for every name and every text of a setting. */
class SettingsPropertyTest {

    private static final List<String> NAMES =
            List.copyOf(ConnectionLimits.defaults().toSettings().keySet());

    /** A setting is taken and then reads the same again, or it is refused by its name and changes nothing. */
    @Property(tries = 2000)
    void anySettingIsTakenOrRefused(@ForAll("names") String name, @ForAll("values") String value) {
        ConnectionLimits.Builder builder = ConnectionLimits.builder();
        try {
            builder.set(name, value);
        } catch (IllegalArgumentException refused) {
            assertThat(refused.getMessage()).startsWith(NAMES.contains(name) ? name + ": " : "\"" + name + "\" is no");
            assertThat(builder.build()).isEqualTo(ConnectionLimits.defaults());
            return;
        }
        assertThat(NAMES).contains(name);
        ConnectionLimits limits;
        try {
            limits = builder.build();
        } catch (IllegalArgumentException refused) {
            assertThat(refused).hasMessageStartingWith("reservedConnections: ");
            return;
        }
        ConnectionLimits.Builder again = ConnectionLimits.builder();
        limits.toSettings().forEach(again::set);
        assertThat(again.build()).isEqualTo(limits);
        assertThat(limits.toBuilder().build()).isEqualTo(limits);
        Map<String, String> others = ConnectionLimits.defaults().toSettings();
        limits.toSettings().forEach((other, text) -> {
            if (!other.equals(name)) {
                assertThat(text).isEqualTo(others.get(other));
            }
        });
    }

    @Provide
    Arbitrary<String> names() {
        return Arbitraries.frequencyOf(
                Tuple.of(9, Arbitraries.of(NAMES)),
                Tuple.of(1, Arbitraries.strings().ofMaxLength(12)));
    }

    @Provide
    Arbitrary<String> values() {
        Arbitrary<String> rules = Combinators.combine(
                        Arbitraries.of("10.0.0.0/8", "10.0.0.0/33", "::/0", "::1", "localhost", "", "10.1.0.0/8"),
                        Arbitraries.of("=", " = ", "", "=="),
                        Arbitraries.of("0", "5", "unlimited", "-1", "2147483648", "1e3", ""))
                .as((block, equals, limit) -> block + equals + limit)
                .list()
                .ofMinSize(1)
                .ofMaxSize(3)
                .map(list -> String.join(", ", list));
        return Arbitraries.oneOf(
                rules,
                Arbitraries.integers().map(Object::toString),
                Arbitraries.integers().between(0, 1001).map(Object::toString),
                Combinators.combine(Arbitraries.longs(), Arbitraries.of("ms", "s", "m", "h", " s", ""))
                        .as((number, unit) -> number + unit),
                Combinators.combine(Arbitraries.integers().between(0, 100_000), Arbitraries.of("ms", "s", "m"))
                        .as((number, unit) -> number + unit),
                Arbitraries.of("true", "FALSE", "reset", "Close", "RESPOND", "admit", "refuse", "unlimited", "\u0661"),
                Arbitraries.strings().ofMaxLength(40));
    }
}
