import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Plants each fault of this folder in a copy of the tree and runs the test that has to catch it. Fails if a test passes
 * although there is a fault, and at once if a fault no longer fits the code. README.md has more.
 */
public final class Run {

    private static final Pattern TESTS_FAILED = Pattern.compile("Tests run: \\d+, Failures: (?!0, Errors: 0,)\\d+");
    private static final Pattern TESTS_RAN = Pattern.compile("Tests run: [1-9]");
    private static final Pattern FORK_TIMED_OUT = Pattern.compile("There was a timeout");
    private static final int LAST_LINES = 40;
    private static final long MOST_MINUTES = 15;

    /** A text to be found once in a file, and what to put in its place. */
    private record Change(String file, String before, String after) {}

    /** A fault and the test that has to catch it. */
    private record Fault(String name, String fault, String module, String test, List<Change> changes) {

        static Fault read(Path file) throws IOException {
            Map<String, String> headers = new LinkedHashMap<>();
            List<Change> changes = new ArrayList<>();
            StringBuilder before = new StringBuilder();
            StringBuilder after = new StringBuilder();
            StringBuilder into = null;
            for (String line : Files.readAllLines(file)) {
                switch (line) {
                    case "<<<" -> into = before;
                    case "===" -> into = after;
                    case ">>>" -> {
                        changes.add(new Change(headers.get("File"), before.toString(), after.toString()));
                        before.setLength(0);
                        after.setLength(0);
                        into = null;
                    }
                    default -> {
                        if (into != null) {
                            into.append(line).append('\n');
                        } else if (!line.isBlank()) {
                            String[] header = line.split(": ", 2);
                            headers.put(header[0], header[1]);
                        }
                    }
                }
            }
            String[] test = headers.getOrDefault("Test", "").split(" ");
            if (test.length != 2 || changes.isEmpty() || !headers.keySet().containsAll(List.of("Fault", "File"))) {
                throw new IllegalArgumentException(file + " needs Fault, Test, File and a change; see README.md");
            }
            return new Fault(
                    file.getFileName().toString().replace(".fault", ""),
                    headers.get("Fault"),
                    test[0],
                    test[1],
                    List.copyOf(changes));
        }
    }

    private final Path copy;

    /** Of what is in the copy before anything is built there. */
    private final List<Path> sources;

    private Run(Path copy) throws IOException {
        this.copy = copy;
        try (Stream<Path> all = Files.walk(copy)) {
            sources = all.toList();
        }
    }

    /** @param arguments parts of the names of faults, none for all; {@code --check} to plant none */
    public static void main(String[] arguments) throws Exception {
        List<String> wanted = new ArrayList<>(List.of(arguments));
        boolean plant = !wanted.remove("--check");
        Path folder = Path.of("tests", "planted-faults");
        if (!Files.isDirectory(folder)) {
            throw new IllegalStateException("to be run in the root of the tree: java tests/planted-faults/Run.java");
        }
        List<Fault> faults = new ArrayList<>();
        try (Stream<Path> files = Files.list(folder)) {
            for (Path file : files.filter(one -> one.toString().endsWith(".fault"))
                    .sorted()
                    .toList()) {
                String name = file.getFileName().toString();
                if (wanted.isEmpty() || wanted.stream().anyMatch(name::contains)) {
                    faults.add(Fault.read(file));
                }
            }
        }
        Path copy = Files.createTempDirectory("planted-faults");
        boolean allCaught;
        try {
            copyTree(copy);
            Run run = new Run(copy);
            run.check(faults);
            allCaught = !plant || run.all(faults);
        } finally {
            delete(copy);
        }
        System.exit(allCaught ? 0 : 1);
    }

    private static void copyTree(Path to) throws IOException, InterruptedException {
        Process git = new ProcessBuilder("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        String names = new String(git.getInputStream().readAllBytes());
        if (git.waitFor() != 0) {
            throw new IOException("git ls-files failed");
        }
        for (String name : names.split("\0")) {
            Path from = Path.of(name);
            if (Files.isRegularFile(from)) {
                Path target = to.resolve(name);
                Files.createDirectories(target.getParent());
                Files.copy(from, target, StandardCopyOption.COPY_ATTRIBUTES);
            }
        }
    }

    private void check(List<Fault> faults) throws IOException {
        List<String> unfit = new ArrayList<>();
        for (Fault fault : faults) {
            try {
                for (Change change : fault.changes()) {
                    change(fault, change);
                }
            } catch (IllegalStateException mismatch) {
                unfit.add(mismatch.getMessage());
            }
        }
        if (!unfit.isEmpty()) {
            throw new IllegalStateException(String.join("\n", unfit));
        }
        System.out.printf("%d faults fit the code%n", faults.size());
    }

    private boolean all(List<Fault> faults) throws Exception {
        List<String> missed = new ArrayList<>();
        for (int i = 0; i < faults.size(); i++) {
            Fault fault = faults.get(i);
            long begin = System.nanoTime();
            boolean caught = isCaught(fault);
            System.out.printf(
                    "%d/%d %s %s by %s, %d s%n",
                    i + 1,
                    faults.size(),
                    fault.name(),
                    caught ? "caught" : "NOT CAUGHT",
                    fault.test(),
                    TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - begin));
            if (!caught) {
                missed.add(fault.name() + ": " + fault.fault() + "; " + fault.test() + " passes");
            }
        }
        missed.forEach(System.out::println);
        System.out.printf("%d faults, %d caught%n", faults.size(), faults.size() - missed.size());
        return missed.isEmpty();
    }

