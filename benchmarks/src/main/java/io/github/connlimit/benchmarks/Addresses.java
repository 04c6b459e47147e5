package io.github.connlimit.benchmarks;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;

/** Distinct client addresses, scattered over the address space, the same in every run. */
public final class Addresses {

    /** Odd, so that multiplying by it gives each 32-bit number once. */
    private static final int SCATTER = 0x9e37_79b1;

    private static final int IPV6_DOCUMENTATION = 0x2001_0db8;

    private Addresses() {}

    /** The IPv4 address with this number. */
    public static InetAddress ipv4(int number) {
        return address(ByteBuffer.allocate(4).putInt(number * SCATTER));
    }

    /** An address in the IPv6 /64 block with this number. */
    public static InetAddress ipv6(int number) {
        return address(ByteBuffer.allocate(16)
                .putInt(IPV6_DOCUMENTATION)
                .putInt(number * SCATTER)
                .putLong(number * 0x9e37_79b9_7f4a_7c15L));
    }

    private static InetAddress address(ByteBuffer bytes) {
        try {
            return InetAddress.getByAddress(bytes.array());
        } catch (UnknownHostException impossible) {
            throw new IllegalStateException("an address of " + bytes.capacity() + " bytes", impossible);
        }
    }
}
