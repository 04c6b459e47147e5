package io.github.connlimit.tomcat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import org.apache.tomcat.util.net.NioChannel;
import org.apache.tomcat.util.net.NioEndpoint.NioSocketWrapper;
import org.apache.tomcat.util.net.SocketBufferHandler;

/** Tomcat's channel for plaintext over NIO. */
final class TrackedNioChannel extends NioChannel implements TrackedChannel {

    private final Progress<SocketChannel> progress;

    TrackedNioChannel(SocketBufferHandler buffer, Progress<SocketChannel> progress) {
        super(buffer);
        this.progress = progress;
    }

    @Override
    public Progress<SocketChannel> progress() {
        return progress;
    }

    @Override
    public void reset(SocketChannel channel, NioSocketWrapper wrapper) throws IOException {
        progress.begin(channel);
        super.reset(channel, wrapper);
    }

    @Override
    public int read(ByteBuffer buffer) throws IOException {
        return progress.read(super.read(buffer));
    }

    @Override
    public long read(ByteBuffer[] buffers, int offset, int length) throws IOException {
        return progress.read(super.read(buffers, offset, length));
    }
}
