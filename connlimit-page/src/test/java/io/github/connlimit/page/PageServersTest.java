package io.github.connlimit.page;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The page of a real server, while it is flooded. */
class PageServersTest {

    private final ConnectionLimiter limiter =
            new ConnectionLimiter(ConnectionLimits.builder().maxPerClient(3).build());
    private final StatusPage same = new StatusPage(limiter, "web");
    private final HttpClient client =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

    enum Kind {
        JETTY,
        TOMCAT;

        PageServer start(ConnectionLimiter limiter) throws Exception {
            return this == JETTY ? PageServer.jetty(limiter, 0) : PageServer.tomcat(limiter);
        }
    }

    private HttpResponse<String> send(PageServer server, String method, String target) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + server.port() + target))
                .method(method, HttpRequest.BodyPublishers.noBody())
                .build();
        return client.send(request, HttpResponse.BodyHandlers.ofString());
    }

    @ParameterizedTest
    @EnumSource
    void answersAsThePageSays(Kind kind) throws Exception {
        try (PageServer server = kind.start(limiter)) {
            HttpResponse<String> html = send(server, "GET", "/status");
            PageResponse expected = same.answer("GET", null);
            assertThat(html.statusCode()).isEqualTo(200);
            assertThat(html.body()).isEqualTo(expected.body());
            expected.headers()
                    .forEach((name, value) -> assertThat(html.headers().allValues(name))
                            .as(name)
                            .hasSize(1)
                            .first()
                            .asString()
                            .isEqualToIgnoringCase(value));

            HttpResponse<String> head = send(server, "HEAD", "/status");
            assertThat(head.statusCode()).isEqualTo(200);
            assertThat(head.body()).isEmpty();
            assertThat(head.headers().firstValue("Content-Length"))
                    .isEqualTo(html.headers().firstValue("Content-Length"));

            HttpResponse<String> post = send(server, "POST", "/status?view=data");
            assertThat(post.statusCode()).isEqualTo(405);
            assertThat(post.headers().firstValue("Allow")).contains("GET, HEAD");

            assertThat(send(server, "GET", "/other").statusCode()).isEqualTo(404);
        }
    }

    @ParameterizedTest
    @EnumSource
    void showsAFlood(Kind kind) throws Exception {
        try (PageServer server = kind.start(limiter);
                Flood flood = new Flood(server.port())) {
            flood.start();
            await().untilAsserted(() -> {
                HttpResponse<String> response = send(server, "GET", "/status?view=data");
                assertThat(response.statusCode()).isEqualTo(200);
                JsonObject data = JsonParser.parseString(response.body()).getAsJsonObject();
                assertThat(data.get("clients").getAsInt()).isEqualTo(8);
                assertThat(data.get("largestClient").getAsInt()).isEqualTo(3);
                assertThat(data.getAsJsonObject("refused").get("connections").getAsInt())
                        .isGreaterThan(100);
                assertThat(data.getAsJsonArray("topClients")).hasSize(8);
            });
        }
        await().untilAsserted(() -> {
            assertThat(limiter.snapshot().openConnections()).isZero();
            assertThat(limiter.snapshot().clients()).isZero();
        });
    }
}
