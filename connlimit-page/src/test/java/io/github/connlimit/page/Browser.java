package io.github.connlimit.page;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.Gson;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;

/** A page of a {@link Chromium}, told what to do by the DevTools protocol. */
final class Browser implements AutoCloseable {

    private static final int SECONDS = 60;

    private final WebSocket webSocket;
    private final Map<Integer, CompletableFuture<JsonObject>> waiting = new ConcurrentHashMap<>();
    private final List<JsonObject> events = new ArrayList<>();
    private int lastId;

    /** @param page where the DevTools of the page are */
    Browser(URI page) throws Exception {
        this.webSocket = HttpClient.newHttpClient()
                .newWebSocketBuilder()
                .buildAsync(page, new Receiver())
                .join();
        for (String domain : List.of("Page", "Runtime", "Log", "Network", "Accessibility")) {
            send(domain + ".enable", Map.of());
        }
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

    /** Closes the page. */
    @Override
    public void close() throws IOException {
        try {
            send("Page.close", Map.of());
        } catch (Exception error) {
            throw new IOException("closing the page failed", error);
        } finally {
            webSocket.abort();
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
