package io.github.connlimit;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class RefusalTest {

    @Test
    void theResponseIsHttp() {
        String text = StandardCharsets.US_ASCII.decode(Refusal.httpResponse()).toString();
        int end = text.indexOf("\r\n\r\n");
        String body = text.substring(end + 4);
        assertThat(text.substring(0, end).split("\r\n"))
                .containsExactly(
                        "HTTP/1.1 429 Too Many Requests",
                        "Retry-After: 1",
                        "Content-Type: text/plain;charset=utf-8",
                        "Content-Length: " + body.length(),
                        "Connection: close");
        assertThat(body).isEqualTo(new ConnectionLimitExceededException().getMessage() + "\n");
    }

    @Test
    void theResponseIsTheCallersOwn() {
        ByteBuffer response = Refusal.httpResponse();
        assertThat(response.isReadOnly()).isTrue();
        response.position(response.limit());
        assertThat(Refusal.httpResponse().position()).isZero();
        assertThat(Refusal.httpResponse().remaining()).isEqualTo(response.capacity());
    }
}
