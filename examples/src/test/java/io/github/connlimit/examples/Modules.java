package io.github.connlimit.examples;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** The modules of this project, but for those that only vary the version of something. */
final class Modules {

    /** How deep they are, with their poms. */
    private static final int DEPTH = 3;

    private static final Pattern ARTIFACT = Pattern.compile("<artifactId>([^<]+)</artifactId>");
    private static final String NOT_PUBLISHED = "<maven.deploy.skip>true</maven.deploy.skip>";
    private static final String PARENT = "connlimit-parent";

    private Modules() {}

    /** {@return the directory of each, by its artifact} */
    static SortedMap<String, Path> all() {
        SortedMap<String, Path> modules = new TreeMap<>();
        try (Stream<Path> files = Files.walk(Docs.ROOT, DEPTH)) {
            files.filter(file -> file.endsWith("pom.xml"))
                    .forEach(pom -> modules.put(artifact(Docs.text(pom)), pom.getParent()));
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
        modules.remove(PARENT);
        return modules;
    }

    private static String artifact(String pom) {
        Matcher artifact = ARTIFACT.matcher(pom.replaceFirst("(?s)<parent>.*?</parent>", ""));
        if (!artifact.find()) {
            throw new IllegalStateException(pom);
        }
        return artifact.group(1);
    }

    /** {@return the artifacts of those that are published} */
    static Set<String> published() {
        Set<String> published = new TreeSet<>();
        all().forEach((artifact, directory) -> {
            if (artifact.startsWith("connlimit-") && !pom(artifact).contains(NOT_PUBLISHED)) {
                published.add(artifact);
            }
        });
        return published;
    }

    static String pom(String artifact) {
        return Docs.text(all().get(artifact).resolve("pom.xml"));
    }
}
