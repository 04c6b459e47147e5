package io.github.connlimit.page;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.google.gson.JsonParser;
import io.github.connlimit.testing.Programs;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/** A headless Chromium. It reaches 127.0.0.1 and nothing else. */
final class Chromium implements AutoCloseable {

    private static final String LISTENING = "DevTools listening on ws://127.0.0.1:";
    private static final int SECONDS = 60;

    private final Process process;
    private final int port;

    private Chromium(Process process, int port) {
        this.process = process;
        this.port = port;
    }

    /** Skips the tests where there is no Chromium. */
    static Chromium start(Path directory) throws Exception {
        Optional<Path> chromium = Programs.find("chromium", "chromium-browser", "google-chrome");
        assumeTrue(chromium.isPresent(), Programs.missing("chromium", "chromium"));
        Process process = new ProcessBuilder(
                        chromium.get().toString(),
                        "--headless=new",
                        "--no-sandbox",
                        "--disable-gpu",
                        "--disable-dev-shm-usage",
                        "--no-first-run",
                        "--disable-background-networking",
                        "--disable-component-update",
                        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
                        "--remote-debugging-port=0",
                        "--user-data-dir=" + directory,
                        "about:blank")
                .redirectErrorStream(true)
                .start();
        try {
            return new Chromium(process, port(process));
        } catch (Throwable error) {
            process.destroyForcibly();
            throw error;
        }
    }

    private static int port(Process process) throws IOException {
        BufferedReader output = process.inputReader();
        StringBuilder all = new StringBuilder();
        for (String line = output.readLine(); line != null; line = output.readLine()) {
            if (line.startsWith(LISTENING)) {
                drain(output);
                return Integer.parseInt(line.substring(LISTENING.length(), line.indexOf('/', LISTENING.length())));
            }
            all.append(line).append('\n');
        }
        throw new IOException("Chromium did not start: " + all);
    }

    /** Otherwise Chromium would wait for room in the pipe. */
    private static void drain(BufferedReader output) {
        Thread thread = new Thread(() -> output.lines().forEach(line -> {}), "chromium-output");
        thread.setDaemon(true);
        thread.start();
    }

    /** {@return a new page, in front of all others} */
    Browser newPage() throws Exception {
        HttpResponse<String> made = HttpClient.newHttpClient()
                .send(
                        HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + "/json/new"))
                                .PUT(HttpRequest.BodyPublishers.noBody())
                                .build(),
                        HttpResponse.BodyHandlers.ofString());
        return new Browser(URI.create(JsonParser.parseString(made.body())
                .getAsJsonObject()
                .get("webSocketDebuggerUrl")
                .getAsString()));
    }

    @Override
    public void close() {
        process.destroy();
        try {
            if (!process.waitFor(SECONDS, TimeUnit.SECONDS)) {
                process.destroyForcibly();
            }
        } catch (InterruptedException error) {
            process.destroyForcibly();
            throw new UncheckedIOException(new IOException(error));
        }
    }
}
