package io.github.connlimit;

import static io.github.connlimit.Addresses.ip;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.List;
import java.util.function.IntFunction;
import org.junit.jupiter.api.Test;

class ClientTest {

    private static Client client(String address, int prefix) {
        return new Client(IpAddress.of(ip(address)), prefix);
    }

    @Test
    void isTheBlockThatItsAddressIsIn() {
        assertThat(client("10.1.2.3", 128).cidr()).hasToString("10.1.2.3/32");
        assertThat(client("10.1.2.3", 104).cidr()).hasToString("10.0.0.0/8");
        assertThat(client("10.1.2.3", 96).cidr()).hasToString("0.0.0.0/0");
        assertThat(client("2001:db8::ff:0:0:1", 64).cidr()).hasToString("2001:db8:0:0:0:0:0:0/64");
        assertThat(client("2001:db8::ff:0:0:1", 128).cidr()).hasToString("2001:db8:0:0:ff:0:0:1/128");
        assertThat(client("2001:db8::ff:0:0:1", 0).cidr()).hasToString("0:0:0:0:0:0:0:0/0");
        assertThat(client("2001:db8::1", 128).prefix()).isEqualTo(128);
    }

    @Test
    void isEqualByAddressAndPrefixLengthWhateverItsCount() {
        Client client = client("10.1.2.3", 120);
        Client same = client("10.1.2.4", 120);
        Counts.open(same, 5);
        assertThat(client).isEqualTo(same).hasSameHashCodeAs(same);
        assertThat(client).isNotEqualTo(null).isNotEqualTo("10.1.2.0/24");
        for (Client other : List.of(
                client("10.1.3.3", 120),
                client("10.1.2.0", 121),
                client("10.1.2.0", 119),
                client("1::10.1.2.3", 120))) {
            assertThat(client).isNotEqualTo(other);
            assertThat(client.hashCode()).isNotEqualTo(other.hashCode());
        }
    }

    /** Whoever owns many addresses can choose those that follow a pattern. */
    @Test
    void patternsOfAddressesAreScattered() {
        int clients = 20_000;
        List<IntFunction<IpAddress>> patterns = List.of(
                i -> IpAddress.of(Addresses.ipv4(0x0a00_0000 + i)),
                i -> IpAddress.of(Addresses.ipv4(i << 12)),
                i -> new IpAddress(0x2001_0db8_0000_0000L + i, 0),
                i -> new IpAddress(0x2001_0db8_0000_0000L + ((long) i << 12), 0),
                i -> new IpAddress((long) i << 32, 0),
                i -> new IpAddress((long) i << 44 | i, i),
                i -> new IpAddress(0, (long) i << 40));
        for (IntFunction<IpAddress> pattern : patterns) {
            int[] bins = new int[32_768];
            int[] parts = new int[64];
            for (int i = 0; i < clients; i++) {
                int hash = new Client(pattern.apply(i), 128).hash();
                bins[hash & bins.length - 1]++;
                parts[hash >>> 26]++;
            }
            assertThat(Arrays.stream(bins).max().orElseThrow()).isLessThan(16);
            assertThat(Arrays.stream(parts).min().orElseThrow()).isGreaterThan(clients / 64 / 3);
            assertThat(Arrays.stream(parts).max().orElseThrow()).isLessThan(clients / 64 * 3);
        }
    }

    @Test
    void countsUpAndDown() {
        Client client = client("10.1.2.3", 128);
        assertThat(client.open()).isZero();
        assertThat(client.countUp()).isEqualTo(1);
        assertThat(client.countUp()).isEqualTo(2);
        assertThat(client.open()).isEqualTo(2);
        assertThat(client.countDown()).isEqualTo(1);
        assertThat(client.countDown()).isZero();
        assertThat(client.open()).isZero();
    }
}
