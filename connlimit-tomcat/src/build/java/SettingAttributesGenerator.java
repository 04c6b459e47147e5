import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.Setting;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Writes the interface {@code SettingAttributes}: Tomcat finds an attribute by its bean property, so each setting needs a
 * getter and a setter in the byte code. Run by the build, with the directory of the sources to be made.
 */
final class SettingAttributesGenerator {

    private static final String HEAD = """
            package io.github.connlimit.tomcat;

            /**
             * Each setting of {@link io.github.connlimit.ConnectionLimits} as an attribute, as text and by its key. This file is
             * made by the build.
             *
             * @since 0.1.0
             */
            public interface SettingAttributes {

                /**
                 * {@return the text of a setting, or {@code null} if there is no such setting}
                 *
                 * @param key of the setting
                 */
                String getProperty(String key);

                /**
                 * Changes a setting.
                 *
                 * @param key of the setting
                 * @param text its new value
                 * @return whether there is such a setting
                 */
                boolean setProperty(String key, String text);
            """;

    private static final String ATTRIBUTE = """

                /** {@return {@code %1$s} as text} %2$s. */
                default String get%3$s() {
                    return getProperty("%1$s");
                }

                /**
                 * Sets {@code %1$s}.
                 *
                 * @param text %4$s; default: %5$s
                 */
                default void set%3$s(String text) {
                    setProperty("%1$s", text);
                }
            """;

    private SettingAttributesGenerator() {}

    public static void main(String... args) throws IOException {
        StringBuilder source = new StringBuilder(HEAD);
        for (Setting setting : ConnectionLimits.settings()) {
            String key = setting.key();
            source.append(ATTRIBUTE.formatted(
                    key,
                    setting.description(),
                    Character.toUpperCase(key.charAt(0)) + key.substring(1),
                    setting.allowed(),
                    setting.defaultText().isEmpty() ? "none" : setting.defaultText()));
        }
        source.append("}\n");
        Path file = Path.of(args[0], "io", "github", "connlimit", "tomcat", "SettingAttributes.java");
        Files.createDirectories(file.getParent());
        Files.writeString(file, source);
    }
}
