package io.github.connlimit.examples;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The snippets of README.md. Each is a fenced block with its name in front: {@code <!-- snippet: name -->}, which is not
 * shown.
 */
final class Readme {

    static final Path ROOT = root();

    private static final Pattern SNIPPET =
            Pattern.compile("(?m)^<!-- snippet: ([a-z0-9.-]+) -->\\R```([a-z]+)\\R(.*?)^```$", Pattern.DOTALL);

    private static final Map<String, Snippet> SNIPPETS = read();

    private Readme() {}

    /** The directory of README.md, wherever below it the tests are run. */
    private static Path root() {
        Path directory = Path.of("").toAbsolutePath();
        while (!Files.exists(directory.resolve("README.md"))) {
            directory = directory.getParent();
        }
        return directory;
    }

    static String text() {
        try {
            return Files.readString(ROOT.resolve("README.md"));
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    private static Map<String, Snippet> read() {
        Map<String, Snippet> snippets = new LinkedHashMap<>();
        Matcher matcher = SNIPPET.matcher(text());
        while (matcher.find()) {
            Snippet snippet = new Snippet(matcher.group(1), matcher.group(2), matcher.group(3));
            if (snippets.put(snippet.name(), snippet) != null) {
                throw new IllegalStateException("two snippets in README.md are named " + snippet.name());
            }
        }
        return snippets;
    }

    static Map<String, Snippet> snippets() {
        return SNIPPETS;
    }

    /** The text of a snippet, for a test to run it. */
    static String snippet(String name) {
        Snippet snippet = SNIPPETS.get(name);
        if (snippet == null) {
            throw new IllegalArgumentException("README.md has no snippet named " + name);
        }
        return snippet.text();
    }

    record Snippet(String name, String language, String text) {}
}
