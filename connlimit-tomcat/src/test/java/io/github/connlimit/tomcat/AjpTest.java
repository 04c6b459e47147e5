package io.github.connlimit.tomcat;

import static java.time.Duration.ofSeconds;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.logging.Level;
import org.apache.catalina.connector.Connector;
import org.apache.coyote.ajp.AjpNioProtocol;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Requests from a web server that speaks AJP, the connections of which cannot be limited. */
@Timeout(120)
class AjpTest {

    private final TestServer server = new TestServer();
    private final ConnectionLimitValve valve = new ConnectionLimitValve();

    @BeforeEach
    void quiet() {
        Logs.quiet();
    }

    @AfterEach
    void endsAtZero() throws Exception {
        server.close();
        await().atMost(ofSeconds(30)).untilAsserted(() -> {
            assertThat(valve.getOpenConnections()).isZero();
            assertThat(valve.getClients()).isZero();
        });
    }

    @Test
    void requestsCountForTheClientThatTheWebServerNames() throws Exception {
        AjpNioProtocol protocol = new AjpNioProtocol();
        protocol.setSecretRequired(false);
        Connector connector = server.add(protocol);
        valve.setMaxPerClient("1");
        server.tomcat.getEngine().getPipeline().addValve(valve);
        try (Logs logs = Logs.listen()) {
            server.start();
            assertThat(logs.messages(Level.WARNING, "AJP has no protocol that could"))
                    .hasSize(1);
        }

        send(connector, "/hold", "203.0.113.1");
        await().atMost(ofSeconds(30)).until(() -> server.holding.get() == 1);
        assertThat(valve.topClients(5)).containsExactly("203.0.113.1/32 open=1 pending=0 streams=0 limit=1");
        assertThat(status(send(connector, "/", "203.0.113.1"))).isEqualTo(429);
        assertThat(status(send(connector, "/", "203.0.113.2"))).isEqualTo(200);
    }

    /** A FORWARD_REQUEST packet, by the protocol's description. */
    private Client send(Connector connector, String path, String client) throws IOException {
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        DataOutputStream out = new DataOutputStream(body);
        out.writeByte(2);
        out.writeByte(2);
        string(out, "HTTP/1.1");
        string(out, path);
        string(out, client);
        out.writeShort(0xffff);
        string(out, "localhost");
        out.writeShort(80);
        out.writeByte(0);
        out.writeShort(1);
        out.writeShort(0xa00b);
        string(out, "localhost");
        out.writeByte(0xff);
        Client webServer = server.connect(9, connector);
        DataOutputStream packet = new DataOutputStream(webServer.socket.getOutputStream());
        packet.writeShort(0x1234);
        packet.writeShort(body.size());
        packet.write(body.toByteArray());
        packet.flush();
        return webServer;
    }

    private static void string(DataOutputStream out, String text) throws IOException {
        out.writeShort(text.length());
        out.write(text.getBytes(StandardCharsets.US_ASCII));
        out.writeByte(0);
    }

    /** The status in the SEND_HEADERS packet; if asked for the body before, says that there is none. */
    private static int status(Client webServer) throws IOException {
        DataInputStream in = new DataInputStream(webServer.socket.getInputStream());
        assertThat(in.readUnsignedShort()).isEqualTo(0x4142);
        byte[] packet = in.readNBytes(in.readUnsignedShort());
        if (packet[0] == 6) {
            webServer.socket.getOutputStream().write(new byte[] {0x12, 0x34, 0, 0});
            return status(webServer);
        }
        assertThat(packet[0]).isEqualTo((byte) 4);
        return Byte.toUnsignedInt(packet[1]) << 8 | Byte.toUnsignedInt(packet[2]);
    }
}
