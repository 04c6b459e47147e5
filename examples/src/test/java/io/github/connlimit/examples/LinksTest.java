package io.github.connlimit.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Sees to it that every link from a page of this repository to another place in it leads somewhere. */
class LinksTest {

    /** Inline, with or without a title; by reference; in HTML. */
    private static final Pattern LINK = Pattern.compile("\\]\\(([^)\\s]+)(?:\\s+[\"'(][^)]*)?\\)"
            + "|(?m:^ {0,3}\\[[^\\]]+\\]:\\s*(\\S+))|(?:src|srcset|href)=\"([^\"]+)\"");

    private static final Pattern BLOCK = Pattern.compile("(?ms)^```.*?^```$");
    private static final Pattern HEADING = Pattern.compile("(?m)^#{1,6} +(.+)$");
    private static final Pattern CODE = Pattern.compile("`[^`\\n]*`");
    private static final Pattern LABEL = Pattern.compile("\\[([^\\]]*)\\]\\([^)]*\\)");
    private static final Pattern EXTERNAL = Pattern.compile("(?:[a-z]+:).*");

    private static List<Path> pages() throws IOException {
        try (Stream<Path> files = Files.walk(Docs.ROOT)) {
            return files.filter(path -> path.toString().endsWith(".md"))
                    .filter(path -> Stream.of("target", ".git", "node_modules")
                            .noneMatch(left ->
                                    Docs.ROOT.relativize(path).toString().contains(left + "/")))
                    .toList();
        }
    }

    @Test
    void leadSomewhere() throws IOException {
        List<String> broken = new ArrayList<>();
        int checked = 0;
        for (Path page : pages()) {
            for (String target : targets(Docs.text(page))) {
                checked++;
                if (!leadsSomewhere(page, target)) {
                    broken.add(Docs.ROOT.relativize(page) + ": " + target);
                }
            }
        }
        assertThat(broken).isEmpty();
        assertThat(checked).isGreaterThan(50);
    }

    @Test
    void areFoundInEveryForm() {
        assertThat(targets("""
                        A [link](a.md), a [`code`](b.md#c) link, one [with a title](d.md "Title"), ![an image](e.svg),
                        [![both](f.svg)](g.md), <img src="h.svg">, not `[code](no.md)`, not [outside](https://example.org).
                        [reference]: i.md
                        ```sh
                        [block](no.md)
                        ```
                        """)).containsExactly("a.md", "b.md#c", "d.md", "e.svg", "f.svg", "g.md", "h.svg", "i.md");
    }

    @Test
    void leadToAnchorsAsGitHubMakesThem() {
        assertThat(anchors("""
                        # Settings: what, and *where*
                        ## An answer: `refuse=respond`
                        ## [JMX](operations.md) in Tomcat 10.1 / 11
                        ## Twice
                        ## Twice
                        ```sh
                        # no heading
                        ```
                        """))
                .containsExactlyInAnyOrder(
                        "settings-what-and-where",
                        "an-answer-refuserespond",
                        "jmx-in-tomcat-101--11",
                        "twice",
                        "twice-1");
    }

    /** What the links of a page lead to, but for those that leave the repository. */
    private static List<String> targets(String page) {
        return LINK.matcher(CODE.matcher(withoutBlocks(page)).replaceAll(""))
                .results()
                .map(link -> Stream.of(link.group(1), link.group(2), link.group(3))
                        .filter(Objects::nonNull)
                        .findFirst()
                        .orElseThrow())
                .filter(target -> !EXTERNAL.matcher(target).matches())
                .toList();
    }

    private static boolean leadsSomewhere(Path page, String target) {
        int hash = target.indexOf('#');
        String file = hash < 0 ? target : target.substring(0, hash);
        Path path = file.isEmpty() ? page : page.resolveSibling(file).normalize();
        if (!path.startsWith(Docs.ROOT) || !Files.exists(path)) {
            return false;
        }
        return hash < 0 || anchors(Docs.text(path)).contains(target.substring(hash + 1));
    }

    private static String withoutBlocks(String page) {
        return BLOCK.matcher(page).replaceAll("");
    }

    /** As GitHub makes them of headings: in lower case, without punctuation, spaces as dashes, repeated ones numbered. */
    private static Set<String> anchors(String page) {
        Set<String> anchors = new HashSet<>();
        Map<String, Integer> seen = new HashMap<>();
        Matcher heading = HEADING.matcher(withoutBlocks(page));
        while (heading.find()) {
            String anchor = LABEL.matcher(heading.group(1))
                    .replaceAll("$1")
                    .trim()
                    .toLowerCase(Locale.ROOT)
                    .replaceAll("[^\\p{L}\\p{N} _-]", "")
                    .replace(' ', '-');
            int before = seen.merge(anchor, 1, Integer::sum) - 1;
            anchors.add(before == 0 ? anchor : anchor + "-" + before);
        }
        return anchors;
    }
}
