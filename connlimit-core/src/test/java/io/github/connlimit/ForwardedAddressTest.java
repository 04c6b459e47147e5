package io.github.connlimit;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ForwardedAddressTest {

    private static final InetAddress PROXY = ip("127.0.0.9");

    private final RecordingLogger logger = new RecordingLogger();
    private final ConnectionLimiter limiter = new ConnectionLimiter(
            ConnectionLimits.builder().maxPerClient(2).exempt("127.0.0.9").build(), System::nanoTime, logger);
    private final ConnectionGate<String> gate = new ConnectionGate<>(limiter);

    private static InetAddress ip(String literal) {
        return Cidr.parse(literal).address();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "198.51.100.7",
                " 198.51.100.7 ",
                "198.51.100.7:51234",
                "198.51.100.7:_obfuscated.port-1",
                "\"198.51.100.7\"",
                "\"198.51.100.7:80\"",
                "::ffff:198.51.100.7",
                "[::ffff:198.51.100.7]:443"
            })
    void readsIpv4(String text) {
        assertThat(gate.namedClient(PROXY, text)).contains(ip("198.51.100.7"));
        assertThat(limiter.snapshot().unnamedClients()).isZero();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "2001:db8::1",
                "2001:DB8:0:0:0:0:0:1",
                "2001:db8::1%eth0",
                "[2001:db8::1]",
                "[2001:db8::1%25eth0]",
                "[2001:db8::1]:443",
                "[2001:db8::1]:_p",
                "\"[2001:db8::1]\"",
                "\"[2001:db8::1]:443\""
            })
    void readsIpv6(String text) {
        assertThat(gate.namedClient(PROXY, text)).contains(ip("2001:db8::1"));
        assertThat(limiter.snapshot().unnamedClients()).isZero();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                " ",
                "\"",
                "\"\"",
                "unknown",
                "_hidden",
                "_hidden:80",
                "localhost",
                "localhost:80",
                "unix:",
                "198.51.100.256",
                "198.51.100",
                "3325256711",
                "0xc6336407",
                "198.51.100.07",
                "198.51.100.7%eth0",
                "198.51.100.7:",
                "198.51.100.7:_",
                "198.51.100.7:http",
                "198.51.100.7:123456",
                "198.51.100.7/32",
                "[198.51.100.7]",
                "[2001:db8::1",
                "2001:db8::1]",
                "[2001:db8::1]443",
                "[2001:db8::1]:",
                "[2001:db8::1]x",
                "[]",
                "[%eth0]",
                "2001:db8::1/64",
                "2001:db8::1::2",
                "1:2:3:4:5:6:7:8:443",
                "198.51.100.7, 198.51.100.8",
                "\u0661\u0669\u0668.51.100.7"
            })
    void whatNamesNobodyIsCountedAndNoError(String text) {
        assertThat(gate.namedClient(PROXY, text)).isEmpty();
        assertThat(limiter.snapshot().unnamedClients()).isOne();
        assertThat(limiter.snapshot().errors()).isZero();
        assertThat(logger.errors()).isEmpty();
    }

    @Test
    void saysOnceAndOnOneLineWhatNamesNobody() {
        gate.namedClient(PROXY, "un\r\nknown" + "n".repeat(100));
        gate.namedClient(PROXY, "_hidden");
        gate.namedClient(null, "_hidden");
        assertThat(limiter.snapshot().unnamedClients()).isEqualTo(3);
        assertThat(logger.entries).singleElement().satisfies(entry -> {
            assertThat(entry.level()).isEqualTo(System.Logger.Level.WARNING);
            assertThat(entry.message())
                    .startsWith("the proxy 127.0.0.9 names a client by \"un??knownn")
                    .contains(
                            "n...\", which is no IP address: such connections and requests count for the proxy itself.");
        });
    }

    @Test
    void believesOnlyAProxyThatARuleExempts() {
        assertThat(gate.namedClient(ip("127.0.0.2"), "198.51.100.7")).isEmpty();
        assertThat(gate.namedClient(ip("127.0.0.2"), "unknown")).isEmpty();
        assertThat(gate.namedClient(null, "198.51.100.7")).contains(ip("198.51.100.7"));
        assertThat(limiter.snapshot().unnamedClients()).isZero();
        assertThat(logger.entries).isEmpty();
    }
}
