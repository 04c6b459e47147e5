package io.github.connlimit.examples;

import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.Setting;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.ISetter;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParameterException;

/** The options that set limits: one for each setting, made from its declaration. */
final class LimitOptions {

    /** Second, shorter names. */
    private static final Map<String, String> SHORT_NAMES = Map.of(
            "maxPendingPerClient",
            "--max-pending",
            "maxRatePerClient",
            "--max-rate",
            "reservedConnections",
            "--reserve",
            "clusterUri",
            "--cluster");

    private LimitOptions() {}

    /** Adds the options to a command. What is given on its command line ends up in the builder. */
    static void addTo(CommandSpec command, ConnectionLimits.Builder limits) {
        ConnectionLimits.settings().forEach(setting -> command.addOption(option(command, setting, limits)));
    }

    private static OptionSpec option(CommandSpec command, Setting setting, ConnectionLimits.Builder limits) {
        String name = "--" + setting.key().replaceAll("(?=[A-Z])", "-").toLowerCase(Locale.ROOT);
        String shortName = SHORT_NAMES.getOrDefault(setting.key(), name);
        OptionSpec.Builder option = OptionSpec.builder(
                        Stream.of(shortName, name).distinct().toArray(String[]::new))
                .type(String.class)
                .paramLabel(label(setting))
                .description(setting.description() + ". Allowed: " + setting.allowed() + ". Default: "
                        + (setting.defaultText().isEmpty() ? "none" : setting.defaultText()) + ".")
                .setter(new Setter(command, shortName, setting, limits));
        if (setting.type() == boolean.class) {
            option.arity("0..1").fallbackValue("true");
        } else {
            option.arity("1");
        }
        return option.build();
    }

    private static String label(Setting setting) {
        if (setting.type() == int.class) {
            return "N";
        }
        if (setting.type() == Duration.class) {
            return "TIME";
        }
        return setting.type() == String.class ? "TEXT" : setting.allowed().replace(", ", "|");
    }

    private record Setter(CommandSpec command, String option, Setting setting, ConnectionLimits.Builder limits)
            implements ISetter {

        @Override
        public <T> T set(T text) {
            // Picocli sets each option to null before it reads the command line.
            if (text != null) {
                try {
                    limits.set(setting.key(), text.toString());
                } catch (IllegalArgumentException bad) {
                    throw new ParameterException(command.commandLine(), option + ": " + bad.getMessage(), bad);
                }
            }
            return text;
        }
    }
}
