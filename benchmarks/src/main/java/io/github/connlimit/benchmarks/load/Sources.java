package io.github.connlimit.benchmarks.load;

import java.io.IOException;
import java.net.BindException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;

/**
 * Where the generator's connections come from: the addresses 127.16.0.0 to 127.31.255.255, each with its ports in turn.
 * To let the kernel look for a free port takes milliseconds once an address has thousands in use. Not thread-safe.
 */
final class Sources {

    private static final int COUNT = 1 << 20;
    private static final int FIRST = 127 << 24 | 16 << 16;

    /** Below those that the kernel gives away by default, which may be those of servers. */
    private static final int FIRST_PORT = 1024;

    private static final int PORTS = 32_768 - FIRST_PORT;
    private static final int MAX_TAKEN = 1000;

    private final InetAddress[] addresses = new InetAddress[COUNT];

    /** By address, counted from the first port. */
    private final int[] nextPorts = new int[COUNT];

    /** Binds a channel to the address with this number. */
    void bind(SocketChannel channel, int number) throws IOException {
        for (int taken = 0; ; taken++) {
            int port = FIRST_PORT + nextPorts[number];
            nextPorts[number] = (nextPorts[number] + 1) % PORTS;
            try {
                channel.bind(new InetSocketAddress(address(number), port));
                return;
            } catch (BindException inUse) {
                if (taken == MAX_TAKEN) {
                    throw inUse;
                }
            }
        }
    }

    private InetAddress address(int number) {
        if (addresses[number] == null) {
            addresses[number] = address(ByteBuffer.allocate(4).putInt(FIRST + number));
        }
        return addresses[number];
    }

    private static InetAddress address(ByteBuffer bytes) {
        try {
            return InetAddress.getByAddress(bytes.array());
        } catch (UnknownHostException impossible) {
            throw new IllegalStateException("an address of " + bytes.capacity() + " bytes", impossible);
        }
    }
}
