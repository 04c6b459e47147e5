package io.github.connlimit;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * An IP address as one 128-bit number, so that both families take the same code path. IPv4 is held in its IPv4-mapped
 * form ({@code ::ffff:0:0/96}, RFC 4291 section 2.5.5.2), which makes an IPv4-mapped IPv6 address equal to its IPv4
 * address. Scope ids are not part of it. Ordered as an unsigned number. This class is immutable.
 */
record IpAddress(long high, long low) implements Comparable<IpAddress> {

    static final int BITS = 128;

    /** How many leading bits every IPv4 address has in common here. */
    static final int IPV4_OFFSET = 96;

    static final IpAddress FIRST = new IpAddress(0, 0);
    static final IpAddress FIRST_IPV4 = new IpAddress(0, 0xffff_0000_0000L);

    private static final VarHandle LONG = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.BIG_ENDIAN);

    static IpAddress of(InetAddress address) {
        byte[] bytes = address.getAddress();
        return bytes.length == 4
                ? new IpAddress(0, FIRST_IPV4.low | Integer.toUnsignedLong(ipv4(bytes)))
                : new IpAddress((long) LONG.get(bytes, 0), (long) LONG.get(bytes, 8));
    }

    /** Byte by byte, so that the compiler can do without the array, which is a copy made for this. */
    private static int ipv4(byte[] bytes) {
        return bytes[0] << 24 | (bytes[1] & 0xff) << 16 | (bytes[2] & 0xff) << 8 | bytes[3] & 0xff;
    }

    boolean isIpv4() {
        return high == 0 && low >>> 32 == 0xffff;
    }

    /** The first address of the block of this length that this address is in. */
    IpAddress masked(int prefix) {
        return new IpAddress(high & highMask(prefix), low & lowMask(prefix));
    }

    /** The last address of the block of this length that this address is in. */
    IpAddress last(int prefix) {
        return new IpAddress(high | ~highMask(prefix), low | ~lowMask(prefix));
    }

    /** The address after this one, or {@code null} after the very last. */
    IpAddress next() {
        if (low != -1L) {
            return new IpAddress(high, low + 1);
        }
        return high == -1L ? null : new IpAddress(high + 1, 0);
    }

    static long highMask(int prefix) {
        return prefix >= Long.SIZE ? -1L : leading(prefix);
    }

    static long lowMask(int prefix) {
        return prefix <= Long.SIZE ? 0 : leading(prefix - Long.SIZE);
    }

    private static long leading(int bits) {
        // A shift by 64 is a shift by 0 in Java, hence the special case.
        return bits == 0 ? 0 : -1L << (Long.SIZE - bits);
    }

    InetAddress toInetAddress() {
        byte[] bytes = isIpv4()
                ? ByteBuffer.allocate(4).putInt((int) low).array()
                : ByteBuffer.allocate(16).putLong(high).putLong(low).array();
        try {
            return InetAddress.getByAddress(bytes);
        } catch (UnknownHostException impossible) {
            throw new IllegalStateException("an address of " + bytes.length + " bytes", impossible);
        }
    }

    @Override
    public int compareTo(IpAddress other) {
        int order = Long.compareUnsigned(high, other.high);
        return order != 0 ? order : Long.compareUnsigned(low, other.low);
    }
}
