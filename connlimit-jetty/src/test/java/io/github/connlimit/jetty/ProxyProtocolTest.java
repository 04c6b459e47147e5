package io.github.connlimit.jetty;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.Refusal;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.eclipse.jetty.server.ProxyConnectionFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Connections that a proxy announces by a PROXY protocol header. */
class ProxyProtocolTest {

    /** Exempt by a rule. */
    private static final String PROXY = "127.0.0.9";

    private static final String GREEDY = "10.1.2.3";
    private static final String MODEST = "10.1.2.4";

    private static final String GET = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

    private static final byte[] V2_SIGNATURE = {0x0D, 0x0A, 0x0D, 0x0A, 0, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A};

    private final CapturedLog log = new CapturedLog();

    @AfterEach
    void nothingLogged() {
        log.close();
        assertThat(log.messages()).isEmpty();
    }

    private static ConnectionLimits.Builder limits() {
        return ConnectionLimits.builder().maxPerClient(2).exempt(PROXY);
    }

    private static TestServer server(ConnectionLimits.Builder limits, boolean tls, String next) throws Exception {
        ProxyConnectionFactory proxy = new ProxyConnectionFactory(next);
        return new TestServer(
                        new ConnectionLimiter(limits.build()), tls ? TestServer.tls(proxy) : TestServer.plain(proxy))
                .limited();
    }

    private static byte[] header(int version, String client) throws IOException {
        InetAddress address = InetAddress.getByName(client);
        if (version == 1) {
            String family = address.getAddress().length == 4 ? "TCP4 " : "TCP6 ";
            return ("PROXY " + family + client + " " + client + " 1234 80\r\n").getBytes(StandardCharsets.US_ASCII);
        }
        int length = address.getAddress().length * 2 + 4;
        return ByteBuffer.allocate(16 + length)
                .put(V2_SIGNATURE)
                .put((byte) 0x21)
                .put((byte) (length == 12 ? 0x11 : 0x21))
                .putShort((short) length)
                .put(address.getAddress())
                .put(address.getAddress())
                .putShort((short) 1234)
                .putShort((short) 80)
                .array();
    }

    private static Client connect(TestServer server, String from, byte[] header) throws Exception {
        Client client = server.connect(from);
        client.send(header);
        return client;
    }

    private static void assertEnded(Client client) {
        try {
            assertThat(client.readAll()).isEmpty();
        } catch (IOException reset) {
            assertThat(reset).hasMessageContaining("reset");
        }
    }

