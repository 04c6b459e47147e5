package io.github.connlimit.tomcat;

import static java.time.Duration.ofSeconds;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.catalina.valves.RemoteIpValve;
import org.apache.coyote.http11.AbstractHttp11Protocol;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Connections without an address. */
@Timeout(120)
class UnixDomainSocketTest {

    private final TestServer server = new TestServer();
    private final ConnectionLimitValve valve = new ConnectionLimitValve();
    private final List<SocketChannel> channels = new ArrayList<>();
    private Path path;

    @BeforeEach
    void makePath() throws IOException {
        Logs.quiet();
        // Not below target: such a path may have about 100 characters.
        path = Files.createTempDirectory("connlimit").resolve("s");
    }

    @AfterEach
    void close() throws Exception {
        for (SocketChannel channel : channels) {
            channel.close();
        }
        server.close();
        assertThat(valve.getOpenConnections()).isZero();
        assertThat(valve.getClients()).isZero();
        Files.deleteIfExists(path);
        Files.delete(path.getParent());
    }

    private String get(String target, String headers) throws IOException {
        SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX);
        channels.add(channel);
        channel.connect(UnixDomainSocketAddress.of(path));
        channel.write(ByteBuffer.wrap(("GET " + target + " HTTP/1.1\r\nHost: localhost\r\n" + headers + "\r\n")
                .getBytes(StandardCharsets.US_ASCII)));
        if (target.equals("/hold")) {
            return "";
        }
        ByteBuffer buffer = ByteBuffer.allocate(4096);
        channel.read(buffer);
        return new String(buffer.array(), 0, buffer.position(), StandardCharsets.US_ASCII);
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void areExempt(boolean limited) throws Exception {
        AbstractHttp11Protocol<?> protocol = limited ? Kind.NIO.protocol() : Kind.NIO.stock();
        protocol.setProperty("unixDomainSocketPath", path.toString());
        server.add(protocol);
        valve.setMaxPerClient("1");
        RemoteIpValve remoteIp = new RemoteIpValve();
        server.tomcat.getEngine().getPipeline().addValve(remoteIp);
        server.tomcat.getEngine().getPipeline().addValve(valve);
        server.start();

        for (int i = 0; i < 3; i++) {
            get("/hold", "");
        }
        await().atMost(ofSeconds(30)).until(() -> server.holding.get() == 3);
        assertThat(get("/", "")).startsWith("HTTP/1.1 200");
        assertThat(valve.getAdmitted()).isZero();

        // Whoever sits at the other end is trusted by the file system, and may speak for others.
        get("/hold", "X-Forwarded-For: 203.0.113.1\r\n");
        await().atMost(ofSeconds(30)).until(() -> server.holding.get() == 4);
        assertThat(get("/", "X-Forwarded-For: 203.0.113.1\r\n")).startsWith("HTTP/1.1 429");
        assertThat(get("/", "X-Forwarded-For: 203.0.113.2\r\n")).startsWith("HTTP/1.1 200");

        server.hold.countDown();
        await().atMost(ofSeconds(30)).until(() -> valve.getOpenConnections() == 0);
    }
}
