package io.github.connlimit.examples;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.List;
import org.junit.jupiter.api.Test;

class DemoClientTest {

    @Test
    void saysWhatToDoIfItsAddressIsMissing() throws Exception {
        // An address for documentation (RFC 5737): no machine has it.
        try (DemoClient client =
                new DemoClient("nobody", "192.0.2.1", List.of(new InetSocketAddress("127.0.0.1", 1)))) {
            assertThatThrownBy(() -> client.open(1, 0))
                    .isInstanceOf(IOException.class)
                    .hasMessage("this machine has no address 192.0.2.1 (on macOS: sudo ifconfig lo0 alias 192.0.2.1)");
        }
    }
}
