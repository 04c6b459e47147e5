package io.github.connlimit.jetty;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.testing.ManualTicker;
import java.io.IOException;
import java.net.SocketException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.eclipse.jetty.server.ProxyConnectionFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * PROXY protocol headers that are wrong in every way, from a peer that is exempt and from one that is not: nobody is
 * counted for them, nothing stays, and the server goes on.
 */
class HostileProxyHeaderTest {

    /** Exempt by a rule. */
    private static final String PROXY = "127.0.0.9";

    private static final String ANYBODY = Client.GREEDY;

    /** Named by those headers that can be read at all. */
    private static final String NAMED = "10.1.2.3";

    /** Jetty closes the connection at once for every other one, and waits for more behind these. */
    private static final Set<String> WAITED_FOR =
            Set.of("a line without end", "a name in place of an address", "command 15", "not a protocol");

    /** Said once, of a name in place of an address. */
    private static final String NAMES_NOBODY = "names a client by \"attacker.invalid\"";

    private static final byte[] V2_SIGNATURE = {0x0D, 0x0A, 0x0D, 0x0A, 0, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A};

    /** By the clock of the test. The server looks for what is due as often as this. */
    private static final Duration TIMEOUT = Duration.ofMillis(20);

    private final ManualTicker ticker = new ManualTicker();
    private final CapturedLog log = new CapturedLog();

    @AfterEach
    void nothingLoggedByConnlimit() {
        log.close();
        assertThat(log.messages())
                .noneMatch(message -> message.startsWith("io.github.connlimit.") && !message.contains(NAMES_NOBODY));
    }

    private static byte[] v1(String header) {
        return header.getBytes(StandardCharsets.ISO_8859_1);
    }

    private static byte[] v2(int versionAndCommand, int family, int length, int... payload) {
        ByteBuffer header = ByteBuffer.allocate(16 + payload.length).put(V2_SIGNATURE);
        header.put((byte) versionAndCommand).put((byte) family).putShort((short) length);
        for (int next : payload) {
            header.put((byte) next);
        }
        return header.array();
    }

    /** None of them names a client by the rules of the protocol. */
    private static Map<String, byte[]> headers() {
        Map<String, byte[]> headers = new TreeMap<>();
        headers.put("no protocol", v1("PROXY\r\n"));
        headers.put("not a protocol", v1("PROXY TCP5 10.1.2.3 10.1.2.3 1 2\r\n"));
        headers.put("too few words", v1("PROXY TCP4 10.1.2.3\r\n"));
        headers.put("a name in place of an address", v1("PROXY TCP4 attacker.invalid 127.0.0.1 1 2\r\n"));
        headers.put("not a port", v1("PROXY TCP4 10.1.2.3 127.0.0.1 x 2\r\n"));
        headers.put("a port too large", v1("PROXY TCP4 10.1.2.3 127.0.0.1 99999 2\r\n"));
        headers.put("a line without end", v1("PROXY TCP4 " + "1".repeat(500)));
        headers.put("bytes above ASCII", v1("PROXY TCP4 \u00e4\u00f6\u00fc\u0000 127.0.0.1 1 2\r\n"));
        headers.put("lower case", v1("proxy TCP4 10.1.2.3 127.0.0.1 1 2\r\n"));
        headers.put("version 3", v2(0x31, 0x11, 12, 10, 1, 2, 3, 10, 1, 2, 3, 0, 1, 0, 2));
        headers.put("command 15", v2(0x2f, 0x11, 12, 10, 1, 2, 3, 10, 1, 2, 3, 0, 1, 0, 2));
        headers.put("too short for its family", v2(0x21, 0x11, 4, 10, 1, 2, 3));
        headers.put("no payload", v2(0x21, 0x21, 0));
        headers.put("longer than is allowed", v2(0x21, 0x11, 0xffff, new int[2000]));
        headers.put(
                "a field longer than the rest",
                v2(0x21, 0x11, 15, 10, 1, 2, 3, 10, 1, 2, 3, 0, 1, 0, 2, 0x20, 0xff, 0xff));
        return headers;
    }

