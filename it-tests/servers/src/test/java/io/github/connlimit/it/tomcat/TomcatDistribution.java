package io.github.connlimit.it.tomcat;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.github.connlimit.it.FreePort;
import io.github.connlimit.it.Zip;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocketFactory;
import javax.net.ssl.TrustManagerFactory;

/** A copy of an unpacked Tomcat, with the jar in its {@code lib} directory. */
final class TomcatDistribution implements AutoCloseable {

    private static final int TIMEOUT_SECONDS = 60;

    private static final Pattern STOCK_CONNECTOR =
            Pattern.compile("<Connector port=\"8080\" protocol=\"HTTP/1.1\"[^>]*/>");
    private static final Pattern COMPLAINT = Pattern.compile("\\b(WARN|WARNING|ERROR|SEVERE|FATAL)\\b|Exception\\b");

    private final Path home;
    private final Path output;
    private Process process;

    TomcatDistribution(String test) throws IOException {
        Path unpacked = Path.of(System.getProperty("connlimit.it.dist.tomcat"));
        home = Path.of("target", "tomcat", test).toAbsolutePath();
        delete(home);
        copy(unpacked, home);
        delete(home.resolve("webapps"));
        Files.createDirectories(home.resolve("webapps/ROOT"));
        Files.writeString(home.resolve("webapps/ROOT/index.html"), "OK");
        Files.createDirectories(home.resolve("temp"));
        Files.createDirectories(home.resolve("logs"));
        // Tomcat complains about any machine that takes 0.1 s for its first random number.
        Files.writeString(
                home.resolve("conf/logging.properties"),
                "\norg.apache.catalina.util.SessionIdGeneratorBase.level = SEVERE\n",
                StandardOpenOption.APPEND);
        Path jar = Path.of(System.getProperty("connlimit.it.jar.tomcat-standalone"));
        Files.copy(jar, home.resolve("lib").resolve(jar.getFileName()));
        output = home.resolve("logs/catalina.out");
    }

    /** Adds what a cluster needs. */
    void addCluster() throws IOException {
        Zip.unpack(Path.of(System.getProperty("connlimit.it.zip.cluster-tomcat")), home);
    }

    /** Makes a key and its certificate as the documentation does. */
    Path makeKeystore() throws IOException, InterruptedException {
        Path keystore = home.resolve("conf/localhost.p12");
        Process keytool = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "keytool")
                                .toString(),
                        "-genkeypair",
                        "-alias",
                        "tomcat",
                        "-keyalg",
                        "EC",
                        "-dname",
                        "CN=localhost",
                        "-storetype",
                        "PKCS12",
                        "-keystore",
                        keystore.toString(),
                        "-storepass",
                        "changeit")
                .redirectErrorStream(true)
                .redirectOutput(home.resolve("temp/keytool.out").toFile())
                .start();
        assertThat(keytool.waitFor(TIMEOUT_SECONDS, TimeUnit.SECONDS)).isTrue();
        assertThat(keytool.exitValue()).isZero();
        return keystore;
    }

    /** Puts these lines into the server.xml that comes with Tomcat, in place of its connector and into its Engine. */
    void configure(String connectors, String valve) throws IOException {
        Path file = home.resolve("conf/server.xml");
        String stock = Files.readString(file);
        assertThat(STOCK_CONNECTOR.matcher(stock).find()).isTrue();
        String engine = "<Engine name=\"Catalina\" defaultHost=\"localhost\">";
        String shutdown = "<Server port=\"8005\"";
        assertThat(stock).contains(engine, shutdown);
        Files.writeString(
                file,
                STOCK_CONNECTOR
                        .matcher(stock)
                        .replaceFirst(connectors.replace("$", "\\$"))
                        .replace(engine, engine + "\n" + valve)
                        .replace(shutdown, "<Server port=\"" + FreePort.find() + "\""));
    }

    void start() throws IOException {
        process = catalina("run");
        await().atMost(Duration.ofSeconds(TIMEOUT_SECONDS)).until(() -> {
            assertThat(process.isAlive()).as(log()).isTrue();
            return log().contains("Server startup in");
        });
    }

    /** Starts a server that has to end by itself. */
    void startInVain() throws IOException, InterruptedException {
        process = catalina("run");
        assertThat(process.waitFor(TIMEOUT_SECONDS, TimeUnit.SECONDS)).isTrue();
    }

    void stop() throws IOException, InterruptedException {
        Process stop = catalina("stop");
        assertThat(stop.waitFor(TIMEOUT_SECONDS, TimeUnit.SECONDS)).isTrue();
        assertThat(stop.exitValue()).as(log()).isZero();
        assertThat(process.waitFor(TIMEOUT_SECONDS, TimeUnit.SECONDS)).as(log()).isTrue();
        assertThat(process.exitValue()).as(log()).isZero();
    }

    private Process catalina(String command) throws IOException {
        ProcessBuilder builder =
                new ProcessBuilder(home.resolve("bin/catalina.sh").toString(), command);
        builder.environment().keySet().removeIf(name -> name.matches("CATALINA_.*|JAVA_.*|JRE_.*|JDK_.*|CLASSPATH"));
        builder.environment().put("JAVA_HOME", System.getProperty("java.home"));
        // Quick to start; the pool as for these tests themselves; native access as the scripts of Tomcat 11 allow it,
        // but
        // not those of 10.1: newer Java warns without.
        builder.environment()
                .put(
                        "CATALINA_OPTS",
                        "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Dsun.nio.ch.internalThreadPoolSize=2"
                                + " --enable-native-access=ALL-UNNAMED");
        builder.redirectErrorStream(true);
        builder.redirectOutput(ProcessBuilder.Redirect.appendTo(output.toFile()));
        return builder.start();
    }

    /** All that was logged. */
    String log() throws IOException {
        StringBuilder text = new StringBuilder();
        try (Stream<Path> files = Files.list(home.resolve("logs"))) {
            for (Path file : files.sorted().toList()) {
                text.append(Files.readString(file, StandardCharsets.UTF_8));
            }
        }
        return text.toString();
    }

    /** The lines of the log with which a server complains. */
    List<String> complaints() throws IOException {
        return log().lines()
                .filter(line -> COMPLAINT.matcher(line).find())
                // Said on a slow machine.
                .filter(line -> !line.contains("Creation of SecureRandom instance"))
                .toList();
    }

    /** What speaks TLS to a server with the key that {@link #makeKeystore} made. */
    SSLSocketFactory trusting(Path keystore) throws IOException, GeneralSecurityException {
        KeyStore trusted = KeyStore.getInstance(keystore.toFile(), "changeit".toCharArray());
        TrustManagerFactory factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        factory.init(trusted);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, factory.getTrustManagers(), null);
        return context.getSocketFactory();
    }

    private static void copy(Path from, Path to) throws IOException {
        Files.walkFileTree(from, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult preVisitDirectory(Path directory, BasicFileAttributes attributes)
                    throws IOException {
                Files.createDirectories(to.resolve(from.relativize(directory)));
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                Files.copy(file, to.resolve(from.relativize(file)), StandardCopyOption.COPY_ATTRIBUTES);
                return FileVisitResult.CONTINUE;
            }
        });
    }

    private static void delete(Path tree) throws IOException {
        if (Files.exists(tree)) {
            try (Stream<Path> files = Files.walk(tree)) {
                for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                    Files.delete(file);
                }
            }
        }
    }

    @Override
    public void close() {
        if (process != null) {
            process.destroyForcibly().onExit().join();
        }
    }
}
