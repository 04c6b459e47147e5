package io.github.connlimit.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class MainTest {

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "--server nginx --port 0                  | --server: server: \"nginx\" is not allowed; jetty, tomcat, tomcat-nio2, netty, tcp",
                "--server tcp --port 65536                | --port: port: \"65536\" is not allowed; a whole number from 0 to 65535",
                "--server tcp --port -1                   | --port: port: \"-1\" is not allowed; a whole number from 0 to 65535",
                "--server tcp --port http                 | --port: port: \"http\" is not allowed; a whole number from 0 to 65535",
                "--server tcp --port 0 --max-per-client -1 | --max-per-client: maxPerClient: \"-1\" is not allowed; a whole number from 0 to 2147483647 (0 = unlimited)",
                "--server tcp --port 0 --max-per-client x | --max-per-client: maxPerClient: \"x\" is not allowed; a whole number from 0 to 2147483647 (0 = unlimited)",
                "--server tcp --port 0 --rules localhost=5 | --rules: rules: CIDR: \"localhost\" is not allowed;",
                "--server tcp --port 0 --rules 10.0.0.0/8=1,10.0.0.0/8=2 | --rules: rules: \"10.0.0.0/8\" is not allowed; one rule for each block",
                "--server tcp --port 0 --rules 10.0.0.0/33=1 | --rules: rules: CIDR: \"10.0.0.0/33\" is not allowed; its prefix length is to be a whole number from 0 to 32",
                "--server tcp --port 0 --rules 10.0.0.0/8=1,, | --rules: rules: \"\" is not allowed;",
                "--server tcp --port 0 --ipv6-prefix 129  | --ipv6-prefix: ipv6Prefix: \"129\" is not allowed; a whole number from 0 to 128",
                "--server tcp --port 0 --refuse politely  | --refuse: refuse: \"politely\" is not allowed; reset, close, respond, tarpit",
                "--server tcp --port 0 --handshake-timeout 5 | --handshake-timeout: handshakeTimeout: \"5\" is not allowed; a whole number with its unit",
                "--server tcp --port 0 --reserve -1       | --reserve: reservedConnections: \"-1\" is not allowed; a whole number from 0 to",
                "--server tcp --port 0 --reserve 20 --max-per-client 25 | reservedConnections: \"20\" is not allowed; every limit has to be greater than it by more than 5, and maxPerClient is 25",
                "--server tcp --port 0 --max-pending x    | --max-pending: maxPendingPerClient: \"x\" is not allowed; a whole number from 0 to",
                "--server tomcat --port 0 --proxy-protocol | --proxy-protocol: tomcat knows no PROXY protocol; jetty and netty do",
                "--server tcp --port 0 --proxy-protocol   | --proxy-protocol: tcp knows no PROXY protocol; jetty and netty do",
                "--server jetty --port 0 --trusted-proxies proxy | --trusted-proxies: CIDR: \"proxy\" is not allowed;",
                "--server tcp --port 0 --trusted-proxies 10.0.0.1 | --trusted-proxies: tcp looks at no forwarded headers; jetty and tomcat do",
                "--server jetty --port 0 --trusted-proxies 10.0.0.1 --rules 10.0.0.1=5 | rules: \"10.0.0.1/32\" is not allowed; one rule for each block",
                "--server tcp                             | Missing required option: '--port=N'",
                "--port 0                                 | Missing required option: '--server=SERVER'",
                "--server tcp --port 0 --limit 5          | Unknown options: '--limit', '5'",
            })
    void refusesBadOptions(String options, String message) {
        Run run = run(("serve " + options).split(" +"));
        assertThat(run.err()).startsWith(message);
        assertThat(run.out()).isEmpty();
        assertThat(run.status()).isEqualTo(2);
    }

    @Test
    void refusesUnknownCommands() {
        assertThat(run("play").status()).isEqualTo(2);
    }

    @Test
    void helps() {
        assertThat(run("--help").out()).contains("serve");
        Run serve = run("serve", "--help");
        assertThat(serve.status()).isZero();
        assertThat(serve.out())
                .contains("--server", "--port", "--tls", "--max-per-client", "--rules", "--ipv6-prefix", "--refuse")
                .contains("--handshake-timeout", "--reserve", "--max-pending", "--proxy-protocol", "--trusted-proxies")
                .contains("--dry-run", "--jmx", "--off");
    }

    private record Run(int status, String out, String err) {}

    private static Run run(String... args) {
        PrintStream out = System.out;
        PrintStream err = System.err;
        ByteArrayOutputStream newOut = new ByteArrayOutputStream();
        ByteArrayOutputStream newErr = new ByteArrayOutputStream();
        System.setOut(new PrintStream(newOut, true, StandardCharsets.UTF_8));
        System.setErr(new PrintStream(newErr, true, StandardCharsets.UTF_8));
        try {
            int status = Main.run(args);
            return new Run(status, newOut.toString(StandardCharsets.UTF_8), newErr.toString(StandardCharsets.UTF_8));
        } finally {
            System.setOut(out);
            System.setErr(err);
        }
    }
}
