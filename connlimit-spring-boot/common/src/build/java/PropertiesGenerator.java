import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.Setting;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;

/**
 * Writes the record {@code ConnectionLimitProperties}: Spring Boot binds the components of a record, and shows their
 * descriptions in an IDE. Run by the build, with the directory of the sources to be made.
 */
final class PropertiesGenerator {

    private static final String HEAD = """
            package io.github.connlimit.springboot;

            import io.github.connlimit.ConnectionLimits;
            import java.util.List;
            import org.springframework.boot.context.properties.ConfigurationProperties;
            import org.springframework.boot.context.properties.bind.DefaultValue;

            /**
             * The properties of connlimit, one for each setting of {@link ConnectionLimits} and a few of Spring Boot's own. This file
             * is made by the build.
             *
             * @param enabled Whether the embedded web server is limited.
             * @param trustedProxies Addresses or blocks of proxies and load balancers in front, as in 10.0.0.0/8. They are exempt from the limits. With server.forward-headers-strategy=native, the clients behind them are limited instead.
             * @param clusterViaSpringDataRedis Whether all instances of the application hold the limits together, by the Redis that it uses already (spring.data.redis.*). Needs connlimit-cluster and Lettuce.
             * @param management For the management server, if it has a port of its own.
            """;

    private static final String TAIL = """

                /** @param enabled Whether the management server is limited too, if it has a port of its own. */
                record Management(@DefaultValue("false") boolean enabled) {}
            }
            """;

    private PropertiesGenerator() {}

    private static String type(Setting setting) {
        if (setting.isList()) {
            return "List<String>";
        }
        return setting.type() == Duration.class ? "String" : setting.type().getCanonicalName();
    }

    private static String defaultValue(Setting setting) {
        return setting.isList() ? "" : "(\"" + setting.defaultText() + "\")";
    }

    private static String call(Setting setting) {
        String key = setting.key();
        if (setting.type() == Duration.class) {
            return "PropertyTime.set(builder, \"" + key + "\", " + key + ", builder::" + key + ")";
        }
        return "builder." + key + "(" + (setting.isList() ? "String.join(\", \", " + key + ")" : key) + ")";
    }

    public static void main(String... args) throws IOException {
        StringBuilder docs = new StringBuilder();
        StringBuilder components = new StringBuilder();
        StringBuilder calls = new StringBuilder();
        for (Setting setting : ConnectionLimits.settings()) {
            String key = setting.key();
            docs.append(" * @param %s %s. Allowed: %s.%n".formatted(key, setting.description(), setting.allowed()));
            components.append(",%n        @DefaultValue%s %s %s".formatted(defaultValue(setting), type(setting), key));
            calls.append("        %s;%n".formatted(call(setting)));
        }
        String source = HEAD + docs + """
                 */
                @ConfigurationProperties("connlimit")
                record ConnectionLimitProperties(
                        @DefaultValue("true") boolean enabled,
                        @DefaultValue List<String> trustedProxies,
                        @DefaultValue("false") boolean clusterViaSpringDataRedis,
                        @DefaultValue Management management""" + components + ") {\n"
                + """

                    /**
                     * The limits that the properties say.
                     *
                     * @throws IllegalArgumentException for a value that is not allowed; the message begins with the setting
                     */
                    ConnectionLimits limits() {
                        ConnectionLimits.Builder builder = ConnectionLimits.builder();
                """ + calls + """
                        for (String proxy : trustedProxies) {
                            try {
                                builder.exempt(proxy);
                            } catch (IllegalArgumentException bad) {
                                String message = bad.getMessage().replaceFirst("^rules: ", "");
                                throw new IllegalArgumentException("trustedProxies: " + message, bad);
                            }
                        }
                        return builder.build();
                    }
                """ + TAIL;
        Path file = Path.of(args[0], "io", "github", "connlimit", "springboot", "ConnectionLimitProperties.java");
        Files.createDirectories(file.getParent());
        Files.writeString(file, source);
    }
}
