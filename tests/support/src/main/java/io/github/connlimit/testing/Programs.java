package io.github.connlimit.testing;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.stream.Stream;

/** Programs that some tests need besides, and are skipped without. The report at the end of the build names those tests. */
public final class Programs {

    /** What the message of each skipped test begins with; see {@code tests/report}. */
    private static final String MISSING = "not on the PATH: ";

    private Programs() {}

    /**
     * Finds a program, on the PATH or where Debian has servers.
     *
     * @param names of it; the first one that is there
     * @return where it is
     */
    public static Optional<Path> find(String... names) {
        return Stream.of(names)
                .flatMap(name -> Stream.concat(
                                Stream.of(System.getenv("PATH").split(":")), Stream.of("/usr/sbin", "/usr/local/sbin"))
                        .map(directory -> Path.of(directory, name)))
                .filter(Files::isExecutable)
                .findFirst();
    }

    /**
     * Says why a test is skipped.
     *
     * @param name of the program that is missing
     * @param debianPackage that has it
     * @return the message
     */
    public static String missing(String name, String debianPackage) {
        return MISSING + name + ", from Debian's package " + debianPackage;
    }
}
