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
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Sees to it that every link from a page of this repository to another place in it leads somewhere. */
class LinksTest {

    private static final Pattern LINK =
            Pattern.compile("\\[[^\\]]*\\]\\(([^)\\s]+)\\)|(?:src|srcset|href)=\"([^\"]+)\"");
    private static final Pattern BLOCK = Pattern.compile("(?ms)^```.*?^```$");
    private static final Pattern HEADING = Pattern.compile("(?m)^#{1,6} +(.+)$");
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
            Matcher link = LINK.matcher(withoutCode(page));
            while (link.find()) {
                String target = link.group(1) == null ? link.group(2) : link.group(1);
                if (!EXTERNAL.matcher(target).matches()) {
                    checked++;
                    if (!leadsSomewhere(page, target)) {
                        broken.add(Docs.ROOT.relativize(page) + ": " + target);
                    }
                }
            }
        }
        assertThat(broken).isEmpty();
        assertThat(checked).isGreaterThan(50);
    }

    private static boolean leadsSomewhere(Path page, String target) {
        int hash = target.indexOf('#');
        String file = hash < 0 ? target : target.substring(0, hash);
        Path path = file.isEmpty() ? page : page.resolveSibling(file).normalize();
        if (!Files.exists(path)) {
            return false;
        }
        return hash < 0 || anchors(path).contains(target.substring(hash + 1));
    }

    private static String withoutCode(Path page) {
        return BLOCK.matcher(Docs.text(page)).replaceAll("");
    }

    /** As GitHub makes them of headings: in lower case, without punctuation, spaces as dashes, repeated ones numbered. */
    private static Set<String> anchors(Path page) {
        Set<String> anchors = new HashSet<>();
        Map<String, Integer> seen = new HashMap<>();
        Matcher heading = HEADING.matcher(withoutCode(page));
        while (heading.find()) {
            String anchor = heading.group(1)
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
