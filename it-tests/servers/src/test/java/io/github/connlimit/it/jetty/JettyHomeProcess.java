package io.github.connlimit.it.jetty;

import static org.awaitility.Awaitility.await;

import io.github.connlimit.it.Zip;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A JETTY_BASE for an unpacked jetty-home, with connlimit unpacked into it, and the server process that runs there. */
final class JettyHomeProcess implements AutoCloseable {

    private static final Duration DEADLINE = Duration.ofSeconds(60);

    private final Path home;
    private final Path base;
    private final Path log;
    private Process process;

    JettyHomeProcess(Path home, Path base) throws IOException {
        this.home = home;
        this.base = base;
        this.log = base.resolve("server.log");
        unpack("jetty-home");
    }

    /** Unpacks another zip into it. */
    void unpack(String name) throws IOException {
        Zip.unpack(Path.of(System.getProperty("connlimit.it.zip." + name)), base);
    }

    /** Adds modules, as a person would, and returns what was said. */
    String addModules(String modules) throws Exception {
        Process adding = start(base.resolve("add-modules.log"), List.of("--add-modules=" + modules));
        String said = end(adding, base.resolve("add-modules.log"));
        if (adding.exitValue() != 0) {
            throw new IllegalStateException(said);
        }
        return said;
    }

    /** The names of the settings in a module's ini file, whether they are set or commented out. */
    List<String> settings(String module) throws IOException {
        return Files.readAllLines(ini(module)).stream()
                .map(line -> line.replaceFirst("^# ?", ""))
                .filter(line -> line.matches("[\\w.]+=.*"))
                .map(line -> line.substring(0, line.indexOf('=')))
                .toList();
    }

    /** Sets what is commented out in a module's ini file, as a person would. */
    void set(String module, String name, String value) throws IOException {
        String text = Files.readString(ini(module));
        String changed = text.replaceFirst(
                "(?m)^# ?" + Pattern.quote(name) + "=.*$", Matcher.quoteReplacement(name + "=" + value));
        if (changed.equals(text)) {
            throw new IllegalArgumentException(name + " is not in " + text);
        }
        Files.writeString(ini(module), changed);
    }

    private Path ini(String module) {
        return base.resolve("start.d").resolve(module + ".ini");
    }

    /** Makes a self-signed certificate where the module "ssl" looks for one. */
    void makeKeyStore(String password) throws Exception {
        Path output = base.resolve("keytool.log");
        Files.createDirectories(base.resolve("etc"));
        Process keytool = new ProcessBuilder(
                        javaTool("keytool"),
                        "-genkeypair",
                        "-keystore",
                        base.resolve("etc/keystore.p12").toString(),
                        "-storetype",
                        "PKCS12",
                        "-storepass",
                        password,
                        "-alias",
                        "jetty",
                        "-keyalg",
                        "EC",
                        "-dname",
                        "CN=localhost",
                        "-validity",
                        "2")
                .redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .start();
        String said = end(keytool, output);
        if (keytool.exitValue() != 0) {
            throw new IllegalStateException(said);
        }
    }

    /** Starts the server, to go on in the background. */
    void start(String... arguments) throws IOException {
        process = start(log, List.of(arguments));
    }

    private Process start(Path output, List<String> arguments) throws IOException {
        List<String> command = new ArrayList<>(List.of(
                javaTool("java"),
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "-Djava.io.tmpdir=" + Files.createDirectories(base.resolve("tmp")),
                "-jar",
                home.resolve("start.jar").toString()));
        command.addAll(arguments);
        return new ProcessBuilder(command)
                .directory(base.toFile())
                .redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .start();
    }

    private static String javaTool(String name) {
        return Path.of(System.getProperty("java.home"), "bin", name).toString();
    }

    private static String end(Process ending, Path output) throws Exception {
        if (!ending.waitFor(DEADLINE.toSeconds(), TimeUnit.SECONDS)) {
            ending.destroyForcibly();
            throw new IllegalStateException("did not end: " + Files.readString(output));
        }
        return Files.readString(output);
    }

    /** What the server has logged so far. */
    String log() throws IOException {
        return Files.readString(log);
    }

    /** Waits until the server has logged this, while it runs. */
    void awaitLog(String text) {
        await(text).atMost(DEADLINE).until(() -> {
            if (!process.isAlive() && !log().contains(text)) {
                throw new IllegalStateException("ended: " + log());
            }
            return log().contains(text);
        });
    }

    /** Waits for the server to end by itself; returns its exit status. */
    int awaitEnd() throws Exception {
        end(process, log);
        return process.exitValue();
    }

    /** Asks the server to stop (SIGTERM) and waits for it; returns its exit status. */
    int stop() throws Exception {
        process.destroy();
        return awaitEnd();
    }

    @Override
    public void close() {
        if (process != null) {
            process.destroyForcibly();
        }
    }
}
