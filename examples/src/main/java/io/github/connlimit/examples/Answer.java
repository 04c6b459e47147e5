package io.github.connlimit.examples;

import java.nio.charset.StandardCharsets;
import java.util.Map;

/**
 * An HTTP response that is independent of the server which sends it.
 *
 * @param status the status code
 * @param headers the header fields, {@code Content-Type} among them but not {@code Content-Length}
 * @param body the body
 * @param delayMillis how long to wait before it is sent
 */
record Answer(int status, Map<String, String> headers, String body, int delayMillis) {

    static Answer text(int status, String body) {
        return new Answer(status, type("text/plain;charset=utf-8"), body + "\n", 0);
    }

    static Answer json(String body) {
        return new Answer(200, type("application/json"), body + "\n", 0);
    }

    static Map<String, String> type(String contentType) {
        return Map.of("Content-Type", contentType);
    }

    Answer after(int millis) {
        return new Answer(status, headers, body, millis);
    }

    byte[] bytes() {
        return body.getBytes(StandardCharsets.UTF_8);
    }
}
