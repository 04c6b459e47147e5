package io.github.connlimit.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The page on testing names tests that exist. */
class PromisesTest {

    private static final Pattern TEST = Pattern.compile("`([A-Z][A-Za-z0-9]*)#([a-z][A-Za-z0-9]*)`");

    @Test
    void namesTestsThatExist() throws IOException {
        Map<String, List<Path>> classes = new HashMap<>();
        try (Stream<Path> files = Files.walk(Docs.ROOT)) {
            files.filter(file -> file.toString().endsWith(".java")).forEach(file -> {
                String name = file.getFileName().toString().replace(".java", "");
                classes.computeIfAbsent(name, any -> new ArrayList<>()).add(file);
            });
        }
        List<String> missing = new ArrayList<>();
        int found = 0;
        Matcher test = TEST.matcher(Docs.text(Docs.ROOT.resolve("TESTING.md")));
        while (test.find()) {
            found++;
            String method = " " + test.group(2) + "(";
            // Several modules may have a class of this name.
            if (classes.getOrDefault(test.group(1), List.of()).stream()
                    .noneMatch(file -> Docs.text(file).contains(method))) {
                missing.add(test.group());
            }
        }
        assertThat(missing).isEmpty();
        assertThat(found).isGreaterThan(100);
    }
}