    /** The file of a change, and its text with the fault in it. */
    private Map.Entry<Path, String> change(Fault fault, Change change) throws IOException {
        List<Path> files =
                sources.stream().filter(file -> file.endsWith(change.file())).toList();
        if (files.size() != 1) {
            throw stop(fault, change.file() + " is there " + files.size() + " times");
        }
        String text = Files.readString(files.get(0));
        int at = text.indexOf(change.before());
        if (at < 0 || text.indexOf(change.before(), at + 1) >= 0) {
            throw stop(fault, (at < 0 ? "this is no longer" : "this is more than once") + " in " + change.file() + ":\n"
                    + change.before());
        }
        return Map.entry(
                files.get(0),
                text.substring(0, at) + change.after() + text.substring(at + change.before().length()));
    }

    private boolean isCaught(Fault fault) throws IOException, InterruptedException {
        Map<Path, String> sound = new LinkedHashMap<>();
        try {
            for (Change change : fault.changes()) {
                Map.Entry<Path, String> changed = change(fault, change);
                sound.putIfAbsent(changed.getKey(), Files.readString(changed.getKey()));
                Files.writeString(changed.getKey(), changed.getValue());
            }
            return fails(fault);
        } finally {
            for (Map.Entry<Path, String> file : sound.entrySet()) {
                Files.writeString(file.getKey(), file.getValue());
            }
        }
    }

    private boolean fails(Fault fault) throws IOException, InterruptedException {
        boolean integration = fault.test().split("#")[0].endsWith("IT");
        List<String> command = new ArrayList<>(List.of(
                System.getenv().getOrDefault("MVN", "mvn").split(" ")));
        Collections.addAll(
                command,
                "-B",
                "-ntp",
                integration ? "verify" : "test",
                "-pl",
                ":" + fault.module(),
                "-am",
                integration ? "-Dtest=none" : "-Dtest=" + fault.test(),
                "-Dit.test=" + (integration ? fault.test() : "none"),
                "-Dsurefire.failIfNoSpecifiedTests=false",
                "-Dfailsafe.failIfNoSpecifiedTests=false",
                "-Dsurefire.timeout=300",
                "-Dfailsafe.timeout=300",
                "-Dspotless.check.skip",
                "-Dmaven.javadoc.skip");
        Path log = copy.resolve("planted-fault.log");
        Process maven = new ProcessBuilder(command)
                .directory(copy.toFile())
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
        if (!maven.waitFor(MOST_MINUTES, TimeUnit.MINUTES)) {
            maven.descendants().forEach(ProcessHandle::destroyForcibly);
            maven.destroyForcibly();
            throw stop(fault, "Maven did not end within " + MOST_MINUTES + " minutes");
        }
        String said = Files.readString(log);
        boolean failed = maven.exitValue() != 0;
        if (failed && (TESTS_FAILED.matcher(said).find() || FORK_TIMED_OUT.matcher(said).find())) {
            return true;
        }
        if (!failed && TESTS_RAN.matcher(said).find()) {
            return false;
        }
        List<String> lines = said.lines().toList();
        throw stop(
                fault,
                (failed ? "the build fails, and no test of it does" : "there is no test " + fault.test()) + "\n"
                        + String.join("\n", lines.subList(Math.max(0, lines.size() - LAST_LINES), lines.size())));
    }

    private static IllegalStateException stop(Fault fault, String why) {
        return new IllegalStateException(fault.name() + ": " + why);
    }

    private static void delete(Path directory) throws IOException {
        Files.walkFileTree(directory, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                Files.delete(file);
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult postVisitDirectory(Path visited, IOException error) {
                try {
                    Files.delete(visited);
                } catch (IOException cannot) {
                    throw new UncheckedIOException(cannot);
                }
                return FileVisitResult.CONTINUE;
            }
        });
    }
}
