package io.github.connlimit.vertx4;

import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.Setting;
import java.util.HashMap;
import java.util.Map;
import org.eclipse.microprofile.config.Config;
import org.eclipse.microprofile.config.ConfigProvider;

/** Where an application configures its limits: in Quarkus' own configuration, or else in system properties. */
final class Configuration {

    private static final String PREFIX = "connlimit.";

    private Configuration() {}

    static Map<String, String> properties() {
        Map<String, String> properties = new HashMap<>();
        for (String name : System.getProperties().stringPropertyNames()) {
            properties.put(name, System.getProperty(name));
        }
        try {
            properties.putAll(Quarkus.properties());
        } catch (NoClassDefFoundError | IllegalStateException none) {
            // This is not Quarkus.
        }
        return properties;
    }

    /** Loaded only with an interface that Vert.x alone does not have. */
    private static final class Quarkus {

        private Quarkus() {}

        /** Of files, environment variables and the system, in Quarkus' order. */
        static Map<String, String> properties() {
            Map<String, String> properties = new HashMap<>();
            Config config = ConfigProvider.getConfig();
            for (String name : config.getPropertyNames()) {
                if (name.startsWith(PREFIX)) {
                    read(config, name, properties);
                }
            }
            // An environment variable has another name than its property.
            for (Setting setting : ConnectionLimits.settings()) {
                read(config, PREFIX + setting.key(), properties);
            }
            return properties;
        }

        private static void read(Config config, String name, Map<String, String> properties) {
            config.getOptionalValue(name, String.class).ifPresent(value -> properties.put(name, value));
        }
    }
}
