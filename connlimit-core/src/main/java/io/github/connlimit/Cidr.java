package io.github.connlimit;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.Objects;
import java.util.regex.Pattern;

/**
 * A block of IP addresses, as in {@code 10.0.0.0/8} or {@code 2001:db8::/32}. This class is immutable and thread-safe.
 *
 * <p>An IPv4-mapped IPv6 address ({@code ::ffff:10.0.0.1}) is the IPv4 address it maps; scope ids are ignored.
 *
 * @since 0.1.0
 */
public final class Cidr implements Comparable<Cidr> {

    private static final String ALLOWED =
            "an IPv4 or IPv6 address, or a block such as 10.0.0.0/8 or 2001:db8::/32 (no host names, no scope ids)";

    // Some read 010 as eight, others as ten: a security control must not guess, so no number begins with 0.
    private static final String DECIMAL = "(?:0|[1-9][0-9]{0,2})";
    private static final String DOTTED = DECIMAL + "(?:\\." + DECIMAL + "){3}";

    private static final Pattern PREFIX_LENGTH = Pattern.compile(DECIMAL);
    private static final Pattern IPV4 = Pattern.compile(DOTTED);
    private static final Pattern IPV6_CHARACTERS = Pattern.compile("[0-9A-Fa-f:]*:(?:[0-9A-Fa-f]*|" + DOTTED + ")");

    private final IpAddress first;

    /** Counted in the 128-bit form of the address: 96 more than what an IPv4 block is written with. */
    private final int prefix;

    Cidr(IpAddress first, int prefix) {
        this.first = first;
        this.prefix = prefix;
    }

    /**
     * The block of the given length that the address is in.
     *
     * @param address an address anywhere in the block
     * @param prefixLength 0 to 32 for IPv4, 0 to 128 for IPv6
     * @return the block
     * @throws IllegalArgumentException if the prefix length is out of range
     */
    public static Cidr of(InetAddress address, int prefixLength) {
        IpAddress ip = IpAddress.of(address);
        int most = ip.isIpv4() ? 32 : IpAddress.BITS;
        if (prefixLength < 0 || prefixLength > most) {
            throw new IllegalArgumentException(
                    "prefix length: " + prefixLength + " is not allowed; a whole number from 0 to " + most);
        }
        int prefix = prefixLength + IpAddress.BITS - most;
        return new Cidr(ip.masked(prefix), prefix);
    }

    /**
     * Reads a block from its text. An address without a prefix length is the block of this one address. Only literals
     * are read; a name is refused and never resolved.
     *
     * @param text for example {@code 10.0.0.0/8}, {@code 192.0.2.7}, {@code 2001:db8::/32}
     * @return the block
     * @throws IllegalArgumentException if the text is no such block, the prefix length is out of range, or the address
     *     has bits set behind the prefix; the message says what was given and what is allowed
     */
    public static Cidr parse(String text) {
        Objects.requireNonNull(text, "text");
        String trimmed = text.trim();
        int slash = trimmed.indexOf('/');
        String literal = slash < 0 ? trimmed : trimmed.substring(0, slash);
        IpAddress ip = parseLiteral(literal);
        if (ip == null) {
            throw malformed(text);
        }
        // An IPv4-mapped address is written as IPv6, and so is its prefix length.
        int offset = literal.indexOf(':') < 0 ? IpAddress.IPV4_OFFSET : 0;
        int least = ip.isIpv4() ? IpAddress.IPV4_OFFSET - offset : 0;
        int most = IpAddress.BITS - offset;
        int length = slash < 0 ? most : parsePrefixLength(trimmed.substring(slash + 1), least, most, text);
        Cidr cidr = new Cidr(ip.masked(length + offset), length + offset);
        if (!cidr.first.equals(ip)) {
            throw new IllegalArgumentException("CIDR: \"" + text
                    + "\" is not allowed; it has bits set behind its prefix (" + cidr + " is the block it is in)");
        }
        return cidr;
    }

    /** {@return the address, or {@code null} if the text is no literal of one} */
    static IpAddress parseLiteral(String literal) {
        try {
            if (IPV4.matcher(literal).matches()) {
                byte[] bytes = ipv4Bytes(literal);
                return bytes == null ? null : IpAddress.of(InetAddress.getByAddress(bytes));
            }
            if (IPV6_CHARACTERS.matcher(literal).matches()) {
                // Brackets and a colon: the JDK takes this for an IPv6 literal or throws, it never asks a resolver.
                return IpAddress.of(InetAddress.getByName("[" + literal + "]"));
            }
        } catch (UnknownHostException malformed) {
            return null;
        }
        return null;
    }

    private static byte[] ipv4Bytes(String literal) {
        String[] parts = literal.split("\\.");
        byte[] bytes = new byte[parts.length];
        for (int i = 0; i < parts.length; i++) {
            int octet = Integer.parseInt(parts[i]);
            if (octet > 255) {
                return null;
            }
            bytes[i] = (byte) octet;
        }
        return bytes;
    }

    private static int parsePrefixLength(String digits, int least, int most, String text) {
        if (PREFIX_LENGTH.matcher(digits).matches()) {
            int length = Integer.parseInt(digits);
            if (length >= least && length <= most) {
                return length;
            }
        }
        throw new IllegalArgumentException("CIDR: \"" + text
                + "\" is not allowed; its prefix length is to be a whole number from " + least + " to " + most);
    }

    private static IllegalArgumentException malformed(String text) {
        return new IllegalArgumentException("CIDR: \"" + text + "\" is not allowed; " + ALLOWED);
    }

    /**
     * {@return whether the address is in this block}
     *
     * @param address any address
     */
    public boolean contains(InetAddress address) {
        IpAddress ip = IpAddress.of(address);
        // ::/0 is the whole of IPv6 and, although IPv4 is held in its mapped form, nothing of IPv4.
        return ip.isIpv4() == isIpv4() && ip.masked(prefix).equals(first);
    }

    /** {@return the first address of this block} */
    public InetAddress address() {
        return first.toInetAddress();
    }

    /** {@return how many leading bits the addresses of this block share: 0 to 32 for IPv4, 0 to 128 for IPv6} */
    public int prefixLength() {
        return isIpv4() ? prefix - IpAddress.IPV4_OFFSET : prefix;
    }

    /** {@return whether this is a block of IPv4 addresses} */
    public boolean isIpv4() {
        return prefix >= IpAddress.IPV4_OFFSET && first.isIpv4();
    }

    IpAddress first() {
        return first;
    }

    IpAddress last() {
        return first.last(prefix);
    }

    /** The prefix length in the 128-bit form of the address. */
    int prefix() {
        return prefix;
    }

    /** By first address, IPv4 before IPv6, a larger block before the blocks inside it. */
    @Override
    public int compareTo(Cidr other) {
        if (isIpv4() != other.isIpv4()) {
            return isIpv4() ? -1 : 1;
        }
        int order = first.compareTo(other.first);
        return order != 0 ? order : Integer.compare(prefix, other.prefix);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Cidr that && that.prefix == prefix && that.first.equals(first);
    }

    @Override
    public int hashCode() {
        return 31 * first.hashCode() + prefix;
    }

    /** The block as text that {@link #parse} reads, always with its prefix length: {@code 10.0.0.0/8}. */
    @Override
    public String toString() {
        return address().getHostAddress() + "/" + prefixLength();
    }
}
