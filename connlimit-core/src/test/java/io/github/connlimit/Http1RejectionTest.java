package io.github.connlimit;

import static io.github.connlimit.RejectionTest.text;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class Http1RejectionTest {

    @ParameterizedTest
    @CsvSource({
        "HEAD / HTTP/1.1, false",
        "GET / HTTP/1.1, true",
        "HEADER / HTTP/1.1, true",
        "HEALTH / HTTP/1.1, true",
        "head / HTTP/1.1, true",
        "\u0016\u0003, true"
    })
    void answersOnceAndAHeadRequestWithoutABody(String request, boolean body) {
        for (int step = 1; step <= request.length(); step++) {
            Http1Rejection http1 = new Http1Rejection(Rejection.SERVER_LIMIT);
            assertThat(http1.received(ByteBuffer.allocate(0)).hasRemaining()).isFalse();
            assertThat(http1.isAnswered()).isFalse();
            StringBuilder answer = new StringBuilder();
            byte[] bytes = (request + "\r\n\r\n").getBytes(StandardCharsets.US_ASCII);
            for (int from = 0; from < bytes.length; from += step) {
                ByteBuffer received = ByteBuffer.wrap(bytes, from, Math.min(step, bytes.length - from));
                answer.append(text(http1.received(received)));
                assertThat(received.hasRemaining()).isFalse();
            }
            assertThat(http1.isAnswered()).isTrue();
            assertThat(answer).hasToString(text(Rejection.SERVER_LIMIT.httpResponse(body)));
        }
    }
}
