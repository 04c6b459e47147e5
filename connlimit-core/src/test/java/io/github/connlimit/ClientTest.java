package io.github.connlimit;

import static io.github.connlimit.Addresses.ip;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
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
        assertThat(client).isEqualTo(same).hasSameHashCodeAs(same).isEqualByComparingTo(same);
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

    @Test
    void hasATotalOrder() {
        List<Client> ordered = List.of(
                client("8000::", 128), // signed: any order will do
                client("::", 127),
                client("::1", 65),
                client("::1", 128),
                client("::2", 128),
                client("1::", 127),
                client("1::2", 127));
        for (Client one : ordered) {
            for (Client other : ordered) {
                assertThat(Integer.signum(one.compareTo(other))).isEqualTo(-Integer.signum(other.compareTo(one)));
                assertThat(one.compareTo(other) == 0).isEqualTo(one.equals(other));
                assertThat(one.equals(other)).isEqualTo(one == other);
            }
        }
        assertThat(client("1::", 128)).isLessThan(client("2::", 128));
        assertThat(client("2::", 128)).isGreaterThan(client("1::9", 128));
        assertThat(client("2::1", 128)).isLessThan(client("2::2", 128));
        assertThat(client("2::", 64)).isLessThan(client("2::", 65));
    }

    @Test
    void countsUpAndDownAndNeverUpAgainFromZero() {
        Client client = client("10.1.2.3", 128);
        assertThat(client.open()).isZero();
        assertThat(client.countUp()).isZero();
        client.countFirst();
        assertThat(client.countUp()).isEqualTo(2);
        assertThat(client.countUp()).isEqualTo(3);
        assertThat(client.countDown()).isEqualTo(2);
        assertThat(client.countDown()).isEqualTo(1);
        assertThat(client.open()).isEqualTo(1);
        assertThat(client.countDown()).isZero();
        assertThat(client.countUp()).isZero();
        assertThat(client.open()).isZero();
    }
}
