package io.github.connlimit.springboot.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.github.connlimit.tomcat.ConnectionLimitHttp11NioProtocol;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What Spring Boot prepares for a native image, run on the JVM. */
@Tag("full")
class AotTest {

    private static final Pattern STARTED = Pattern.compile("Tomcat started on port (\\d+)");
    private static final String EXPOSED = "--management.endpoints.web.exposure.include=connlimit";
    private static final String PAGE = "--management.endpoint.connlimit.page=true";
    private static final String CLASS_PATH = System.getProperty("java.class.path");

    @TempDir
    private Path directory;

    private static String java(String tool) {
        return Path.of(System.getProperty("java.home"), "bin", tool).toString();
    }

    private static List<Path> files(Path directory) throws IOException {
        try (Stream<Path> files = Files.walk(directory)) {
            return files.filter(Files::isRegularFile).toList();
        }
    }

    private static void run(List<String> command) throws Exception {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes());
        assertThat(process.waitFor()).as(output).isZero();
    }

    @Test
    void limitsWithWhatIsPreparedForANativeImage() throws Exception {
        Path sources = directory.resolve("sources");
        Path resources = directory.resolve("resources");
        Path classes = directory.resolve("classes");
        run(List.of(
                java("java"),
                "-XX:TieredStopAtLevel=1",
                "-cp",
                CLASS_PATH,
                "org.springframework.boot.SpringApplicationAotProcessor",
                App.class.getName(),
                sources.toString(),
                resources.toString(),
                classes.toString(),
                "group",
                "artifact",
                // Both containers are on the class path.
                "--spring.autoconfigure.exclude="
                        + "org.springframework.boot.jetty.autoconfigure.servlet.JettyServletWebServerAutoConfiguration",
                EXPOSED,
                PAGE,
                "--connlimit.max-per-client=2"));
        StringBuilder metadata = new StringBuilder();
        for (Path file : files(resources)) {
            metadata.append(Files.readString(file).replace("\\/", "/"));
        }
        assertThat(metadata)
                .contains(ConnectionLimitHttp11NioProtocol.class.getName())
                .contains("io/github/connlimit/page/page.");

        List<String> compile = new ArrayList<>(List.of(
                java("javac"),
                "-J-XX:TieredStopAtLevel=1",
                "-proc:none",
                "-nowarn",
                "-cp",
                CLASS_PATH + File.pathSeparator + classes,
                "-d"));
        compile.add(classes.toString());
        files(sources).forEach(source -> compile.add(source.toString()));
        run(compile);

        File log = directory.resolve("log").toFile();
        Process app = new ProcessBuilder(
                        java("java"),
                        "-XX:TieredStopAtLevel=1",
                        "-Dspring.aot.enabled=true",
                        "-cp",
                        String.join(File.pathSeparator, classes.toString(), resources.toString(), CLASS_PATH),
                        App.class.getName(),
                        "--server.port=0",
                        EXPOSED,
                        PAGE,
                        "--connlimit.max-per-client=2")
                .redirectErrorStream(true)
                .redirectOutput(log)
                .start();
        try {
            Matcher started = await().atMost(60, TimeUnit.SECONDS)
                    .until(() -> STARTED.matcher(Files.readString(log.toPath())), matcher -> {
                        assertThat(app.isAlive()).as("running: %s", log).isTrue();
                        return matcher.find();
                    });
            try (Clients clients = new Clients(Integer.parseInt(started.group(1)), false)) {
                assertThat(clients.served(2, 8)).isEqualTo(2);
                assertThat(Clients.get(Integer.parseInt(started.group(1)), "/actuator/connlimit/page?view=data"))
                        .contains("\"largestClient\":2");
            }
            assertThat(Files.readString(log.toPath()))
                    .contains("Starting AOT-processed App")
                    .contains("Limits the connections of each client: Tomcat on port " + started.group(1));
        } finally {
            app.destroyForcibly();
        }
    }
}
