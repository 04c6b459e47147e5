package io.github.connlimit;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The core runs where the JDK has been cut down to {@code java.base}. */
class JavaBaseOnlyTest {

    @Test
    @Timeout(value = 1, unit = TimeUnit.MINUTES)
    void countsAndLimits() throws Exception {
        String core = Path.of(ConnectionLimiter.class
                        .getProtectionDomain()
                        .getCodeSource()
                        .getLocation()
                        .toURI())
                .toString();
        String tests = Path.of(Main.class
                        .getProtectionDomain()
                        .getCodeSource()
                        .getLocation()
                        .toURI())
                .toString();
        Process process = new ProcessBuilder(List.of(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "--limit-modules",
                        "java.base",
                        "-Xverify:all",
                        "-cp",
                        core + System.getProperty("path.separator") + tests,
                        Main.class.getName()))
                .redirectErrorStream(true)
                .start();
        String output = new String(process.getInputStream().readAllBytes());
        assertThat(output).endsWith("admitted 1, refused 1" + System.lineSeparator());
        assertThat(process.waitFor()).isZero();
    }

    /** Runs in a virtual machine of its own. */
    static final class Main {

        private Main() {}

        public static void main(String[] args) throws Exception {
            ConnectionLimiter limiter = new ConnectionLimiter(
                    ConnectionLimits.builder().maxPerClient(1).build());
            InetAddress client = InetAddress.getByName("192.0.2.1");
            try (ConnectionPermit permit = limiter.acquire(client)) {
                if (limiter.tryAcquire(client).isPresent() || permit.isPending()) {
                    throw new IllegalStateException("not limited");
                }
            }
            LimiterSnapshot now = limiter.snapshot();
            System.out.println("admitted " + now.admitted() + ", refused " + now.refused());
        }
    }
}
