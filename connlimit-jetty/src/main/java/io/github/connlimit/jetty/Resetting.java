package io.github.connlimit.jetty;

import java.io.IOException;
import java.net.StandardSocketOptions;
import java.nio.channels.SocketChannel;

/** Ends a connection by a TCP RST. */
final class Resetting {

    private Resetting() {}

    /** Makes whatever closes the channel reset the connection. Does nothing to a closed channel. */
    static void prepare(SocketChannel channel) {
        try {
            channel.setOption(StandardSocketOptions.SO_LINGER, 0);
        } catch (IOException | RuntimeException closedOrUnable) {
            // Then there is nothing left to be reset, or closing has to do.
        }
    }

    static void reset(SocketChannel channel) {
        try (channel) {
            prepare(channel);
        } catch (IOException ignored) {
            // The descriptor is gone all the same.
        }
    }
}
