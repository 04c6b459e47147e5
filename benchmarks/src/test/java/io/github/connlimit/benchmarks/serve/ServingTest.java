package io.github.connlimit.benchmarks.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.EnumSet;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Each server answers, whatever protects it; those with connlimit refuse the third connection of a client. */
class ServingTest {

    private static final int TIMEOUT_MILLIS = 20_000;

    private static final Set<Protection> CONNLIMIT = EnumSet.of(
            Protection.CONNLIMIT,
            Protection.CONNLIMIT_CONNECTOR,
            Protection.TARPIT,
            Protection.RATE,
            Protection.NETWORKS,
            Protection.HEADERS);

    @ParameterizedTest
    @EnumSource(
            names = {
                "NONE",
                "CONNLIMIT",
                "CONNLIMIT_CONNECTOR",
                "TARPIT",
                "RATE",
                "NETWORKS",
                "HEADERS",
                "THREAD_LIMIT",
                "DOS"
            })
    void jettyAnswers(Protection protection) throws Exception {
        check(JettyServing.start(TestServers.setup(protection, false)), protection);
    }

    @ParameterizedTest
    @EnumSource(
            names = {
                "NONE",
                "CONNLIMIT",
                "TARPIT",
                "RATE",
                "NETWORKS",
                "HEADERS",
                "SEMAPHORE",
                "RATE_LIMIT",
                "MAX_CONNECTIONS"
            })
    void tomcatAnswers(Protection protection) throws Exception {
        check(TomcatServing.start(TestServers.setup(protection, false), false), protection);
    }

    @ParameterizedTest
    @EnumSource(names = {"NONE", "CONNLIMIT", "TARPIT"})
    void tomcatNio2Answers(Protection protection) throws Exception {
        check(TomcatServing.start(TestServers.setup(protection, false), true), protection);
    }

    @ParameterizedTest
    @EnumSource(names = {"NONE", "CONNLIMIT", "TARPIT", "RATE", "NETWORKS"})
    void nettyAnswers(Protection protection) throws Exception {
        check(NettyServing.start(TestServers.setup(protection, false)), protection);
    }

    @Test
    void whatAServerDoesNotHaveIsAnError() {
        assertThatThrownBy(() -> JettyServing.start(TestServers.setup(Protection.SEMAPHORE, false)))
                .hasMessage("protection: \"semaphore\" is not allowed; Jetty has no such thing");
        assertThatThrownBy(() -> TomcatServing.start(TestServers.setup(Protection.DOS, false), false))
                .hasMessage("protection: \"dos\" is not allowed; Tomcat has no such thing");
        assertThatThrownBy(() -> NettyServing.start(TestServers.setup(Protection.HEADERS, false)))
                .hasMessage("protection: \"headers\" is not allowed; Netty has no such thing");
    }

    private static void check(int port, Protection protection) throws IOException {
        try (Socket first = connect(port);
                Socket second = connect(port)) {
            assertThat(get(first)).startsWith("HTTP/1.1 200");
            assertThat(get(second)).startsWith("HTTP/1.1 200");
            if (!CONNLIMIT.contains(protection)) {
                return;
            }
            assertThat(isRefused(port)).isTrue();
        }
    }

    private static boolean isRefused(int port) {
        try (Socket third = connect(port)) {
            return get(third).isEmpty();
        } catch (IOException reset) {
            return true;
        }
    }

    private static Socket connect(int port) throws IOException {
        Socket socket = new Socket();
        socket.bind(new InetSocketAddress("127.0.0.2", 0));
        socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), TIMEOUT_MILLIS);
        socket.setSoTimeout(TIMEOUT_MILLIS);
        return socket;
    }

    private static String get(Socket socket) throws IOException {
        socket.getOutputStream().write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
        byte[] some = socket.getInputStream().readNBytes(12);
        return new String(some, StandardCharsets.US_ASCII);
    }
}
