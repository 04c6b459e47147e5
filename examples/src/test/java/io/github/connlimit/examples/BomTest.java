package io.github.connlimit.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** The BOM has every module that is published, and no other. */
class BomTest {

    private static final Pattern MODULE = Pattern.compile("<module>([a-z0-9-]+)</module>");
    private static final Pattern MANAGED =
            Pattern.compile("<artifactId>(connlimit-[a-z0-9-]+)</artifactId>\\s*<version>");
    private static final String NOT_PUBLISHED = "<maven.deploy.skip>true</maven.deploy.skip>";
    private static final String BOM = "connlimit-bom";

    private static String pom(String module) {
        return Docs.text(Docs.ROOT.resolve(module).resolve("pom.xml"));
    }

    @Test
    void hasWhatIsPublished() {
        Set<String> published = new TreeSet<>();
        Matcher module = MODULE.matcher(pom(""));
        while (module.find()) {
            if (!module.group(1).equals(BOM) && !pom(module.group(1)).contains(NOT_PUBLISHED)) {
                published.add(module.group(1));
            }
        }
        Set<String> managed = new TreeSet<>();
        String bom = pom(BOM);
        Matcher artifact = MANAGED.matcher(bom.substring(bom.indexOf("<dependencyManagement>")));
        while (artifact.find()) {
            managed.add(artifact.group(1));
        }
        assertThat(managed).isEqualTo(published).contains("connlimit-core");
    }
}
