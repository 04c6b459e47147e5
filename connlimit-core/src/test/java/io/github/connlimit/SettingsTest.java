package io.github.connlimit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatNoException;

import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What stands beside the declarations of the settings, and has to agree with them. */
class SettingsTest {

    private static final Path TABLE = Path.of("..", "docs", "settings.md");

    static List<Setting> settings() {
        return ConnectionLimits.settings();
    }

    @ParameterizedTest
    @MethodSource("settings")
    void hasAnAccessorAndABuilderMethod(Setting setting) throws Exception {
        Method builderMethod = ConnectionLimits.Builder.class.getMethod(setting.key(), setting.type());
        assertThat(builderMethod.getReturnType()).isEqualTo(ConnectionLimits.Builder.class);
        Method accessor = ConnectionLimits.class.getMethod(setting.key());
        if (setting != Settings.RULES) {
            assertThat(accessor.getReturnType()).isEqualTo(setting.type());
            // Each reads what the other has set, and no other setting.
            Object other = other(setting, accessor.invoke(ConnectionLimits.defaults()));
            ConnectionLimits.Builder builder = ConnectionLimits.builder().maxPerClient(1000);
            builderMethod.invoke(builder, other);
            assertThat(accessor.invoke(builder.build())).isEqualTo(other);
            assertThat(builder.build().toSettings())
                    .containsEntry(
                            setting.key(),
                            ((Settings) setting).print(builder.build().get((Settings) setting)));
        }
    }

    private static Object other(Setting setting, Object value) {
        if (value instanceof Integer number) {
            return number == 0 ? 7 : number - 1;
        }
        if (value instanceof Boolean flag) {
            return !flag;
        }
        if (value instanceof java.time.Duration duration) {
            return duration.plusSeconds(1);
        }
        if (value instanceof String) {
            return switch ((Settings) setting) {
                case NETWORK_LIMITS -> "ipv4/7=7";
                case CLUSTER_URI -> "redis://10.0.0.7";
                case MAX_RATE_PER_CLIENT -> "7/s";
                default -> "7";
            };
        }
        return Stream.of(setting.type().getEnumConstants())
                .filter(constant -> constant != value)
                .findFirst()
                .orElseThrow();
    }

    @Test
    void nothingIsLeftOver() {
        assertThat(Stream.of(ConnectionLimits.Builder.class.getMethods())
                        .filter(method -> method.getDeclaringClass() == ConnectionLimits.Builder.class)
                        .map(Method::getName)
                        .filter(name ->
                                !List.of("limit", "exempt", "set", "build").contains(name)))
                .containsExactlyInAnyOrderElementsOf(
                        settings().stream().map(Setting::key).toList());
    }

    @ParameterizedTest
    @MethodSource("settings")
    void describesItself(Setting setting) {
        assertThat(setting.description()).isNotBlank().doesNotEndWith(".").doesNotContain("|");
        assertThat(setting.allowed()).isNotBlank().doesNotContain("|");
        assertThatNoException().isThrownBy(() -> ConnectionLimits.builder().set(setting.key(), setting.defaultText()));
        assertThat(ConnectionLimits.defaults().toSettings()).containsEntry(setting.key(), setting.defaultText());
    }

    /** The table in the documentation is this text; copy it from the message if a setting has changed. */
    @Test
    void theDocumentationHasTheirTable() throws Exception {
        List<String> rows =
                new ArrayList<>(List.of("| Setting | Meaning | Allowed | Default |", "| --- | --- | --- | --- |"));
        for (Setting setting : settings()) {
            rows.add("| `" + setting.key() + "` | " + setting.description() + " | " + setting.allowed() + " | "
                    + (setting.defaultText().isEmpty() ? "none" : "`" + setting.defaultText() + "`") + " |");
        }
        assertThat(Files.readString(TABLE))
                .containsOnlyOnce("<!-- settings: begin -->\n" + String.join("\n", rows) + "\n<!-- settings: end -->");
    }
}
