package io.github.connlimit.page;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.google.gson.Gson;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.connlimit.testing.Programs;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.WebSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;

/** A headless Chromium with one page, told what to do by the DevTools protocol. It reaches 127.0.0.1 and nothing else. */
final class Browser implements AutoCloseable {

    private static final String LISTENING = "DevTools listening on ws://127.0.0.1:";
    private static final int SECONDS = 60;

    private final Process process;
    private final WebSocket webSocket;
    private final Map<Integer, CompletableFuture<JsonObject>> waiting = new ConcurrentHashMap<>();
    private final List<JsonObject> events = new ArrayList<>();
    private int lastId;

    private Browser(Process process, String page) {
        this.process = process;
        this.webSocket = HttpClient.newHttpClient()
                .newWebSocketBuilder()
                .buildAsync(URI.create(page), new Receiver())
                .join();
    }

    /** Skips the test where there is no Chromium. */
    static Browser start(Path directory) throws Exception {
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
            Browser browser = new Browser(process, page(port(process)));
            for (String domain : List.of("Page", "Runtime", "Log", "Network", "Accessibility")) {
                browser.send(domain + ".enable", Map.of());
            }
            return browser;
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

    private static String page(int port) throws Exception {
        HttpResponse<String> targets = HttpClient.newHttpClient()
                .send(
                        HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + "/json/list"))
                                .build(),
                        HttpResponse.BodyHandlers.ofString());
        for (JsonElement target : JsonParser.parseString(targets.body()).getAsJsonArray()) {
            if (target.getAsJsonObject().get("type").getAsString().equals("page")) {
                return target.getAsJsonObject().get("webSocketDebuggerUrl").getAsString();
            }
        }
        throw new IOException("no page in " + targets.body());
    }

    JsonObject send(String method, Map<String, ?> parameters) throws Exception {
        CompletableFuture<JsonObject> result = new CompletableFuture<>();
        int id = ++lastId;
        waiting.put(id, result);
        webSocket
                .sendText(new Gson().toJson(Map.of("id", id, "method", method, "params", parameters)), true)
                .get(SECONDS, TimeUnit.SECONDS);
        JsonObject answer = result.get(SECONDS, TimeUnit.SECONDS);
        assertThat(answer.has("error")).as(method + ": " + answer).isFalse();
        return answer.getAsJsonObject("result");
    }

    void open(String url) throws Exception {
        send("Page.navigate", Map.of("url", url));
    }

    /** What a JavaScript expression results in, as text. */
    String evaluate(String expression) throws Exception {
        JsonObject answer =
                send("Runtime.evaluate", Map.of("expression", expression, "returnByValue", true, "awaitPromise", true));
        assertThat(answer.has("exceptionDetails")).as(answer.toString()).isFalse();
        JsonElement value = answer.getAsJsonObject("result").get("value");
        return value == null ? "" : value.getAsString();
    }

    /** The text of an element. */
    String text(String selector) {
        try {
            return evaluate("document.querySelector(" + new Gson().toJson(selector) + ")?.textContent ?? ''");
        } catch (RuntimeException error) {
            throw error;
        } catch (Exception error) {
            throw new IllegalStateException(error);
        }
    }

    void press(String key, String code, int keyCode, String text) throws Exception {
        send(
                "Input.dispatchKeyEvent",
                Map.of("type", "keyDown", "key", key, "code", code, "windowsVirtualKeyCode", keyCode, "text", text));
        send(
                "Input.dispatchKeyEvent",
                Map.of("type", "keyUp", "key", key, "code", code, "windowsVirtualKeyCode", keyCode));
    }

    void colourScheme(String scheme) throws Exception {
        send(
                "Emulation.setEmulatedMedia",
                Map.of("features", List.of(Map.of("name", "prefers-color-scheme", "value", scheme))));
    }

    void size(int width, int height, boolean phone) throws Exception {
        send(
                "Emulation.setDeviceMetricsOverride",
                Map.of("width", width, "height", height, "deviceScaleFactor", 1, "mobile", phone));
    }

    void screenshot(Path file) throws Exception {
        String png = send("Page.captureScreenshot", Map.of("format", "png", "captureBeyondViewport", true))
                .get("data")
                .getAsString();
        Files.createDirectories(file.getParent());
        Files.write(file, Base64.getDecoder().decode(png));
    }

    /** What a screen reader is told, one line for each thing: its role and its name. */
    List<String> accessible() throws Exception {
        List<String> lines = new ArrayList<>();
        JsonArray nodes = send("Accessibility.getFullAXTree", Map.of()).getAsJsonArray("nodes");
        for (JsonElement element : nodes) {
            JsonObject node = element.getAsJsonObject();
            if (!node.get("ignored").getAsBoolean() && node.has("name")) {
                lines.add(node.getAsJsonObject("role").get("value").getAsString() + " "
                        + node.getAsJsonObject("name").get("value").getAsString());
            }
        }
        return lines;
    }

    /** Errors, warnings and exceptions that the page caused. */
    List<JsonObject> complaints() {
        return eventsOf(
                "Log.entryAdded",
                "Runtime.exceptionThrown",
                "Runtime.consoleAPICalled",
                "Page.javascriptDialogOpening");
    }

    List<String> requestedUrls() {
        return eventsOf("Network.requestWillBeSent").stream()
                .map(event -> event.getAsJsonObject("params")
                        .getAsJsonObject("request")
                        .get("url")
                        .getAsString())
                .toList();
    }

    private List<JsonObject> eventsOf(String... methods) {
        synchronized (events) {
            return events.stream()
                    .filter(event ->
                            List.of(methods).contains(event.get("method").getAsString()))
                    .toList();
        }
    }

    @Override
    public void close() {
        webSocket.abort();
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

    private final class Receiver implements WebSocket.Listener {

        private final StringBuilder message = new StringBuilder();

        @Override
        public CompletionStage<?> onText(WebSocket socket, CharSequence part, boolean last) {
            message.append(part);
            if (last) {
                receive(JsonParser.parseString(message.toString()).getAsJsonObject());
                message.setLength(0);
            }
            socket.request(1);
            return null;
        }

        private void receive(JsonObject received) {
            if (received.has("id")) {
                waiting.remove(received.get("id").getAsInt()).complete(received);
            } else {
                synchronized (events) {
                    events.add(received);
                }
            }
        }
    }
}
