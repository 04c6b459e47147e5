package io.github.connlimit.examples;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The pages for people: README.md, CONTRIBUTING.md and docs. A snippet is a fenced block with its name in front, which is
 * not shown: {@code <!-- snippet: name -->}. It may stand on several pages, always with the same text.
 */
final class Docs {

    static final Path ROOT = root();

    private static final Pattern SNIPPET =
            Pattern.compile("(?m)^<!-- snippet: ([a-z0-9.-]+) -->\\R```([a-z]+)\\R(.*?)^```$", Pattern.DOTALL);

    private static final Map<String, Snippet> SNIPPETS = readSnippets();

    private Docs() {}

    /** The directory of README.md, wherever below it the tests are run. */
    private static Path root() {
        Path directory = Path.of("").toAbsolutePath();
        while (!Files.exists(directory.resolve("README.md"))) {
            directory = directory.getParent();
        }
        return directory;
    }

    /** The pages that people read to use connlimit or to change it. */
    static List<Path> pages() {
        try (Stream<Path> docs = Files.list(ROOT.resolve("docs"))) {
            return Stream.concat(
                            Stream.of(ROOT.resolve("README.md"), ROOT.resolve("CONTRIBUTING.md")),
                            docs.filter(path -> path.toString().endsWith(".md")))
                    .sorted()
                    .toList();
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    static String text(Path page) {
        try {
            return Files.readString(page);
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    private static Map<String, Snippet> readSnippets() {
        Map<String, Snippet> snippets = new LinkedHashMap<>();
        for (Path page : pages()) {
            for (Snippet snippet : snippets(page)) {
                Snippet same = snippets.put(snippet.name(), snippet);
                if (same != null && !same.equals(snippet)) {
                    throw new IllegalStateException("two different snippets are named " + snippet.name());
                }
            }
        }
        return snippets;
    }

    /** The snippets of one page, in their order. */
    static List<Snippet> snippets(Path page) {
        return SNIPPET.matcher(text(page))
                .results()
                .map(found -> new Snippet(found.group(1), found.group(2), found.group(3)))
                .toList();
    }

    static Map<String, Snippet> snippets() {
        return SNIPPETS;
    }

    /** The text of a snippet, for a test to run it. */
    static String snippet(String name) {
        Snippet snippet = SNIPPETS.get(name);
        if (snippet == null) {
            throw new IllegalArgumentException("no page has a snippet named " + name);
        }
        return snippet.text();
    }

    record Snippet(String name, String language, String text) {}
}
