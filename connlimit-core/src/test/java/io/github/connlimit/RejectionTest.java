package io.github.connlimit;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class RejectionTest {

    private static final InetAddress PEER = Addresses.ip("192.0.2.1");
    private static final InetAddress OTHER = Addresses.ip("192.0.2.2");
    private static final InetAddress PROXY = Addresses.ip("192.0.2.9");

    static String text(ByteBuffer bytes) {
        return StandardCharsets.ISO_8859_1.decode(bytes).toString();
    }

    @ParameterizedTest
    @EnumSource
    void theResponseIsHttp(Rejection rejection) {
        String text = text(rejection.httpResponse(true));
        int end = text.indexOf("\r\n\r\n");
        String body = text.substring(end + 4);
        assertThat(text.substring(0, end).split("\r\n"))
                .containsExactly(
                        rejection == Rejection.CLIENT_LIMIT
                                ? "HTTP/1.1 429 Too Many Requests"
                                : "HTTP/1.1 503 Service Unavailable",
                        "Retry-After: 1",
                        "Content-Type: text/plain;charset=utf-8",
                        "Content-Length: " + body.length(),
                        "Connection: close");
        assertThat(body).isEqualTo(rejection.text());
        assertThat(text(rejection.httpResponse(false))).isEqualTo(text.substring(0, end + 4));
    }

    @Test
    void saysWhatTheExceptionSays() {
        assertThat(Rejection.CLIENT_LIMIT.text()).isEqualTo(new ConnectionLimitExceededException().getMessage() + "\n");
    }

    @Test
    void theResponseIsTheCallersOwn() {
        ByteBuffer response = Rejection.CLIENT_LIMIT.httpResponse(true);
        assertThat(response.isReadOnly()).isTrue();
        response.position(response.limit());
        assertThat(Rejection.CLIENT_LIMIT.httpResponse(true).position()).isZero();
        assertThat(Rejection.CLIENT_LIMIT.httpResponse(true).remaining()).isEqualTo(response.capacity());
    }

    private static ConnectionGate<String> gate(ConnectionLimits.Builder limits) {
        return new ConnectionGate<>(new ConnectionLimiter(limits.build()));
    }

    @Test
    void theLimitOfAClientIsTheClients() {
        ConnectionGate<String> gate =
                gate(ConnectionLimits.builder().maxPerClient(1).maxTotal(100).exempt("192.0.2.9"));
        assertThat(gate.tryAdmit("a", PEER, null)).isNull();
        assertThat(gate.tryAdmit("b", PEER, null)).isEqualTo(Rejection.CLIENT_LIMIT);
        assertThat(gate.tryAdmitRequest("c", PEER)).isEqualTo(Rejection.CLIENT_LIMIT);
        assertThat(gate.tryAdmit("d", PROXY, null)).isNull();
        assertThat(gate.tryReassign("d", PROXY, PEER)).isEqualTo(Rejection.CLIENT_LIMIT);
        assertThat(gate.tryReassign("d", PROXY, OTHER)).isNull();
    }

    @Test
    void theLimitOfAllIsTheServers() {
        ConnectionGate<String> gate =
                gate(ConnectionLimits.builder().maxTotal(1).exempt("192.0.2.9"));
        assertThat(gate.tryAdmit("a", PEER, ConnectionPhase.HANDSHAKE)).isNull();
        assertThat(gate.tryAdmit("b", OTHER, null)).isEqualTo(Rejection.SERVER_LIMIT);
        assertThat(gate.tryAdmitRequest("c", OTHER)).isEqualTo(Rejection.SERVER_LIMIT);
        assertThat(gate.tryAdmit("d", PROXY, null)).isNull();
        assertThat(gate.tryAdmit("e", PROXY, null)).isNull();
        assertThat(gate.tryReassign("e", PROXY, OTHER)).isEqualTo(Rejection.SERVER_LIMIT);
    }

    @Test
    void anErrorIsTheServers() {
        assertThat(gate(ConnectionLimits.builder()).tryAdmit("a", null, null)).isEqualTo(Rejection.SERVER_LIMIT);
        assertThat(gate(ConnectionLimits.builder().onError(ErrorPolicy.ADMIT)).tryAdmit("a", null, null))
                .isNull();
    }
}
