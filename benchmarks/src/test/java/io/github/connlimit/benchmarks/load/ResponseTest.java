package io.github.connlimit.benchmarks.load;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class ResponseTest {

    private static final String OK = "HTTP/1.1 200 OK\r\nServer: x\r\nContent-length:  3\r\n\r\nOK\n";

    @Test
    void isIncompleteUntilItsLastByte() throws IOException {
        for (int length = 0; length < OK.length(); length++) {
            assertThat(status(OK.substring(0, length))).isEqualTo(Response.INCOMPLETE);
        }
        assertThat(status(OK)).isEqualTo(200);
    }

    @Test
    void withoutALengthIsAnError() {
        assertThatThrownBy(() -> status("HTTP/1.1 200 OK\r\n\r\n")).isInstanceOf(IOException.class);
    }

    private static int status(String text) throws IOException {
        byte[] bytes = text.getBytes(StandardCharsets.US_ASCII);
        return Response.status(ByteBuffer.allocate(100).put(bytes));
    }
}
