package io.github.connlimit.benchmarks.load;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Locale;

/** Tells the end and the status of an HTTP/1.1 response with a {@code Content-Length}. */
final class Response {

    /** What the response is called as long as it is not complete. */
    static final int INCOMPLETE = 0;

    private static final String LENGTH = "\r\ncontent-length:";

    private Response() {}

    /**
     * The status of the response.
     *
     * @param bytes what has come of it, from 0 to the position
     * @return {@link #INCOMPLETE} if more is to come
     */
    static int status(ByteBuffer bytes) throws IOException {
        int headEnd = headEnd(bytes);
        if (headEnd < 0) {
            return INCOMPLETE;
        }
        String head = new String(bytes.array(), 0, headEnd, StandardCharsets.ISO_8859_1).toLowerCase(Locale.ROOT);
        int length = head.indexOf(LENGTH);
        if (length < 0 || !head.startsWith("http/1.1 ")) {
            throw new IOException("not a response with a length: " + head);
        }
        int valueEnd = head.indexOf('\r', length + LENGTH.length());
        int body = Integer.parseInt(
                head.substring(length + LENGTH.length(), valueEnd).trim());
        return bytes.position() < headEnd + body ? INCOMPLETE : Integer.parseInt(head.substring(9, 12));
    }

    private static int headEnd(ByteBuffer bytes) {
        byte[] array = bytes.array();
        for (int i = 3; i < bytes.position(); i++) {
            if (array[i] == '\n' && array[i - 1] == '\r' && array[i - 2] == '\n' && array[i - 3] == '\r') {
                return i + 1;
            }
        }
        return -1;
    }
}
