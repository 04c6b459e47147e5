package io.github.connlimit.springboot.it;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The snippets of the page about Spring Boot and of the front page; a test in the module examples asks for each of them. */
final class Docs {

    private Docs() {}

    private static Path root() {
        Path directory = Path.of("").toAbsolutePath();
        while (!Files.exists(directory.resolve("README.md"))) {
            directory = directory.getParent();
        }
        return directory;
    }

    static String snippet(String name) throws IOException {
        String pages =
                Files.readString(root().resolve("docs/spring-boot.md")) + Files.readString(root().resolve("README.md"));
        Matcher matcher = Pattern.compile(
                        "^<!-- snippet: " + Pattern.quote(name) + " -->\\R```[a-z]+\\R(.*?)^```$",
                        Pattern.DOTALL | Pattern.MULTILINE)
                .matcher(pages);
        if (!matcher.find()) {
            throw new IllegalArgumentException("no page has a snippet named " + name);
        }
        return matcher.group(1);
    }
}
