package io.github.connlimit.examples;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;

/** Just enough of HTTP/1.1 (RFC 9112) to try a plain TCP server with any HTTP client. Not thread-safe. */
final class HttpConnection {

    private static final int MAX_HEAD_BYTES = 8192;
    private static final int MAX_BODY_BYTES = 1 << 20;

    private final InputStream in;
    private final OutputStream out;
    private final boolean local;
    private final Resources resources;

    /** How much the head of the present request may still take. */
    private int headBytesLeft;

    HttpConnection(Socket socket, Resources resources) throws IOException {
        this.in = new BufferedInputStream(socket.getInputStream());
        this.out = socket.getOutputStream();
        this.local = socket.getInetAddress().isLoopbackAddress();
        this.resources = resources;
    }

    /** Waits for the first byte of a request, or for the end. */
    void awaitRequest() throws IOException {
        in.mark(1);
        in.read();
        in.reset();
    }

    /** Answers requests until the client closes or sends one that is malformed. */
    void serve() throws IOException, InterruptedException {
        boolean another = true;
        while (another) {
            headBytesLeft = MAX_HEAD_BYTES;
            String requestLine = readLine();
            if (requestLine == null) {
                return;
            }
            try {
                another = answer(requestLine);
            } catch (IllegalArgumentException malformed) {
                send(Answer.text(400, malformed.getMessage()), false);
                another = false;
            }
        }
    }

    private boolean answer(String requestLine) throws IOException, InterruptedException {
        String[] parts = requestLine.split(" ");
        if (parts.length != 3 || !parts[2].matches("HTTP/1\\.[01]")) {
            throw new IllegalArgumentException("not a request line of HTTP/1.1");
        }
        Map<String, String> headers = readHeaders();
        skipBody(headers);
        String connection = headers.getOrDefault("connection", "").toLowerCase(Locale.ROOT);
        boolean keepAlive = parts[2].equals("HTTP/1.1") ? !connection.equals("close") : connection.equals("keep-alive");

        String[] target = parts[1].split("\\?", 2);
        Answer answer = resources.answer(parts[0], target[0], target.length == 1 ? null : target[1], local);
        Thread.sleep(answer.delayMillis());
        send(answer, keepAlive);
        return keepAlive;
    }

    private Map<String, String> readHeaders() throws IOException {
        Map<String, String> headers = new HashMap<>();
        for (String line = readLine(); line == null || !line.isEmpty(); line = readLine()) {
            int colon = line == null ? -1 : line.indexOf(':');
            if (colon < 1) {
                throw new IllegalArgumentException("not a header field of HTTP/1.1");
            }
            headers.put(
                    line.substring(0, colon).toLowerCase(Locale.ROOT),
                    line.substring(colon + 1).trim());
        }
        return headers;
    }

    private void skipBody(Map<String, String> headers) throws IOException {
        String length = headers.getOrDefault("content-length", "0");
        if (headers.containsKey("transfer-encoding") || !length.matches("[0-9]{1,7}")) {
            throw new IllegalArgumentException("only request bodies with a small Content-Length are understood");
        }
        int bytes = Integer.parseInt(length);
        if (bytes > MAX_BODY_BYTES) {
            throw new IllegalArgumentException("request bodies may have up to " + MAX_BODY_BYTES + " bytes");
        }
        in.skipNBytes(bytes);
    }

    /** One line without its end, or {@code null} if the client has left before it began. */
    private String readLine() throws IOException {
        StringBuilder line = new StringBuilder();
        for (int next = in.read(); next != '\n'; next = in.read()) {
            if (next < 0) {
                return null;
            }
            if (--headBytesLeft < 0) {
                throw new IllegalArgumentException("the head of a request may have up to " + MAX_HEAD_BYTES + " bytes");
            }
            line.append((char) next);
        }
        int last = line.length() - 1;
        if (last >= 0 && line.charAt(last) == '\r') {
            line.setLength(last);
        }
        return line.toString();
    }

    private void send(Answer answer, boolean keepAlive) throws IOException {
        byte[] body = answer.bytes();
        StringBuilder head = new StringBuilder("HTTP/1.1 " + answer.status() + " \r\n");
        answer.headers().forEach((name, value) -> head.append(name + ": " + value + "\r\n"));
        head.append("Content-Length: " + body.length + "\r\n");
        head.append("Connection: " + (keepAlive ? "keep-alive" : "close") + "\r\n\r\n");
        byte[] headBytes = head.toString().getBytes(StandardCharsets.US_ASCII);
        byte[] response = new byte[headBytes.length + body.length];
        System.arraycopy(headBytes, 0, response, 0, headBytes.length);
        System.arraycopy(body, 0, response, headBytes.length, body.length);
        out.write(response);
        out.flush();
    }
}
