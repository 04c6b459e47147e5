package io.github.connlimit.benchmarks.load;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;

/** A connected channel, in clear text or with TLS. Not thread-safe. */
abstract class Wire {

    private final SocketChannel channel;
    private boolean heard;

    Wire(SocketChannel channel) {
        this.channel = channel;
    }

    static Wire plain(SocketChannel channel) {
        return new Plain(channel);
    }

    /** Goes on with what has to come before the first request; returns whether it is complete. */
    abstract boolean handshake() throws IOException;

    /** Reads what there is; returns how much, 0 for nothing yet, -1 for the end. */
    abstract int read(ByteBuffer into) throws IOException;

    abstract void write(ByteBuffer from) throws IOException;

    /** Whether the server has sent anything. */
    boolean heard() {
        return heard;
    }

    final int receive(ByteBuffer into) throws IOException {
        int count = channel.read(into);
        heard |= count > 0;
        return count;
    }

    final void send(ByteBuffer from) throws IOException {
        channel.write(from);
        if (from.hasRemaining()) {
            throw new EOFException("a small message did not fit into the send buffer");
        }
    }

    private static final class Plain extends Wire {

        private Plain(SocketChannel channel) {
            super(channel);
        }

        @Override
        boolean handshake() {
            return true;
        }

        @Override
        int read(ByteBuffer into) throws IOException {
            return receive(into);
        }

        @Override
        void write(ByteBuffer from) throws IOException {
            send(from);
        }
    }
}
