package io.github.connlimit.page;

import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * An HTTP response of a {@link StatusPage}.
 *
 * @param status the status code
 * @param headers all header fields, {@code Content-Type} and {@code Content-Length} among them
 * @param body the body, to be sent in UTF-8; empty if the request was a HEAD
 * @since 0.1.0
 */
public record PageResponse(int status, Map<String, String> headers, String body) {

    /**
     * Makes a response. Keeps a copy of the header fields that cannot be changed.
     *
     * @param status the status code
     * @param headers no name or value {@code null}
     * @param body not {@code null}
     */
    public PageResponse {
        headers = Map.copyOf(headers);
    }

    static PageResponse of(int status, String type, String body, Map<String, String> more) {
        Map<String, String> headers = new LinkedHashMap<>(more);
        headers.put("Content-Type", type + ";charset=utf-8");
        headers.put("Content-Length", Integer.toString(body.getBytes(StandardCharsets.UTF_8).length));
        headers.put("Cache-Control", "no-store");
        headers.put("X-Content-Type-Options", "nosniff");
        headers.put("Referrer-Policy", "no-referrer");
        return new PageResponse(status, headers, body);
    }

    PageResponse withoutBody() {
        return new PageResponse(status, headers, "");
    }

    /** {@return the body in UTF-8} */
    public byte[] bytes() {
        return body.getBytes(StandardCharsets.UTF_8);
    }
}
