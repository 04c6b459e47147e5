package io.github.connlimit.benchmarks.load;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;

/** The addresses that the generator's connections come from: 127.16.0.0 and what follows. */
final class Sources {

    /** How many there are: 127.16.0.0 to 127.31.255.255. */
    static final int COUNT = 1 << 20;

    private static final int FIRST = 127 << 24 | 16 << 16;

    private Sources() {}

    /** The address with this number, with any port. */
    static InetSocketAddress source(int number) {
        if (number < 0 || number >= COUNT) {
            throw new IllegalArgumentException("no client address " + number);
        }
        try {
            byte[] bytes = ByteBuffer.allocate(4).putInt(FIRST + number).array();
            return new InetSocketAddress(InetAddress.getByAddress(bytes), 0);
        } catch (UnknownHostException impossible) {
            throw new IllegalStateException("an address of 4 bytes", impossible);
        }
    }
}
