package io.github.connlimit.examples;

import java.nio.charset.StandardCharsets;

/**
 * An HTTP response that is independent of the server which sends it.
 *
 * @param status the status code
 * @param contentType the media type of the body
 * @param body the body
 * @param delayMillis how long to wait before it is sent
 */
record Answer(int status, String contentType, String body, int delayMillis) {

    static Answer text(int status, String body) {
        return new Answer(status, "text/plain;charset=utf-8", body + "\n", 0);
    }

    static Answer json(String body) {
        return new Answer(200, "application/json", body + "\n", 0);
    }

    Answer after(int millis) {
        return new Answer(status, contentType, body, millis);
    }

    byte[] bytes() {
        return body.getBytes(StandardCharsets.UTF_8);
    }
}
