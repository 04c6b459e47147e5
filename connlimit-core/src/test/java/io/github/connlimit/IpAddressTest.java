package io.github.connlimit;

import static io.github.connlimit.Addresses.ip;
import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigInteger;
import java.util.Random;
import org.junit.jupiter.api.Test;

class IpAddressTest {

    @Test
    void holdsIpv4InItsMappedForm() {
        IpAddress address = IpAddress.of(ip("1.2.3.4"));
        assertThat(address).isEqualTo(new IpAddress(0, 0xffff_0102_0304L));
        assertThat(address).isEqualTo(IpAddress.of(Addresses.ipv6WithScope(0, 0xffff_0102_0304L, 0)));
        assertThat(IpAddress.of(ip("255.255.255.255"))).isEqualTo(new IpAddress(0, 0xffff_ffff_ffffL));
        assertThat(address.toInetAddress()).isEqualTo(ip("1.2.3.4"));
    }

    @Test
    void holdsIpv6WithoutItsScope() {
        assertThat(IpAddress.of(ip("102:304:506:708:90a:b0c:d0e:f10")))
                .isEqualTo(new IpAddress(0x0102_0304_0506_0708L, 0x090a_0b0c_0d0e_0f10L));
        assertThat(IpAddress.of(Addresses.ipv6WithScope(1, 2, 3))).isEqualTo(new IpAddress(1, 2));
        assertThat(new IpAddress(1, 2).toInetAddress()).isEqualTo(ip("0:0:0:1::2"));
    }

    @Test
    void tellsTheFamilies() {
        assertThat(new IpAddress(0, 0xffff_0000_0000L).isIpv4()).isTrue();
        assertThat(new IpAddress(0, 0xffff_ffff_ffffL).isIpv4()).isTrue();
        assertThat(new IpAddress(0, 0xfffe_ffff_ffffL).isIpv4()).isFalse();
        assertThat(new IpAddress(0, 0x1_0000_0000_0000L).isIpv4()).isFalse();
        assertThat(new IpAddress(1, 0xffff_0000_0000L).isIpv4()).isFalse();
        assertThat(new IpAddress(0, 0).isIpv4()).isFalse();
    }

    @Test
    void masksAsArithmeticSays() {
        Random random = new Random(2);
        for (int prefix = 0; prefix <= IpAddress.BITS; prefix++) {
            BigInteger size = BigInteger.ONE.shiftLeft(IpAddress.BITS - prefix);
            for (int i = 0; i < 20; i++) {
                IpAddress address = new IpAddress(random.nextLong(), random.nextLong());
                BigInteger first = number(address).divide(size).multiply(size);
                assertThat(number(address.masked(prefix))).isEqualTo(first);
                assertThat(number(address.last(prefix)))
                        .isEqualTo(first.add(size).subtract(BigInteger.ONE));
            }
        }
    }

    @Test
    void countsOnToTheVeryLast() {
        assertThat(new IpAddress(3, 4).next()).isEqualTo(new IpAddress(3, 5));
        assertThat(new IpAddress(3, Long.MAX_VALUE).next()).isEqualTo(new IpAddress(3, Long.MIN_VALUE));
        assertThat(new IpAddress(3, -1).next()).isEqualTo(new IpAddress(4, 0));
        assertThat(new IpAddress(-1, 4).next()).isEqualTo(new IpAddress(-1, 5));
        assertThat(new IpAddress(-1, -1).next()).isNull();
    }

    @Test
    void comparesUnsigned() {
        Random random = new Random(3);
        long[] edges = {0, 1, Long.MAX_VALUE, Long.MIN_VALUE, -1};
        for (int i = 0; i < 2_000; i++) {
            IpAddress one = new IpAddress(edges[random.nextInt(5)], edges[random.nextInt(5)]);
            IpAddress other = new IpAddress(edges[random.nextInt(5)], edges[random.nextInt(5)]);
            assertThat(Integer.signum(one.compareTo(other)))
                    .isEqualTo(number(one).compareTo(number(other)));
        }
    }

    private static BigInteger number(IpAddress address) {
        return new BigInteger(Long.toUnsignedString(address.high()))
                .shiftLeft(Long.SIZE)
                .add(new BigInteger(Long.toUnsignedString(address.low())));
    }
}
