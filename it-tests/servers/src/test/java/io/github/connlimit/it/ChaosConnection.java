package io.github.connlimit.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Random;
import java.util.function.LongSupplier;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;

/** One connection of a client that does anything, well-meant or not, step by step. Not thread-safe. */
final class ChaosConnection {

    /** What the connection has come to. */
    private enum State {
        CONNECTED,

        /** Something has been said that the server waits for the end of; nothing will be answered. */
        BROKEN,

        HTTP1,
        HTTP2,
        WEB_SOCKET,
        ENDED
    }

    private static final String HALF_REQUEST = "GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ";

    /** The beginning of HTTP/2, which is not the end of a request in HTTP/1. */
    private static final String HALF_PREFACE = "PRI * HTTP/2.0\r\n\r\nSM";

    private final SSLContext tls;
    private final ChaosProtocol protocol;
    private final Random random;
    private final ServedConnections.Life life;

    /** Earlier requests may not have been served. */
    private final LongSupplier unavailableUntilNanos;

    private final TestConnection connection;
    private State state = State.CONNECTED;
    private Http2Connection http2;
    private WebSocketConnection webSocket;

    ChaosConnection(
            SSLContext tls,
            ChaosProtocol protocol,
            Random random,
            TestConnection connection,
            ServedConnections.Life life,
            LongSupplier unavailableUntilNanos) {
        this.tls = tls;
        this.protocol = protocol;
        this.random = random;
        this.connection = connection;
        this.life = life;
        this.unavailableUntilNanos = unavailableUntilNanos;
    }

    /**
     * Does something.
     *
     * @return whether the connection is still open, as far as the client knows
     */
    boolean step() throws IOException {
        try {
            switch (state) {
                case CONNECTED -> begin();
                case BROKEN -> goOnBroken();
                case HTTP1 -> http1();
                case HTTP2 -> http2();
                case WEB_SOCKET -> webSocket();
                default -> throw new IllegalStateException(state.name());
            }
        } catch (SocketTimeoutException patienceLost) {
            throw patienceLost;
        } catch (IOException ended) {
            // Refused, timed out, or the server has stopped: whether rightly, the counts tell.
            end(Ending.CLOSE);
        }
        return state != State.ENDED;
    }

    /** How a client leaves. */
    enum Ending {
        CLOSE,
        RESET,
        ORDERLY
    }

    void end(Ending ending) throws IOException {
        state = State.ENDED;
        switch (ending) {
            case CLOSE -> connection.close();
            case RESET -> connection.reset();
            case ORDERLY -> {
                try {
                    connection.closeOrderly();
                } catch (IOException gone) {
                    connection.close();
                }
            }
        }
    }

    private void endAnyhow() throws IOException {
        Ending[] endings = Ending.values();
        end(endings[random.nextInt(endings.length)]);
    }

    private void idle() {
        // Holds what it has.
    }

    // ---- before the first request

    private void begin() throws IOException {
        switch (random.nextInt(12)) {
            case 0, 1 -> idle();
            case 2 -> breakOff(beginning());
            case 3 -> breakOff(garbage());
            case 4 -> endAnyhow();
            case 5 -> end(Ending.RESET);
            default -> beginHttp();
        }
    }

    private void beginHttp() throws IOException {
        if (protocol == ChaosProtocol.PLAIN) {
            state = random.nextInt(4) == 0 ? State.HTTP2 : State.HTTP1;
        } else {
            boolean second = random.nextInt(5) != 0 == (protocol == ChaosProtocol.HTTP2);
            state = second ? State.HTTP2 : State.HTTP1;
            connection.handshake(tls, second ? "h2" : "http/1.1");
            if (random.nextInt(10) == 0) {
                // Nothing more than a handshake, for now.
                return;
            }
        }
        if (state == State.HTTP2) {
            http2 = new Http2Connection(connection, protocol.transport());
            getByHttp2();
        } else {
            get();
        }
    }

    /** The first bytes of what the server expects. */
    private byte[] beginning() {
        byte[] whole;
        if (protocol == ChaosProtocol.PLAIN) {
            whole = (random.nextBoolean() ? HALF_REQUEST : HALF_PREFACE).getBytes(StandardCharsets.US_ASCII);
        } else {
            whole = clientHello();
        }
        return Arrays.copyOf(whole, 1 + random.nextInt(whole.length - 1));
    }

    private byte[] clientHello() {
        try {
            SSLEngine engine = tls.createSSLEngine("localhost", 443);
            engine.setUseClientMode(true);
            ByteBuffer hello = ByteBuffer.allocate(engine.getSession().getPacketBufferSize());
            engine.wrap(ByteBuffer.allocate(0), hello);
            return Arrays.copyOf(hello.array(), hello.position());
        } catch (IOException error) {
            throw new IllegalStateException(error);
        }
    }

