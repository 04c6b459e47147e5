package io.github.connlimit.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The page for contributors speaks of classes and modules that exist. */
class ArchitectureTest {

    private static final Pattern CLASS = Pattern.compile("`([A-Z][A-Za-z0-9]*)(?:\\.[a-z]\\w*)?s?`");
    private static final Pattern MODULE =
            Pattern.compile("(?<![a-z-])(connlimit-[a-z0-9-]+|it-tests(?:/[a-z-]+)?|tests/[a-z-]+)\\b(?!/)");

    private final String page = Docs.text(Docs.ROOT.resolve("docs/architecture.md"));

    private static Set<String> all(Pattern pattern, String text) {
        Set<String> found = new TreeSet<>();
        Matcher matcher = pattern.matcher(text);
        while (matcher.find()) {
            found.add(matcher.group(1));
        }
        return found;
    }

    @Test
    void namesClassesThatExist() throws IOException {
        Set<String> sources;
        try (Stream<Path> files = Files.walk(Docs.ROOT)) {
            sources = files.map(path -> path.getFileName().toString())
                    .filter(name -> name.endsWith(".java"))
                    .map(name -> name.substring(0, name.length() - ".java".length()))
                    .collect(Collectors.toSet());
        }
        assertThat(all(CLASS, page)).hasSizeGreaterThan(30).isSubsetOf(sources);
    }

    /** A module goes by its artifact or by its folder. */
    @Test
    void namesModulesThatExist() {
        Set<String> modules = new TreeSet<>();
        Modules.all().forEach((artifact, directory) -> {
            modules.add(artifact);
            modules.add(Docs.ROOT.relativize(directory).toString());
        });
        assertThat(all(MODULE, page)).hasSizeGreaterThan(5).isSubsetOf(modules);
    }

    @Test
    void namesEveryModuleThatIsPublished() {
        assertThat(Modules.published()).hasSizeGreaterThan(10).isSubsetOf(all(MODULE, page));
    }
}
