package io.github.connlimit.it.docs;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** The snippets of the pages in docs; a test in the module examples sees to it that each of them is asked for. */
final class Docs {

    /** The directory of README.md, wherever below it the tests are run. */
    static final Path ROOT = root();

    private Docs() {}

    private static Path root() {
        Path directory = Path.of("").toAbsolutePath();
        while (!Files.exists(directory.resolve("README.md"))) {
            directory = directory.getParent();
        }
        return directory;
    }

    static String snippet(String name) throws IOException {
        Pattern snippet = Pattern.compile(
                "^<!-- snippet: " + Pattern.quote(name) + " -->\\R```[a-z]+\\R(.*?)^```$",
                Pattern.DOTALL | Pattern.MULTILINE);
        try (Stream<Path> pages = Files.list(ROOT.resolve("docs"))) {
            for (Path page :
                    pages.filter(path -> path.toString().endsWith(".md")).toList()) {
                Matcher matcher = snippet.matcher(Files.readString(page));
                if (matcher.find()) {
                    return matcher.group(1);
                }
            }
        }
        throw new IllegalArgumentException("no page in docs has a snippet named " + name);
    }
}
