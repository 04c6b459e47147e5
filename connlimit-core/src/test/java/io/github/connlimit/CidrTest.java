package io.github.connlimit;

import static io.github.connlimit.Addresses.ip;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import java.net.InetAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class CidrTest {

    private static final String ALLOWED =
            "an IPv4 or IPv6 address, or a block such as 10.0.0.0/8 or 2001:db8::/32 (no host names, no scope ids)";

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '"', textBlock = """
            0.0.0.0/0                     | 0.0.0.0/0
            0.0.0.0                       | 0.0.0.0/32
            10.0.0.0/8                    | 10.0.0.0/8
            128.0.0.0/1                   | 128.0.0.0/1
            192.0.2.6/31                  | 192.0.2.6/31
            192.0.2.7                     | 192.0.2.7/32
            192.0.2.7/32                  | 192.0.2.7/32
            255.255.255.255               | 255.255.255.255/32
            "  10.0.0.0/8\t"              | 10.0.0.0/8
            ::/0                          | 0:0:0:0:0:0:0:0/0
            ::                            | 0:0:0:0:0:0:0:0/128
            ::1                           | 0:0:0:0:0:0:0:1/128
            ::/96                         | 0:0:0:0:0:0:0:0/96
            8000::/1                      | 8000:0:0:0:0:0:0:0/1
            2001:db8::/32                 | 2001:db8:0:0:0:0:0:0/32
            2001:DB8::/32                 | 2001:db8:0:0:0:0:0:0/32
            2001:db8:0:1::/64             | 2001:db8:0:1:0:0:0:0/64
            2001:db8:0:0:8000::/65        | 2001:db8:0:0:8000:0:0:0/65
            1:2:3:4:5:6:7:8               | 1:2:3:4:5:6:7:8/128
            1:2:3:4:5:6:7::               | 1:2:3:4:5:6:7:0/128
            ::2:3:4:5:6:7:8               | 0:2:3:4:5:6:7:8/128
            1:2:3:4:5:6:1.2.3.4           | 1:2:3:4:5:6:102:304/128
            ::1.2.3.4                     | 0:0:0:0:0:0:102:304/128
            ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff | ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128
            ::fffe:0:0/95                 | 0:0:0:0:0:fffe:0:0/95
            ::ffff:10.0.0.1               | 10.0.0.1/32
            ::FFFF:10.0.0.1               | 10.0.0.1/32
            ::ffff:a00:1                  | 10.0.0.1/32
            0:0:0:0:0:ffff:10.0.0.0/104   | 10.0.0.0/8
            ::ffff:0:0/96                 | 0.0.0.0/0
            ::ffff:192.0.2.7/128          | 192.0.2.7/32
            """)
    void readsAndWritesBlocks(String text, String written) {
        Cidr cidr = Cidr.parse(text);
        assertThat(cidr).hasToString(written);
        assertThat(Cidr.parse(cidr.toString())).isEqualTo(cidr).hasSameHashCodeAs(cidr);
        assertThat(Cidr.of(cidr.address(), cidr.prefixLength())).isEqualTo(cidr);
        assertThat(cidr.isIpv4()).isEqualTo(written.indexOf('.') > 0);
        assertThat(cidr.toString()).isEqualTo(cidr.address().getHostAddress() + "/" + cidr.prefixLength());
    }

    static Stream<String> malformed() {
        return Stream.of(
                "",
                " ",
                "/",
                "/8",
                "abc",
                "face",
                "localhost",
                "localhost/8",
                "example.com",
                "a:b.example",
                "a:b",
                "dead.beef:",
                "face:",
                "[::1]",
                "[::1]/128",
                "::1%eth0",
                "fe80::1%1",
                "fe80::1%1/64",
                "1.2.3",
                "1.2.3/24",
                "1.2.3.4.5",
                "1.2.3.",
                ".1.2.3",
                "1..2.3",
                "1.2.3.256",
                "999.1.1.1",
                "1000.1.1.1",
                "010.0.0.1",
                "10.0.0.01",
                "00.0.0.0",
                "0x10.0.0.1",
                "+1.2.3.4",
                "-1.2.3.4",
                "1.2.3.4 /8",
                "1.2.3 .4",
                "1.2.3.4;",
                "3232235777",
                "127.1",
                "\u0661.\u0662.\u0663.\u0664",
                "\u0661::",
                "\uff11.2.3.4",
                ":",
                ".:",
                ":.",
                ":::",
                "::1::",
                "1::2::3",
                "1:",
                ":1",
                "1:2:3:4:5:6:7",
                "1:2:3:4:5:6:7:",
                ":1:2:3:4:5:6:7:8",
                "1:2:3:4:5:6:7:8:9",
                "1:2:3:4:5:6:7:8::",
                "1:2:3:4:5:6:7:1.2.3.4",
                "::12345",
                "::g",
                "0x1::",
                "1.2.3.4:",
                "1.2.3.4::",
                "1.2.3.4:80",
                "::1.2.3",
                "::ffff:1.2.3.4.5",
                "::ffff:1.2.3.256",
                "::ffff:010.0.0.1",
                "::ffff:1.2.3.04",
                "::ffff:1.2.3.",
                "::ffff:1.2..3",
                "::ffff:1.2.3.4:5",
                "::ffff:+1.2.3.4",
                "::-1",
                "*",
                "10.*",
                "10.0.0.0-10.0.0.255",
                "10.0.0.0\\8",
                "\n",
                "1.2.3.4\n5");
    }

    @ParameterizedTest
    @MethodSource("malformed")
    void refusesWhatIsNoLiteral(String text) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Cidr.parse(text))
                .withMessage("CIDR: \"" + text + "\" is not allowed; " + ALLOWED);
    }

    @ParameterizedTest
    @CsvSource({
        "10.0.0.0/33, 0, 32",
        "10.0.0.0/-1, 0, 32",
        "10.0.0.0/+8, 0, 32",
        "10.0.0.0/08, 0, 32",
        "10.0.0.0/00, 0, 32",
        "10.0.0.0/, 0, 32",
        "10.0.0.0/8/8, 0, 32",
        "10.0.0.0/a, 0, 32",
        "10.0.0.0/8.0, 0, 32",
        "10.0.0.0/255.0.0.0, 0, 32",
        "10.0.0.0/4294967304, 0, 32",
        "10.0.0.0/ 8, 0, 32",
        "10.0.0.0/\u0668, 0, 32",
        "::/129, 0, 128",
        "::/1000, 0, 128",
        "2001:db8::/-0, 0, 128",
        "::ffff:10.0.0.0/95, 96, 128",
        "::ffff:10.0.0.0/8, 96, 128",
        "::ffff:0:0/0, 96, 128",
        "::ffff:10.0.0.0/129, 96, 128",
    })
    void refusesPrefixLengthsOutOfRange(String text, int least, int most) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Cidr.parse(text))
                .withMessage("CIDR: \"" + text + "\" is not allowed; its prefix length is to be a whole number from "
                        + least + " to " + most);
    }

    @ParameterizedTest
    @CsvSource({
        "10.0.0.1/8, 10.0.0.0/8",
        "10.0.0.1/31, 10.0.0.0/31",
        "0.0.0.1/0, 0.0.0.0/0",
        "255.255.255.255/0, 0.0.0.0/0",
        "::1/127, 0:0:0:0:0:0:0:0/127",
        "::1/0, 0:0:0:0:0:0:0:0/0",
        "2001:db8::1/64, 2001:db8:0:0:0:0:0:0/64",
        "2001:db8:0:1::/63, 2001:db8:0:0:0:0:0:0/63",
        "::ffff:10.0.0.1/127, 10.0.0.0/31",
    })
    void refusesBitsBehindThePrefix(String text, String block) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Cidr.parse(text))
                .withMessage("CIDR: \"" + text + "\" is not allowed; it has bits set behind its prefix (" + block
                        + " is the block it is in)");
    }

    @Test
    void refusesNull() {
        assertThatNullPointerException().isThrownBy(() -> Cidr.parse(null)).withMessage("text");
        assertThatNullPointerException().isThrownBy(() -> Cidr.of(null, 0));
    }

    /**
     * A name that anybody's resolver knows is refused all the same, and one that a resolver would look for in vain is
     * refused at once. What has a colon goes to the JDK in brackets, and then it reads a literal or throws.
     */
    @Test
    void asksNoResolver() throws Exception {
        assertThat(InetAddress.getByName("localhost").isLoopbackAddress()).isTrue();
        assertTimeoutPreemptively(Duration.ofSeconds(10), () -> {
            for (int i = 0; i < 100; i++) {
                for (String name :
                        List.of("localhost", "nobody" + i + ".invalid", "face" + i, "a" + i + ":b.invalid")) {
                    assertThatIllegalArgumentException().isThrownBy(() -> Cidr.parse(name));
                }
            }
        });
    }

    @ParameterizedTest
    @ValueSource(strings = {"1", ":", ".", "1.", "1:", "f:f", "/", "0", "::1/0", "1.2.3.4", "[", " 1 ", "::ffff:1.1."})
    void refusesHugeTextsQuickly(String part) {
        String huge = part.repeat(200_000);
        assertTimeoutPreemptively(
                Duration.ofSeconds(10),
                () -> assertThatIllegalArgumentException().isThrownBy(() -> Cidr.parse(huge)));
    }

    @Test
    void makesTheBlockAnAddressIsIn() {
        assertThat(Cidr.of(ip("10.1.2.3"), 8)).hasToString("10.0.0.0/8");
        assertThat(Cidr.of(ip("10.1.2.3"), 0)).hasToString("0.0.0.0/0");
        assertThat(Cidr.of(ip("10.1.2.3"), 32)).hasToString("10.1.2.3/32");
        assertThat(Cidr.of(ip("2001:db8::1"), 64)).hasToString("2001:db8:0:0:0:0:0:0/64");
        assertThat(Cidr.of(ip("2001:db8::1"), 0)).hasToString("0:0:0:0:0:0:0:0/0");
        assertThat(Cidr.of(ip("2001:db8::1"), 128)).hasToString("2001:db8:0:0:0:0:0:1/128");
        assertThat(Cidr.of(Addresses.ipv6WithScope(0xfe80L << 48, 1, 7), 64)).hasToString("fe80:0:0:0:0:0:0:0/64");
        assertThat(Cidr.of(Addresses.ipv6WithScope(0, 0xffff_0a01_0203L, 0), 8)).hasToString("10.0.0.0/8");
    }

    @ParameterizedTest
    @CsvSource({"10.0.0.1, -1, 32", "10.0.0.1, 33, 32", "::1, -1, 128", "::1, 129, 128", "::1, 2147483647, 128"})
    void refusesToMakeABlockOfNoSuchLength(String address, int length, int most) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Cidr.of(ip(address), length))
                .withMessage("prefix length: " + length + " is not allowed; a whole number from 0 to " + most);
    }

    @ParameterizedTest
    @CsvSource({
        "10.0.0.0/8, 10.0.0.0, 10.255.255.255, 9.255.255.255, 11.0.0.0",
        "192.0.2.6/31, 192.0.2.6, 192.0.2.7, 192.0.2.5, 192.0.2.8",
        "192.0.2.7/32, 192.0.2.7, 192.0.2.7, 192.0.2.6, 192.0.2.8",
        "0.0.0.0/1, 0.0.0.0, 127.255.255.255, ::, 128.0.0.0",
        "128.0.0.0/1, 128.0.0.0, 255.255.255.255, 127.255.255.255, ::1:0:0:0",
        "0.0.0.0/0, 0.0.0.0, 255.255.255.255, ::fffe:ffff:ffff, ::1:0:0:0",
        "::/0, ::, ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff, 0.0.0.0, 255.255.255.255",
        "2001:db8::/64, 2001:db8::, 2001:db8::ffff:ffff:ffff:ffff, 2001:db7:ffff:ffff:ffff:ffff:ffff:ffff, 2001:db8:0:1::",
        "2001:db8::/63, 2001:db8::, 2001:db8:0:1:ffff:ffff:ffff:ffff, 2001:db7:ffff:ffff:ffff:ffff:ffff:ffff, 2001:db8:0:2::",
        "2001:db8::/65, 2001:db8::, 2001:db8::7fff:ffff:ffff:ffff, 2001:db7:ffff:ffff:ffff:ffff:ffff:ffff, 2001:db8::8000:0:0:0",
        "::1/128, ::1, ::1, ::, ::2",
    })
    void containsItsAddresses(String block, String first, String last, String before, String after) {
        Cidr cidr = Cidr.parse(block);
        assertThat(cidr.contains(ip(first))).isTrue();
        assertThat(cidr.contains(ip(last))).isTrue();
        assertThat(cidr.contains(ip(before))).isFalse();
        assertThat(cidr.contains(ip(after))).isFalse();
        assertThat(cidr.address()).isEqualTo(ip(first));
        assertThat(cidr.last().toInetAddress()).isEqualTo(ip(last));
    }

    @Test
    void aBlockOfIpv6AroundTheMappedAddressesContainsNoIpv4() {
        Cidr around = Cidr.parse("::fffe:0:0/95");
        assertThat(around.isIpv4()).isFalse();
        assertThat(around.contains(ip("::fffe:0:0"))).isTrue();
        assertThat(around.contains(ip("::fffe:ffff:ffff"))).isTrue();
        assertThat(around.contains(ip("::fffd:ffff:ffff"))).isFalse();
        assertThat(around.contains(ip("0.0.0.0"))).isFalse();
        assertThat(around.contains(ip("255.255.255.255"))).isFalse();
    }

    @Test
    void containsWhateverTheScope() {
        Cidr block = Cidr.parse("fe80::/64");
        assertThat(block.contains(Addresses.ipv6WithScope(0xfe80L << 48, 1, 3))).isTrue();
        assertThat(Cidr.parse("10.0.0.0/8").contains(Addresses.ipv6WithScope(0, 0xffff_0a00_0001L, 3)))
                .isTrue();
    }

    @Test
    void ordersIpv4FirstThenByAddressThenTheLargerBlockFirst() {
        List<String> ordered = List.of(
                "0.0.0.0/0",
                "0.0.0.0/1",
                "10.0.0.0/8",
                "10.0.0.0/9",
                "10.0.0.0/32",
                "10.0.0.1/32",
                "127.0.0.1/32",
                "128.0.0.0/1",
                "255.255.255.255/32",
                "::/0",
                "::/64",
                "::/128",
                "::1/128",
                "::8000:0:0:0/65",
                "7fff::/16",
                "8000::/16",
                "ffff::/16");
        List<Cidr> blocks = new ArrayList<>(ordered.stream().map(Cidr::parse).toList());
        List<Cidr> expected = List.copyOf(blocks);
        Collections.shuffle(blocks, new Random(1));
        Collections.sort(blocks);
        assertThat(blocks).containsExactlyElementsOf(expected);
        for (int i = 0; i < expected.size(); i++) {
            for (int j = 0; j < expected.size(); j++) {
                assertThat(Integer.signum(expected.get(i).compareTo(expected.get(j))))
                        .isEqualTo(Integer.compare(i, j));
                assertThat(expected.get(i).equals(expected.get(j))).isEqualTo(i == j);
            }
        }
    }

    @Test
    void isEqualHoweverWritten() {
        assertThat(Cidr.parse("10.0.0.0/8"))
                .isEqualTo(Cidr.parse("::ffff:10.0.0.0/104"))
                .hasSameHashCodeAs(Cidr.parse("::ffff:10.0.0.0/104"))
                .isNotEqualTo(Cidr.parse("10.0.0.0/9"))
                .isNotEqualTo(Cidr.parse("11.0.0.0/8"))
                .isNotEqualTo("10.0.0.0/8")
                .isNotEqualTo(null);
        assertThat(Cidr.parse("2001:db8::/32")).isEqualTo(Cidr.parse("2001:0db8:0:0::/32"));
        assertThat(Cidr.parse("10.0.0.0/8").hashCode())
                .isNotEqualTo(Cidr.parse("10.0.0.0/9").hashCode())
                .isNotEqualTo(Cidr.parse("11.0.0.0/8").hashCode());
    }
}
