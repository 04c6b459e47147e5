package io.github.connlimit.examples;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.WebSocket;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;

/** Requests from 127.0.0.1 to a server on this machine, over one connection as a rule. */
final class Requests {

    private static final int TIMEOUT_SECONDS = 20;

    private final HttpClient client;
    private final String authority;
    private final boolean tls;

    Requests(int port, boolean tls, HttpClient.Version version) throws Exception {
        this.client = HttpClient.newBuilder()
                .version(version)
                .sslContext(TestClient.trustingAll())
                .build();
        this.authority = "127.0.0.1:" + port;
        this.tls = tls;
    }

    /** The status and the body of a page. */
    String get(String target) throws Exception {
        return text(exchange("GET", target));
    }

    String put(String target) throws Exception {
        return text(exchange("PUT", target));
    }

    private static String text(HttpResponse<String> response) {
        return response.statusCode() + " " + response.body();
    }

    HttpResponse<String> exchange(String method, String target) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create((tls ? "https://" : "http://") + authority + target))
                .method(method, HttpRequest.BodyPublishers.noBody())
                .build();
        return client.sendAsync(request, HttpResponse.BodyHandlers.ofString()).get(TIMEOUT_SECONDS, TimeUnit.SECONDS);
    }

    JsonObject limits() throws Exception {
        return JsonParser.parseString(exchange("GET", "/limits").body()).getAsJsonObject();
    }

    int openConnectionsOf(String client) throws Exception {
        for (JsonElement usage : limits().getAsJsonArray("topClients")) {
            if (usage.getAsJsonObject().get("client").getAsString().equals(client)) {
                return usage.getAsJsonObject().get("open").getAsInt();
            }
        }
        return 0;
    }

    /** What comes back on a WebSocket. */
    String echo(String message) throws Exception {
        Echo echo = new Echo();
        WebSocket webSocket = client.newWebSocketBuilder()
                .buildAsync(URI.create((tls ? "wss://" : "ws://") + authority + "/ws"), echo)
                .get(TIMEOUT_SECONDS, TimeUnit.SECONDS);
        webSocket.sendText(message, true);
        String received = echo.received.get(TIMEOUT_SECONDS, TimeUnit.SECONDS);
        webSocket.sendClose(WebSocket.NORMAL_CLOSURE, "").get(TIMEOUT_SECONDS, TimeUnit.SECONDS);
        return received;
    }

    private static final class Echo implements WebSocket.Listener {

        private final CompletableFuture<String> received = new CompletableFuture<>();

        @Override
        public CompletionStage<?> onText(WebSocket webSocket, CharSequence data, boolean last) {
            received.complete(data.toString());
            return null;
        }

        @Override
        public void onError(WebSocket webSocket, Throwable error) {
            received.completeExceptionally(error);
        }
    }
}