    @ParameterizedTest
    @CsvSource({"1,http/1.1", "2,http/1.1", "1,", "2,"})
    void countsForTheClientInClearText(int version, String next) throws Exception {
        try (TestServer server = server(limits(), false, next)) {
            for (String greedy : List.of(GREEDY, "2001:db8:0:0:0:0:0:1")) {
                try (Client first = connect(server, PROXY, header(version, greedy));
                        Client second = connect(server, PROXY, header(version, greedy))) {
                    assertThat(first.get("/")).startsWith("HTTP/1.1 200 ");
                    assertThat(second.get("/")).startsWith("HTTP/1.1 200 ");
                    server.awaitOpen(greedy, 2);
                    server.awaitOpen(PROXY, 0);
                    try (Client refused = connect(server, PROXY, header(version, greedy));
                            Client other = connect(server, PROXY, header(version, MODEST))) {
                        assertEnded(refused);
                        assertThat(other.get("/")).startsWith("HTTP/1.1 200 ");
                    }
                    assertThat(first.get("/")).startsWith("HTTP/1.1 200 ");
                }
                server.awaitZero();
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"1,ssl", "2,ssl", "1,", "2,"})
    void countsForTheClientBeforeTls(int version, String next) throws Exception {
        try (TestServer server = server(limits(), true, next)) {
            try (Client first = connect(server, PROXY, header(version, GREEDY));
                    Client second =
                            connect(server, PROXY, header(version, GREEDY)).tls()) {
                // The first one has not begun its handshake.
                server.awaitOpen(GREEDY, 2);
                try (Client refused = connect(server, PROXY, header(version, GREEDY));
                        Client other =
                                connect(server, PROXY, header(version, MODEST)).tls()) {
                    // Without having said anything of TLS.
                    assertEnded(refused);
                    assertThat(other.get("/")).startsWith("HTTP/1.1 200 ");
                }
                assertThat(second.get("/")).startsWith("HTTP/1.1 200 ");
                assertThat(first.tls().get("/")).startsWith("HTTP/1.1 200 ");
            }
            server.awaitZero();
        }
    }

    @ParameterizedTest
    @CsvSource({"RESET,http/1.1", "CLOSE,http/1.1", "RESPOND,http/1.1", "RESET,", "CLOSE,", "RESPOND,"})
    void requestTogetherWithTheHeaderIsNotServed(Refusal refusal, String next) throws Exception {
        try (TestServer server = server(limits().maxPerClient(1).refuse(refusal), false, next)) {
            try (Client admitted = connect(server, PROXY, header(1, GREEDY))) {
                assertThat(admitted.get("/")).startsWith("HTTP/1.1 200 ");
                for (int i = 0; i < 100; i++) {
                    // Beyond those that may be answered at once, they are reset.
                    await().pollInterval(Duration.ofMillis(5))
                            .atMost(TestServer.DEADLINE)
                            .until(() ->
                                    server.connector.getConnectedEndPoints().size() == 1);
                    try (Client refused = server.connect(PROXY)) {
                        ByteBuffer both = ByteBuffer.allocate(1000);
                        both.put(header(1 + i % 2, GREEDY)).put(GET.getBytes(StandardCharsets.US_ASCII));
                        refused.send(Arrays.copyOf(both.array(), both.position()));
                        if (refusal == Refusal.RESPOND && next == null) {
                            assertThat(refused.readAll()).startsWith("HTTP/1.1 429 ");
                        } else {
                            assertEnded(refused);
                        }
                    }
                }
                assertThat(server.requests).hasValue(1);
                assertThat(admitted.get("/")).startsWith("HTTP/1.1 200 ");
                server.awaitOpen(GREEDY, 1);
                await().atMost(TestServer.DEADLINE)
                        .until(() -> server.limiter.snapshot().openConnections() == 1);
            }
            server.awaitZero();
        }
    }

    @Test
    void answersOnTls() throws Exception {
        try (TestServer server = server(limits().maxPerClient(1).refuse(Refusal.RESPOND), true, null)) {
            try (Client admitted = connect(server, PROXY, header(1, GREEDY)).tls();
                    Client refused = connect(server, PROXY, header(2, GREEDY)).tls()) {
                refused.send(GET);
                assertThat(refused.readAll()).startsWith("HTTP/1.1 429 ");
                assertThat(admitted.get("/")).startsWith("HTTP/1.1 200 ");
            }
            server.awaitZero();
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void headerWithoutAnAddressCountsForThePeer(boolean tls) throws Exception {
        byte[] local =
                ByteBuffer.allocate(16).put(V2_SIGNATURE).put((byte) 0x20).array();
        byte[] unknown = "PROXY UNKNOWN\r\n".getBytes(StandardCharsets.US_ASCII);
        try (TestServer server = server(limits(), tls, null)) {
            List<Client> clients = new ArrayList<>();
            for (int i = 0; i < 4; i++) {
                Client client = connect(server, PROXY, i % 2 == 0 ? local : unknown);
                clients.add(tls ? client.tls() : client);
            }
            for (Client client : clients) {
                assertThat(client.get("/")).startsWith("HTTP/1.1 200 ");
            }
            server.awaitOpen(PROXY, 4);
            for (Client client : clients) {
                client.close();
            }
            server.awaitZero();
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void headerFromAnybodyElseChangesNothing(boolean tls) throws Exception {
        String peer = Client.GREEDY;
        for (String next : new String[] {null, tls ? "ssl" : "http/1.1"}) {
            try (TestServer server = server(limits(), tls, next)) {
                try (Client first = connect(server, peer, header(1, GREEDY));
                        Client second = connect(server, peer, header(2, MODEST))) {
                    assertThat((tls ? first.tls() : first).get("/")).startsWith("HTTP/1.1 200 ");
                    assertThat((tls ? second.tls() : second).get("/")).startsWith("HTTP/1.1 200 ");
                    server.awaitOpen(peer, 2);
                    server.awaitOpen(GREEDY, 0);
                    try (Client refused = server.connect(peer)) {
                        assertThat(refused.ending()).isEqualTo("reset");
                    }
                }
                server.awaitZero();
            }
        }
    }

    @ParameterizedTest
    @EnumSource(Refusal.class)
    void handlerOfOnesOwnIsToldOfTheClient(Refusal refusal) throws Exception {
        List<InetAddress> refusedClients = new CopyOnWriteArrayList<>();
        TestServer server = new TestServer(
                new ConnectionLimiter(limits().maxPerClient(1).refuse(refusal).build()),
                TestServer.plain(new ProxyConnectionFactory()));
        server.connector.addBean(new ConnectionLimitListener(server.limiter, (channel, client) -> {
            refusedClients.add(client);
            channel.write(ByteBuffer.wrap("go away".getBytes(StandardCharsets.US_ASCII)));
        }));
        try (server) {
            server.started();
            try (Client admitted = connect(server, PROXY, header(1, GREEDY))) {
                assertThat(admitted.get("/")).startsWith("HTTP/1.1 200 ");
                try (Client refused = connect(server, PROXY, header(1, GREEDY))) {
                    assertThat(refused.readAll()).isEqualTo("go away");
                }
            }
            assertThat(refusedClients).containsExactly(InetAddress.getByName(GREEDY));
            server.awaitZero();
        }
    }

    @Test
    void dryRunRefusesNobody() throws Exception {
        try (TestServer server = server(limits().maxPerClient(1).dryRun(true), false, null)) {
            try (Client first = connect(server, PROXY, header(1, GREEDY));
                    Client second = connect(server, PROXY, header(1, GREEDY))) {
                assertThat(first.get("/")).startsWith("HTTP/1.1 200 ");
                assertThat(second.get("/")).startsWith("HTTP/1.1 200 ");
                server.awaitOpen(GREEDY, 2);
                assertThat(server.limiter.snapshot().dryRunRefused()).isEqualTo(1);
            }
            server.awaitZero();
        }
    }

    @Test
    void leavesTheConnectorAsItWas() throws Exception {
        TestServer server =
                new TestServer(new ConnectionLimiter(limits().build()), TestServer.plain(new ProxyConnectionFactory()));
        ConnectionLimitListener listener = new ConnectionLimitListener(server.limiter);
        server.connector.addBean(listener);
        assertThat(server.connector.getProtocols()).containsExactly("[proxy]", "connlimit", "http/1.1");
        assertThat(server.connector.getDefaultProtocol()).isEqualTo("[proxy]");
        server.connector.removeBean(listener);
        assertThat(server.connector.getProtocols()).containsExactly("[proxy]", "http/1.1");
        assertThat(server.connector.getDefaultProtocol()).isEqualTo("[proxy]");
    }
}
