package io.github.connlimit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.math.BigInteger;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.Arrays;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.Tuple;
import net.jqwik.api.constraints.IntRange;

/** What holds for every text and every address, compared with the bytes that the JDK has of it. */
class CidrPropertyTest {

    @Property
    void everyAddressIsReadFromItsText(@ForAll("addresses") byte[] bytes) throws Exception {
        InetAddress address = InetAddress.getByAddress(bytes);
        Cidr cidr = Cidr.parse(address.getHostAddress());
        assertThat(cidr.address().getAddress()).isEqualTo(address.getAddress());
        assertThat(cidr.prefixLength()).isEqualTo(address.getAddress().length * 8);
        assertThat(Cidr.parse(cidr.toString())).isEqualTo(cidr);
    }

    @Property
    void aBlockContainsJustTheAddressesWithItsLeadingBits(
            @ForAll("addresses") byte[] one, @ForAll("addresses") byte[] other, @ForAll @IntRange(max = 128) int length)
            throws Exception {
        InetAddress address = InetAddress.getByAddress(one);
        int bits = address.getAddress().length * 8;
        int prefix = length % (bits + 1);
        Cidr block = Cidr.of(address, prefix);
        assertThat(block.address().getAddress()).isEqualTo(masked(address.getAddress(), prefix));
        assertThat(Cidr.parse(block.toString())).isEqualTo(block);
        assertThat(block.contains(address)).isTrue();
        InetAddress stranger = InetAddress.getByAddress(other);
        boolean inside = stranger.getAddress().length * 8 == bits
                && Arrays.equals(
                        masked(stranger.getAddress(), prefix), block.address().getAddress());
        assertThat(block.contains(stranger)).isEqualTo(inside);
    }

    @Property
    void aTextWithBitsBehindItsPrefixIsRefused(
            @ForAll("addresses") byte[] bytes, @ForAll @IntRange(max = 128) int length) throws Exception {
        InetAddress address = InetAddress.getByAddress(bytes);
        int prefix = length % (address.getAddress().length * 8 + 1);
        String text = address.getHostAddress() + "/" + prefix;
        if (Arrays.equals(masked(address.getAddress(), prefix), address.getAddress())) {
            assertThat(Cidr.parse(text)).isEqualTo(Cidr.of(address, prefix));
        } else {
            assertThatThrownBy(() -> Cidr.parse(text))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining(Cidr.of(address, prefix).toString());
        }
    }

    /** Whatever is read is what the JDK reads, and the JDK takes it for a literal: it has not asked a resolver. */
    @Property(tries = 2000)
    void anyTextIsReadAsTheJdkReadsItOrIsRefused(@ForAll("texts") String text) throws Exception {
        Cidr cidr;
        try {
            cidr = Cidr.parse(text);
        } catch (IllegalArgumentException refused) {
            assertThat(refused).hasMessageStartingWith("CIDR: \"" + text + "\" is not allowed; ");
            return;
        }
        String literal = text.trim().replaceFirst("/.*", "");
        assertThat(literal).matches("[0-9a-fA-F:.]+").matches(".*[.:].*");
        assertThat(cidr.address()).isEqualTo(jdk(literal));
        assertThat(Cidr.parse(cidr.toString())).isEqualTo(cidr);
    }

    private static InetAddress jdk(String literal) throws UnknownHostException {
        return InetAddress.getByName(literal.indexOf(':') < 0 ? literal : "[" + literal + "]");
    }

    /** By numbers instead of bits. */
    private static byte[] masked(byte[] bytes, int prefix) {
        int behind = bytes.length * 8 - prefix;
        byte[] number =
                new BigInteger(1, bytes).shiftRight(behind).shiftLeft(behind).toByteArray();
        byte[] masked = new byte[bytes.length];
        int length = Math.min(number.length, masked.length);
        System.arraycopy(number, number.length - length, masked, masked.length - length, length);
        return masked;
    }

    /** Of few different bytes, so that two of them often begin alike. */
    @Provide
    Arbitrary<byte[]> addresses() {
        Arbitrary<Byte> octets = Arbitraries.frequencyOf(
                Tuple.of(3, Arbitraries.of((byte) 0, (byte) -1, (byte) 1, (byte) 0x80)),
                Tuple.of(1, Arbitraries.bytes()));
        Arbitrary<byte[]> ipv4 = octets.array(byte[].class).ofSize(4);
        Arbitrary<byte[]> mapped = ipv4.map(bytes -> {
            byte[] all = new byte[16];
            all[10] = -1;
            all[11] = -1;
            System.arraycopy(bytes, 0, all, 12, 4);
            return all;
        });
        return Arbitraries.oneOf(ipv4, mapped, octets.array(byte[].class).ofSize(16));
    }

    /** Literals, parts of them in any order, and anything else. */
    @Provide
    Arbitrary<String> texts() {
        Arbitrary<String> parts = Arbitraries.of(
                "0",
                "1",
                "01",
                "9",
                "10",
                "255",
                "256",
                "ffff",
                "::",
                ":",
                ".",
                "/",
                "/8",
                "/32",
                "/33",
                "/96",
                "/128",
                "-1",
                "+1",
                " ",
                "%",
                "%1",
                "%eth0",
                "[",
                "]",
                "localhost",
                "2001:db8",
                "192.0.2.1",
                "::ffff:",
                "\u0661",
                "\u0000",
                "\n",
                "=",
                ",",
                "a",
                "F",
                "g");
        Arbitrary<String> pieces = parts.list().ofMaxSize(7).map(list -> String.join("", list));
        Arbitrary<String> groups = Arbitraries.of("0", "1", "ff", "2001", "FFFF", "")
                .list()
                .ofMinSize(2)
                .ofMaxSize(9)
                .map(list -> String.join(":", list));
        Arbitrary<String> octets = Arbitraries.of("0", "1", "127", "255", "256")
                .list()
                .ofMinSize(3)
                .ofMaxSize(5)
                .map(list -> String.join(".", list));
        Arbitrary<String> literals = Combinators.combine(
                        Arbitraries.oneOf(groups, octets), Arbitraries.of("", "/0", "/8", "/24", "/32", "/64", "/128"))
                .as((literal, prefix) -> literal + prefix);
        return Arbitraries.oneOf(pieces, literals, Arbitraries.strings().ofMaxLength(30));
    }
}
