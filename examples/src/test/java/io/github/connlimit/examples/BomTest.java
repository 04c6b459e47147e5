package io.github.connlimit.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** The BOM has every module that is published, and no other. */
class BomTest {

    private static final Pattern MANAGED =
            Pattern.compile("<artifactId>(connlimit-[a-z0-9-]+)</artifactId>\\s*<version>");
    private static final String BOM = "connlimit-bom";

    @Test
    void hasWhatIsPublished() {
        Set<String> published = Modules.published();
        published.remove(BOM);
        Set<String> managed = new TreeSet<>();
        String bom = Modules.pom(BOM);
        Matcher artifact = MANAGED.matcher(bom.substring(bom.indexOf("<dependencyManagement>")));
        while (artifact.find()) {
            managed.add(artifact.group(1));
        }
        assertThat(managed).isEqualTo(published).contains("connlimit-core");
    }
}
