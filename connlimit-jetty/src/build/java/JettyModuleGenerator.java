import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.Setting;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * Writes the files of the Jetty module {@code connlimit}: copies the templates and puts a text for each setting in place of
 * the line {@code @settings@}. Run by the build, with the directory of the templates and the one to write to.
 */
final class JettyModuleGenerator {

    private static final int MAX_COLUMNS = 100;
    private static final String PLACE = "@settings@\n";

    private JettyModuleGenerator() {}

    public static void main(String... args) throws IOException {
        Path templates = Path.of(args[0]);
        Path output = Path.of(args[1]);
        write(templates, output, "modules/connlimit.mod", JettyModuleGenerator::iniLines);
        write(templates, output, "etc/connlimit.xml", JettyModuleGenerator::xmlLine);
    }

    private static String iniLines(Setting setting) {
        return """
                %s## Allowed: %s.
                # connlimit.%s=%s

                """.formatted(
                        comment(setting.description() + "."), setting.allowed(), setting.key(), setting.defaultText());
    }

    /** The text in lines of a width that fits a terminal. */
    private static String comment(String text) {
        StringBuilder lines = new StringBuilder();
        String line = "##";
        for (String word : text.split(" ")) {
            if (line.length() + 1 + word.length() > MAX_COLUMNS) {
                lines.append(line).append('\n');
                line = "##";
            }
            line += " " + word;
        }
        return lines.append(line).append('\n').toString();
    }

    private static String xmlLine(Setting setting) {
        return """
                        <Call name="set"><Arg>%1$s</Arg><Arg><Property name="connlimit.%1$s"/></Arg></Call>
                """.formatted(setting.key());
    }

    private static void write(Path templates, Path output, String name, Function<Setting, String> text)
            throws IOException {
        String template = Files.readString(templates.resolve(name));
        if (!template.contains(PLACE)) {
            throw new IllegalStateException(templates.resolve(name) + " has no line " + PLACE);
        }
        Path file = output.resolve(name);
        Files.createDirectories(file.getParent());
        Files.writeString(
                file,
                template.replace(
                        PLACE, ConnectionLimits.settings().stream().map(text).collect(Collectors.joining())));
    }
}