    private TestServer server(boolean tls, String next) throws Exception {
        ProxyConnectionFactory proxy = new ProxyConnectionFactory(next);
        ConnectionLimits limits = ConnectionLimits.builder()
                .maxPerClient(2)
                .exempt(PROXY)
                .handshakeTimeout(TIMEOUT)
                .build();
        return new TestServer(
                        new ConnectionLimiter(limits, ticker), tls ? TestServer.tls(proxy) : TestServer.plain(proxy))
                .limited();
    }

    /** Until the deadline of everything that is open has passed, and the server has closed it. */
    private void awaitDeadlines(TestServer server) {
        await().atMost(TestServer.DEADLINE).until(() -> {
            ticker.advance(TIMEOUT);
            return server.limiter.snapshot().openConnections() == 0;
        });
    }

    private static void awaitEnd(Client client) throws IOException {
        try {
            client.readAll();
        } catch (SocketException reset) {
            assertThat(reset).hasMessageContaining("reset");
        }
    }

    private static void send(Client client, byte[] header) throws IOException {
        try {
            client.send(header);
        } catch (SocketException reset) {
            // It may have been ended after the first bytes.
        }
    }

    private static void assertServes(TestServer server, boolean tls) throws Exception {
        try (Client good = server.connect(PROXY)) {
            good.send("PROXY TCP4 " + NAMED + " 127.0.0.1 1 2\r\n");
            assertThat((tls ? good.tls() : good).get("/")).startsWith("HTTP/1.1 200 ");
            server.awaitOpen(NAMED, 1);
        }
        server.awaitZero();
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void malformed(boolean tls) throws Exception {
        for (String next : new String[] {null, tls ? "ssl" : "http/1.1"}) {
            try (TestServer server = server(tls, next)) {
                for (String from : List.of(PROXY, ANYBODY)) {
                    List<Client> waiting = new ArrayList<>();
                    for (Map.Entry<String, byte[]> header : headers().entrySet()) {
                        Client client = server.connect(from);
                        send(client, header.getValue());
                        if (WAITED_FOR.contains(header.getKey())) {
                            waiting.add(client);
                        } else {
                            // While no time passes.
                            awaitEnd(client);
                            client.close();
                        }
                        if (from.equals(ANYBODY)) {
                            // Within its limit, one by one.
                            awaitDeadlines(server);
                        }
                    }
                    awaitDeadlines(server);
                    for (Client client : waiting) {
                        awaitEnd(client);
                        client.close();
                    }
                    server.awaitZero();
                }
                assertThat(server.requests).as("requests served").hasValue(0);
                assertServes(server, tls);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void truncatedAnywhere(boolean tls) throws Exception {
        byte[] first = v1("PROXY TCP4 " + NAMED + " 127.0.0.1 1 2\r\n");
        byte[] second = v2(0x21, 0x11, 12, 10, 1, 2, 3, 10, 1, 2, 3, 0, 1, 0, 2);
        try (TestServer server = server(tls, null)) {
            for (byte[] header : List.of(first, second)) {
                List<Client> silent = new ArrayList<>();
                for (int length = 1; length < header.length; length++) {
                    byte[] part = Arrays.copyOf(header, length);
                    Client client = server.connect(PROXY);
                    client.send(part);
                    switch (length % 3) {
                        case 0 -> client.close();
                        case 1 -> client.reset();
                        default -> silent.add(client);
                    }
                }
                awaitDeadlines(server);
                for (Client client : silent) {
                    awaitEnd(client);
                    client.close();
                }
                server.awaitZero();
                server.awaitOpen(NAMED, 0);
            }
            assertThat(server.requests).hasValue(0);
            assertServes(server, tls);
        }
    }
}
