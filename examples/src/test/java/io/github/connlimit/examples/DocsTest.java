package io.github.connlimit.examples;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.connlimit.ConnectionLimits;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * Sees to it that the pages show nothing that is not tested: each Java snippet is a region of a test, between
 * {@code tag::name[]} and {@code end::name[]}, and each other snippet is asked for, by its name, by a test that runs it. What
 * cannot be run says so in front: {@code <!-- not run: why -->}.
 */
class DocsTest {

    private static final Pattern REGION =
            Pattern.compile("(?m)^ *// tag::([a-z0-9.-]+)\\[\\]\\R(.*?)^ *// end::\\1\\[\\]$", Pattern.DOTALL);
    private static final Pattern FENCE = Pattern.compile("^\\s*(?:```|~~~)");
    private static final Pattern MARKER = Pattern.compile("<!-- *snippet\\b");
    private static final Pattern USE = Pattern.compile("Docs\\.snippet\\(\"([a-z0-9.-]+)\"\\)");
    private static final Pattern DEPENDENCY =
            Pattern.compile("<groupId>(.*)</groupId>\\s*<artifactId>(.*)</artifactId>\\s*<version>(.*)</version>");

    private final List<String> testSources = testSources();

    private static List<String> testSources() {
        try (Stream<Path> files = Files.find(
                Docs.ROOT, Integer.MAX_VALUE, (path, attributes) -> isTestSource(Docs.ROOT.relativize(path)))) {
            return files.map(Docs::text).toList();
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    private static boolean isTestSource(Path path) {
        String name = path.toString();
        return name.endsWith(".java") && name.contains("src/test/java/") && !name.contains("target/");
    }

    @Test
    void namesEachFencedBlock() {
        int blocks = 0;
        for (Path page : Docs.pages()) {
            List<String> lines = Docs.text(page).lines().toList();
            boolean inside = false;
            for (int i = 0; i < lines.size(); i++) {
                if (FENCE.matcher(lines.get(i)).find()) {
                    if (!inside) {
                        assertThat(i == 0 ? "" : lines.get(i - 1))
                                .as("before line %d of %s", i + 1, page)
                                .matches("<!-- (snippet: [a-z0-9.-]+|not run: .+) -->");
                        blocks++;
                    }
                    inside = !inside;
                }
            }
            assertThat(inside).as("%s ends within a block", page).isFalse();
        }
        assertThat(blocks).isGreaterThanOrEqualTo(Docs.snippets().size()).isPositive();
    }

    /** A marker that is not read is one that no test asks for: a block without a language, or an indented one. */
    @Test
    void readsWhateverIsMarkedAsASnippet() {
        for (Path page : Docs.pages()) {
            long marked = MARKER.matcher(Docs.text(page)).results().count();
            assertThat(Docs.snippets(page)).as("the snippets of %s", page).hasSize((int) marked);
        }
    }

    @Test
    void showsJavaThatIsCompiledAndRun() {
        Map<String, String> shown = new LinkedHashMap<>();
        Docs.snippets().values().stream()
                .filter(snippet -> snippet.language().equals("java"))
                .forEach(snippet -> shown.put(snippet.name(), snippet.text()));
        Map<String, String> tested = new LinkedHashMap<>();
        for (String source : testSources) {
            Matcher matcher = REGION.matcher(source);
            while (matcher.find()) {
                tested.put(matcher.group(1), matcher.group(2).stripTrailing().stripIndent() + "\n");
            }
        }
        assertThat(shown).containsExactlyInAnyOrderEntriesOf(tested).isNotEmpty();
    }

    @Test
    void showsNothingElseThatNoTestRuns() {
        TreeSet<String> shown = new TreeSet<>();
        Docs.snippets().values().stream()
                .filter(snippet -> !snippet.language().equals("java"))
                .forEach(snippet -> shown.add(snippet.name()));
        TreeSet<String> used = new TreeSet<>();
        for (String source : testSources) {
            Matcher matcher = USE.matcher(source);
            while (matcher.find()) {
                used.add(matcher.group(1));
            }
        }
        assertThat(shown).isEqualTo(used);
    }

    @Test
    void namesDependenciesAsTheyAreBuilt() {
        Matcher shown = DEPENDENCY.matcher(Docs.snippet("dependency")
                + Docs.snippet("micrometer-dependency")
                + Docs.snippet("page-dependency")
                + Docs.snippet("spring-boot-dependency")
                + Docs.snippet("vertx-dependency"));
        int count = 0;
        while (shown.find()) {
            count++;
            String pom = Modules.pom(shown.group(2));
            Matcher parent = DEPENDENCY.matcher(pom);
            assertThat(parent.find()).isTrue();
            assertThat(List.of(shown.group(1), shown.group(3))).isEqualTo(List.of(parent.group(1), parent.group(3)));
        }
        assertThat(count).isPositive();
    }

    @Test
    void passesTheTestsLikeTheBuildServer() {
        assertThat(Docs.text(Docs.ROOT.resolve(".ci/run")))
                .contains(Docs.snippet("verify").trim());
    }

    /** The arguments are those that the example's own test gives it. */
    @Test
    void runsTheSpringBootExampleThatIsBuilt() {
        Matcher name = Pattern.compile("<finalName>(.*)</finalName>")
                .matcher(Docs.text(Docs.ROOT.resolve("examples/spring-boot/pom.xml")));
        assertThat(name.find()).isTrue();
        assertThat(Docs.snippet("spring-boot-example"))
                .isEqualTo("mvn -B -ntp -q package -DskipTests -pl examples/spring-boot -am && java -jar"
                        + " examples/spring-boot/target/" + name.group(1)
                        + ".jar --server.port=8080 --connlimit.max-per-client=5\n");
    }

    @Test
    void listsEverySettingWithItsDefault() {
        String settings = Docs.text(Docs.ROOT.resolve("docs/settings.md"));
        ConnectionLimits.defaults().toSettings().forEach((name, value) -> {
            String shown = value.isEmpty() ? "none" : "`" + value + "`";
            assertThat(settings.lines())
                    .as("the row of %s", name)
                    .anyMatch(line -> line.startsWith("| `" + name + "` |") && line.contains("| " + shown + " |"));
        });
    }
}
