package io.github.connlimit.it.tomcat;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.github.connlimit.it.FreePort;
import io.github.connlimit.testing.RedisProcess;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import javax.net.ssl.SSLSocketFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The jar in the {@code lib} directory of a stock Tomcat that its own scripts start and stop. */
@Tag("distribution")
@Timeout(300)
class TomcatDistributionIT {

    private final List<Socket> sockets = new ArrayList<>();

    @AfterEach
    void closeSockets() throws Exception {
        for (Socket socket : sockets) {
            socket.close();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"ConnectionLimitHttp11NioProtocol", "ConnectionLimitHttp11Nio2Protocol"})
    void sharesOneLimitOverHttpAndHttps(String protocol) throws Exception {
        try (TomcatDistribution tomcat = new TomcatDistribution(protocol)) {
            int http = FreePort.find();
            int https = FreePort.find();
            Path keystore = tomcat.makeKeystore();
            tomcat.configure("""
                    <Connector port="%1$d" protocol="io.github.connlimit.tomcat.%3$s"
                               connectionTimeout="20000" redirectPort="%2$d"/>
                    <Connector port="%2$d" protocol="io.github.connlimit.tomcat.%3$s"
                               SSLEnabled="true" scheme="https" secure="true">
                      <SSLHostConfig>
                        <Certificate certificateKeystoreFile="%4$s" certificateKeystorePassword="changeit"/>
                      </SSLHostConfig>
                    </Connector>
                    """.formatted(http, https, protocol, keystore), """
                    <Valve className="io.github.connlimit.tomcat.ConnectionLimitValve"
                           maxPerClient="3" rules="127.0.0.4=unlimited"/>
                    """);
            SSLSocketFactory tls = tomcat.trusting(keystore);
            tomcat.start();

            assertThat(isServed(2, http)).isTrue();
            assertThat(isServed(2, http)).isTrue();
            assertThat(isServed(2, https, tls)).isTrue();
            assertThat(isServed(2, http)).isFalse();
            assertThat(isServed(2, https, tls)).isFalse();
            assertThat(isServed(3, http)).isTrue();
            assertThat(isServed(3, https, tls)).isTrue();
            for (int i = 0; i < 5; i++) {
                assertThat(isServed(4, http)).isTrue();
            }

            tomcat.stop();
            assertThat(tomcat.complaints()).isEmpty();
        }
    }

    /** The one that comes first has the whole limit, and the other what is free. */
    @Test
    void holdsOneLimitWithAnotherServer() throws Exception {
        try (RedisProcess redis = new RedisProcess("--requirepass", "secret").start();
                TomcatDistribution one = new TomcatDistribution("cluster-1");
                TomcatDistribution other = new TomcatDistribution("cluster-2")) {
            int first = startNode(one, redis);
            int second = startNode(other, redis);
            AtomicInteger there = new AtomicInteger();
            await().atMost(Duration.ofSeconds(60)).until(() -> there.addAndGet(served(first)) == 20);
            assertThat(served(second)).isEqualTo(2);
            assertThat(served(first)).isZero();
            for (TomcatDistribution tomcat : List.of(one, other)) {
                tomcat.stop();
                assertThat(tomcat.complaints()).isEmpty();
                assertThat(tomcat.log()).contains("INFO").doesNotContain("secret");
            }
        }
    }

    private static int startNode(TomcatDistribution tomcat, RedisProcess redis) throws Exception {
        int port = FreePort.find();
        tomcat.addCluster();
        tomcat.configure("""
                <Connector port="%d" protocol="io.github.connlimit.tomcat.ConnectionLimitHttp11NioProtocol"
                           maxPerClient="20" freePerClient="2" clusterUri="redis://:secret@127.0.0.1:%d"/>
                """.formatted(port, redis.port()), "");
        tomcat.start();
        return port;
    }

    /** How many are served until one is not; they stay open. */
    private int served(int port) throws IOException {
        int served = 0;
        while (isServed(2, port)) {
            served++;
        }
        return served;
    }

    @Test
    void aConnectorWithABadValueStaysClosed() throws Exception {
        try (TomcatDistribution tomcat = new TomcatDistribution("bad-connector")) {
            int bad = FreePort.find();
            int good = FreePort.find();
            tomcat.configure("""
                    <Connector port="%d" protocol="io.github.connlimit.tomcat.ConnectionLimitHttp11NioProtocol"
                               maxPerClient="abc"/>
                    <Connector port="%d" protocol="io.github.connlimit.tomcat.ConnectionLimitHttp11NioProtocol"
                               maxPerClient="1"/>
                    """.formatted(bad, good), "");
            tomcat.start();

            assertThat(isServed(2, good)).isTrue();
            assertThat(isServed(2, good)).isFalse();
            assertThat(isServed(2, bad)).isFalse();
            tomcat.stop();
            assertThat(tomcat.log())
                    .contains(
                            "maxPerClient: \"abc\" is not allowed; a whole number from 0 to 2147483647 (0 = unlimited)");
        }
    }

    @Test
    void aValveWithABadValueKeepsTheServerFromStarting() throws Exception {
        try (TomcatDistribution tomcat = new TomcatDistribution("bad-valve")) {
            int port = FreePort.find();
            tomcat.configure("""
                    <Connector port="%d" protocol="io.github.connlimit.tomcat.ConnectionLimitHttp11NioProtocol"/>
                    """.formatted(port), """
                    <Valve className="io.github.connlimit.tomcat.ConnectionLimitValve" rules="localhost=5"/>
                    """);
            tomcat.startInVain();
            assertThat(isServed(2, port)).isFalse();
            assertThat(tomcat.log()).contains("rules: CIDR: \"localhost\" is not allowed; ");
        }
    }

    private boolean isServed(int lastByte, int port) throws IOException {
        return isServed(lastByte, port, null);
    }

    /** Sends a request from 127.0.0.lastByte, over TLS if there is a factory, and leaves the connection open. */
    private boolean isServed(int lastByte, int port, SSLSocketFactory tls) throws IOException {
        Socket socket = new Socket();
        sockets.add(socket);
        socket.setSoTimeout(60_000);
        socket.bind(new InetSocketAddress(InetAddress.getByAddress(new byte[] {127, 0, 0, (byte) lastByte}), 0));
        try {
            socket.connect(new InetSocketAddress("127.0.0.1", port));
            if (tls != null) {
                socket = tls.createSocket(socket, "localhost", port, true);
                sockets.add(socket); // Java 17 closes an SSLSocket that nobody holds at the next garbage collection
            }
            socket.getOutputStream()
                    .write("GET /index.html HTTP/1.1\r\nHost: localhost\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
            return new String(socket.getInputStream().readNBytes(12), StandardCharsets.US_ASCII).equals("HTTP/1.1 200");
        } catch (SocketTimeoutException hangs) {
            throw hangs;
        } catch (IOException refused) {
            return false;
        }
    }
}
