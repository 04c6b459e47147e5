package io.github.connlimit.benchmarks.server;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;

/** Looks for programs. */
final class Executables {

    private Executables() {}

    static Optional<Path> find(String name) {
        String directories = System.getenv().getOrDefault("PATH", "") + ":/usr/sbin:/sbin";
        return Arrays.stream(directories.split(":"))
                .filter(directory -> !directory.isEmpty())
                .map(directory -> Path.of(directory, name))
                .filter(Files::isExecutable)
                .findFirst();
    }

    static String version(Path executable, String option) {
        try {
            Process process = new ProcessBuilder(executable.toString(), option)
                    .redirectErrorStream(true)
                    .start();
            String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            return text.lines().findFirst().orElse(executable.toString());
        } catch (IOException unknown) {
            return executable.toString();
        }
    }
}
