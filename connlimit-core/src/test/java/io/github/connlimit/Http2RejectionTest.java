package io.github.connlimit;

import static io.github.connlimit.RejectionTest.text;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class Http2RejectionTest {

    private static final String PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    private static final int DATA = 0;
    private static final int HEADERS = 1;
    private static final int SETTINGS = 4;
    private static final int PING = 6;
    private static final int GOAWAY = 7;

    /** With indexes of the static table: GET, https, /, and localhost as a literal. */
    private static final String GET = "8287 84 4109 6c6f63616c686f7374";

    private record Frame(int type, int flags, int stream, String payload) {}

    private final Http2Rejection http2 = new Http2Rejection(Rejection.CLIENT_LIMIT);

    private static byte[] frame(int type, int flags, int stream, byte[] payload) {
        return ByteBuffer.allocate(9 + payload.length)
                .putInt(payload.length << 8 | type)
                .put((byte) flags)
                .putInt(stream)
                .put(payload)
                .array();
    }

    private static byte[] request(int stream, int flags, String block) {
        return frame(HEADERS, flags, stream, HexFormat.of().parseHex(block.replace(" ", "")));
    }

    private static byte[] begun(byte[]... frames) {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        all.writeBytes(PREFACE.getBytes(StandardCharsets.US_ASCII));
        all.writeBytes(frame(SETTINGS, 0, 0, new byte[0]));
        for (byte[] frame : frames) {
            all.writeBytes(frame);
        }
        return all.toByteArray();
    }

    private static List<Frame> frames(ByteBuffer bytes) {
        List<Frame> frames = new ArrayList<>();
        while (bytes.hasRemaining()) {
            int lengthAndType = bytes.getInt();
            int flags = bytes.get();
            int stream = bytes.getInt();
            byte[] payload = new byte[lengthAndType >>> 8];
            bytes.get(payload);
            frames.add(new Frame(lengthAndType & 0xff, flags, stream, text(ByteBuffer.wrap(payload))));
        }
        return frames;
    }

    @Test
    void greets() {
        assertThat(frames(Http2Rejection.greeting())).containsExactly(new Frame(SETTINGS, 0, 0, ""));
    }

    @Test
    void answersEachRequestHoweverItsBytesCome() throws IOException {
        byte[] sent = begun(
                request(1, 5, GET),
                frame(PING, 0, 0, new byte[8]),
                frame(DATA, 1, 1, new byte[99]),
                request(3, 5, GET));
        for (int step = 1; step <= sent.length; step++) {
            Http2Rejection fresh = new Http2Rejection(Rejection.SERVER_LIMIT);
            ByteArrayOutputStream answer = new ByteArrayOutputStream();
            for (int from = 0; from < sent.length; from += step) {
                ByteBuffer received = ByteBuffer.wrap(sent, from, Math.min(step, sent.length - from));
                ByteBuffer part = fresh.received(received);
                assertThat(received.hasRemaining()).isFalse();
                answer.write(part.array(), part.position(), part.remaining());
            }
            List<Frame> frames = frames(ByteBuffer.wrap(answer.toByteArray()));
            assertThat(frames).extracting(Frame::type).containsExactly(SETTINGS, HEADERS, DATA, HEADERS, DATA);
            assertThat(frames).extracting(Frame::flags).containsExactly(1, 4, 1, 4, 1);
            assertThat(frames).extracting(Frame::stream).containsExactly(0, 1, 1, 3, 3);
            assertThat(frames.get(1).payload()).contains("503");
            assertThat(frames.get(4).payload()).isEqualTo("server connection limit reached\n");
            assertThat(fresh.isAnswered()).isTrue();
            assertThat(frames(fresh.goAway())).containsExactly(new Frame(GOAWAY, 0, 0, "\0\0\0\3\0\0\0\0"));
        }
    }

    /** A response to HEAD with a body is an error of the protocol; where the method is not known, none is right too. */
    @ParameterizedTest
    @CsvSource({
        // Literals: without indexing, never indexed, with indexing; as text and as Huffman codes.
        "02 04 48454144 8784, 5, false",
        "12 04 48454144 8784, 5, false",
        "42 84 c7821bff 8784, 5, false",
        "87 84 43 04 48454144, 5, false",
        "40 07 3a6d6574686f64 04 48454144, 5, false",
        "02 03 505554 8784, 5, true",
        "42 03 505554 8784, 5, true",
        "82, 5, true",
        "83, 5, true",
        "20 82, 5, true",
        "3f e11f 82, 5, true",
        "4109 6c6f63616c686f7374 82, 5, true",
        "02 82 0000, 13, true",
        "00000000 00 82, 37, true",
        // From the dynamic table, cut off, or not there.
        "be 82, 5, false",
        "87, 5, false",
        "02 04 48, 5, false",
        "ff ffffffffffff, 5, false",
        "'', 5, false"
    })
    void answersAHeadRequestWithoutABody(String block, int flags, boolean body) throws IOException {
        List<Frame> frames = frames(http2.received(ByteBuffer.wrap(begun(request(1, flags, block)))));
        if (body) {
            assertThat(frames).extracting(Frame::type).containsExactly(SETTINGS, HEADERS, DATA);
            assertThat(frames.get(1).flags()).isEqualTo(4);
        } else {
            assertThat(frames).extracting(Frame::type).containsExactly(SETTINGS, HEADERS);
            assertThat(frames.get(1).flags()).isEqualTo(5);
        }
        assertThat(frames.get(1).payload()).contains("429");
        assertThat(http2.isAnswered()).isTrue();
    }

    @Test
    void doesNotAnswerTrailersOrAcknowledgements() throws IOException {
        http2.received(ByteBuffer.wrap(begun(request(1, 4, GET))));
        assertThat(http2.received(ByteBuffer.wrap(request(1, 5, GET))).hasRemaining())
                .isFalse();
        assertThat(http2.received(ByteBuffer.wrap(frame(SETTINGS, 1, 0, new byte[0])))
                        .hasRemaining())
                .isFalse();
    }

    @Test
    void looksAtTheBeginningOfALongBlockOnly() throws IOException {
        byte[] block = new byte[16_000];
        block[0] = (byte) 0x82;
        List<Frame> frames =
                frames(http2.received(ByteBuffer.wrap(begun(frame(HEADERS, 5, 1, block), request(3, 5, GET)))));
        assertThat(frames).extracting(Frame::stream).containsExactly(0, 1, 1, 3, 3);
    }

    @Test
    void endsWhatViolatesTheProtocol() {
        assertThatThrownBy(() -> http2.received(ByteBuffer.wrap(begun(frame(DATA, 0, 1, new byte[16_385])))))
                .isInstanceOf(IOException.class)
                .hasMessage("an HTTP/2 frame of 16385 bytes");
    }

    @Test
    void endsWhatAsksTooOften() throws IOException {
        http2.received(ByteBuffer.wrap(begun()));
        for (int i = 0; i < 100; i++) {
            assertThat(http2.received(ByteBuffer.wrap(request(2 * i + 1, 5, GET)))
                            .hasRemaining())
                    .isTrue();
        }
        assertThatThrownBy(() -> http2.received(ByteBuffer.wrap(request(201, 5, GET))))
                .isInstanceOf(IOException.class);
    }
}
