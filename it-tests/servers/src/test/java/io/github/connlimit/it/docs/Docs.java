package io.github.connlimit.it.readme;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The snippets of README.md; a test in the module examples sees to it that each of them is asked for. */
final class Readme {

    /** The directory of README.md, wherever below it the tests are run. */
    static final Path ROOT = root();

    private Readme() {}

    private static Path root() {
        Path directory = Path.of("").toAbsolutePath();
        while (!Files.exists(directory.resolve("README.md"))) {
            directory = directory.getParent();
        }
        return directory;
    }

    static String snippet(String name) throws IOException {
        Matcher matcher = Pattern.compile(
                        "^<!-- snippet: " + Pattern.quote(name) + " -->\\R```[a-z]+\\R(.*?)^```$",
                        Pattern.DOTALL | Pattern.MULTILINE)
                .matcher(Files.readString(ROOT.resolve("README.md")));
        if (!matcher.find()) {
            throw new IllegalArgumentException("README.md has no snippet named " + name);
        }
        return matcher.group(1);
    }
}
