package io.github.connlimit;

import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;

/** Addresses for tests, made without asking a resolver. */
final class Addresses {

    private Addresses() {}

    /** An IPv4 literal, or an IPv6 literal, which has a colon. */
    static InetAddress ip(String literal) {
        try {
            return InetAddress.getByName(literal);
        } catch (UnknownHostException malformed) {
            throw new IllegalArgumentException(literal, malformed);
        }
    }

    static InetAddress ipv4(int bits) {
        return of(ByteBuffer.allocate(4).putInt(bits).array());
    }

    static InetAddress ipv6(long high, long low) {
        return of(ByteBuffer.allocate(16).putLong(high).putLong(low).array());
    }

    /** The same 16 bytes as an {@link Inet6Address}, also where the JDK would make an IPv4 address of them. */
    static Inet6Address ipv6WithScope(long high, long low, int scope) {
        try {
            byte[] bytes = ByteBuffer.allocate(16).putLong(high).putLong(low).array();
            return Inet6Address.getByAddress(null, bytes, scope);
        } catch (UnknownHostException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    private static InetAddress of(byte[] bytes) {
        try {
            return InetAddress.getByAddress(bytes);
        } catch (UnknownHostException impossible) {
            throw new IllegalStateException(impossible);
        }
    }
}
