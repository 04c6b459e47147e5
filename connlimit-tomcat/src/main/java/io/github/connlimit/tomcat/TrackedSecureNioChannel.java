package io.github.connlimit.tomcat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import org.apache.tomcat.util.net.NioEndpoint;
import org.apache.tomcat.util.net.NioEndpoint.NioSocketWrapper;
import org.apache.tomcat.util.net.SecureNioChannel;
import org.apache.tomcat.util.net.SocketBufferHandler;

/** Tomcat's channel for TLS over NIO. */
final class TrackedSecureNioChannel extends SecureNioChannel implements TrackedChannel {

    private final Progress<SocketChannel> progress;

    TrackedSecureNioChannel(SocketBufferHandler buffer, NioEndpoint endpoint, Progress<SocketChannel> progress) {
        super(buffer, endpoint);
        this.progress = progress;
    }

    @Override
    public Progress<SocketChannel> progress() {
        return progress;
    }

    @Override
    public boolean isInRecord() {
        // What Tomcat could not decrypt yet. It is null before the handshake.
        ByteBuffer encrypted = netInBuffer;
        return encrypted != null && encrypted.position() > 0;
    }

    @Override
    public void reset(SocketChannel channel, NioSocketWrapper wrapper) throws IOException {
        progress.begin(channel);
        super.reset(channel, wrapper);
    }

    @Override
    public int handshake(boolean read, boolean write) throws IOException {
        int next = super.handshake(read, write);
        if (next == 0) {
            progress.handshakeCompleted(getSslEngine());
        }
        return next;
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