    private byte[] garbage() {
        byte[] garbage = new byte[1 + random.nextInt(200)];
        random.nextBytes(garbage);
        return garbage;
    }

    // ---- what the server cannot answer

    private void breakOff(byte[] beginning) throws IOException {
        state = State.BROKEN;
        connection.write(beginning);
    }

    private void goOnBroken() throws IOException {
        switch (random.nextInt(6)) {
            case 0, 1 -> connection.write(new byte[] {(byte) ('a' + random.nextInt(26))});
            case 2 -> idle();
            // Only half of it: the next byte, if there is one, will be one too many.
            case 3 -> connection.finish();
            default -> endAnyhow();
        }
    }

    // ---- HTTP/1.1

    private void http1() throws IOException {
        switch (random.nextInt(16)) {
            case 0 -> pipeline(2 + random.nextInt(8));
            case 1 -> answered(connection.request("/async").response(), life.beginNanos());
            case 2, 3 -> upgrade();
            case 4 -> breakOff(HALF_REQUEST.getBytes(StandardCharsets.US_ASCII));
            case 5 -> {
                // Leaves with a request under way.
                connection.request(random.nextBoolean() ? "/" : "/async");
                endAnyhow();
            }
            case 6 -> {
                connection.request("/", "Connection: close").awaitEnd();
                end(Ending.CLOSE);
            }
            case 7 -> endAnyhow();
            case 8 -> idle();
            default -> get();
        }
    }

    private void get() throws IOException {
        long asked = System.nanoTime();
        answered(connection.get("/"), asked);
    }

    private void pipeline(int requests) throws IOException {
        long asked = System.nanoTime();
        connection.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(requests));
        for (int i = 0; i < requests; i++) {
            answered(connection.response(), asked);
        }
    }

    private void answered(TestConnection.Response response, long askedNanos) throws IOException {
        if (response.status() == 429 || response.status() != 200 && askedNanos < unavailableUntilNanos.getAsLong()) {
            throw new IOException("status " + response.status());
        }
        assertThat(response.status()).as(response.body()).isEqualTo(200);
        life.answered(askedNanos);
    }

    private void upgrade() throws IOException {
        long asked = System.nanoTime();
        try {
            webSocket = new WebSocketConnection(connection);
            state = State.WEB_SOCKET;
            life.answered(asked);
        } catch (WebSocketConnection.RefusedException streams) {
            // The connection itself may be refused by such an answer, too, or may go on.
            end(Ending.CLOSE);
        }
    }

    // ---- WebSocket

    private void webSocket() throws IOException {
        switch (random.nextInt(12)) {
            case 0 -> {
                webSocket.close();
                end(Ending.CLOSE);
            }
            case 1 -> endAnyhow();
            case 2 -> {
                // Half a frame.
                connection.write(new byte[] {(byte) 0x81});
                state = State.BROKEN;
            }
            case 3 -> idle();
            default -> {
                long asked = System.nanoTime();
                assertThat(webSocket.echo("still here")).isEqualTo("still here");
                life.answered(asked);
            }
        }
    }

    // ---- HTTP/2

    private void http2() throws IOException {
        if (http2 == null) {
            http2 = new Http2Connection(connection, protocol.transport());
        }
        switch (random.nextInt(14)) {
            case 0 -> {
                int[] streams = {http2.request("/"), http2.request("/async"), http2.request("/")};
                for (int stream : streams) {
                    http2.response(stream);
                }
            }
            case 1 -> {
                // Leaves with requests under way.
                http2.request("/async");
                http2.request("/");
                endAnyhow();
            }
            case 2 -> {
                // SETTINGS belong to no stream.
                http2.writeFrame(0x4, 0, 7, new byte[0]);
                connection.awaitEnd();
                end(Ending.CLOSE);
            }
            case 3 -> {
                http2.goAway();
                endAnyhow();
            }
            case 4 -> {
                // Half a frame.
                connection.write(new byte[] {0, 0});
                state = State.BROKEN;
            }
            case 5 -> endAnyhow();
            case 6 -> idle();
            default -> getByHttp2();
        }
    }

    private void getByHttp2() throws IOException {
        long asked = System.nanoTime();
        String answer = http2.get("/");
        if (!answer.equals(Application.ANSWER)) {
            // Tomcat, now and then: status 200 and nothing more. It proves nothing, and is not the matter here.
            throw new IOException("answered \"" + answer + "\"");
        }
        life.answered(asked);
    }
}
