package io.github.connlimit.benchmarks;

import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.util.function.IntFunction;
import java.util.stream.IntStream;

/** The clients of a benchmark, each with its address and with a ready-made key for it. */
public final class Clients {

    private final InetAddress[] addresses;
    private final Key[] keys;

    private Clients(InetAddress[] addresses, Key[] keys) {
        this.addresses = addresses;
        this.keys = keys;
    }

    /**
     * A client as a map may know it: the 128 bits of its address, IPv4 in its mapped form; of IPv6 the first 64.
     *
     * @param high the first 64 bits
     * @param low the last 64 bits
     */
    public record Key(long high, long low) {}

    public static Clients ipv4(int count) {
        return make(count, Addresses::ipv4);
    }

    public static Clients ipv6(int count) {
        return make(count, Addresses::ipv6);
    }

    private static Clients make(int count, IntFunction<InetAddress> address) {
        InetAddress[] addresses = IntStream.range(0, count).mapToObj(address).toArray(InetAddress[]::new);
        Key[] keys = new Key[count];
        for (int i = 0; i < count; i++) {
            keys[i] = key(addresses[i]);
        }
        return new Clients(addresses, keys);
    }

    private static Key key(InetAddress address) {
        ByteBuffer bytes = ByteBuffer.wrap(address.getAddress());
        return bytes.capacity() == 4
                ? new Key(0, 0xffff_0000_0000L | Integer.toUnsignedLong(bytes.getInt()))
                : new Key(bytes.getLong(), 0);
    }

    public int count() {
        return keys.length;
    }

    public InetAddress address(int client) {
        return addresses[client];
    }

    public Key key(int client) {
        return keys[client];
    }

    /** The key made anew from the address, as whoever is given only an address has to. */
    public Key newKey(int client) {
        return key(addresses[client]);
    }
}
