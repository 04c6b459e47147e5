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
 * Sees to it that README.md shows nothing that is not tested: each Java snippet is a region of a test, between
 * {@code tag::name[]} and {@code end::name[]}, and each other snippet is asked for, by its name, by a test that runs it.
 */
class ReadmeTest {

    private static final Pattern REGION =
            Pattern.compile("(?m)^ *// tag::([a-z0-9.-]+)\\[\\]\\R(.*?)^ *// end::\\1\\[\\]$", Pattern.DOTALL);
    private static final Pattern USE = Pattern.compile("Readme\\.snippet\\(\"([a-z0-9.-]+)\"\\)");
    private static final Pattern DEPENDENCY =
            Pattern.compile("<groupId>(.*)</groupId>\\s*<artifactId>(.*)</artifactId>\\s*<version>(.*)</version>");

    private final List<String> testSources = testSources();

    private static List<String> testSources() {
        try (Stream<Path> examples = Files.walk(Readme.ROOT.resolve("examples/src/test"));
                Stream<Path> servers = Files.walk(Readme.ROOT.resolve("it-tests/servers/src/test"))) {
            return Stream.concat(examples, servers)
                    .filter(path -> path.toString().endsWith(".java"))
                    .map(ReadmeTest::read)
                    .toList();
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    private static String read(Path path) {
        try {
            return Files.readString(path);
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    @Test
    void namesEachFencedBlock() {
        long fences = Readme.text()
                .lines()
                .filter(line -> line.trim().startsWith("```"))
                .count();
        assertThat(fences).isEqualTo(2L * Readme.snippets().size()).isPositive();
    }

    @Test
    void showsJavaThatIsCompiledAndRun() {
        Map<String, String> shown = new LinkedHashMap<>();
        Readme.snippets().values().stream()
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
        Readme.snippets().values().stream()
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
        Matcher shown = DEPENDENCY.matcher(Readme.snippet("dependency"));
        int count = 0;
        while (shown.find()) {
            count++;
            String pom = read(Readme.ROOT.resolve(shown.group(2)).resolve("pom.xml"));
            Matcher parent = DEPENDENCY.matcher(pom);
            assertThat(parent.find()).isTrue();
            assertThat(List.of(shown.group(1), shown.group(3))).isEqualTo(List.of(parent.group(1), parent.group(3)));
        }
        assertThat(count).isPositive();
    }

    @Test
    void passesTheTestsLikeTheBuildServer() {
        assertThat(read(Readme.ROOT.resolve(".ci/run")))
                .contains(Readme.snippet("verify").trim());
    }

    @Test
    void listsEverySettingWithItsDefault() {
        ConnectionLimits.defaults().toSettings().forEach((name, value) -> {
            String shown = value.isEmpty() ? "none" : "`" + value + "`";
            assertThat(Readme.text().lines())
                    .as("the row of %s", name)
                    .anyMatch(line -> line.startsWith("| `" + name + "` |") && line.contains("| " + shown + " |"));
        });
    }
}
