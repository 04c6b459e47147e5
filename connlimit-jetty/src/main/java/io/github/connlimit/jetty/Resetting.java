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
            // Closed already, or the socket does not support it: then it is closed without a reset.
        }
    }

    static void reset(SocketChannel channel) {
        try (channel) {
            prepare(channel);
        } catch (IOException ignored) {
            // The descriptor is freed even if close fails.
        }
    }
}
