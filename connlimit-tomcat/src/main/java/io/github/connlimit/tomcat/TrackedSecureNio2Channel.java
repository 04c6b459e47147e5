package io.github.connlimit.tomcat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.AsynchronousSocketChannel;
import java.nio.channels.CompletionHandler;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.tomcat.util.net.Nio2Channel;
import org.apache.tomcat.util.net.Nio2Endpoint;
import org.apache.tomcat.util.net.SecureNio2Channel;
import org.apache.tomcat.util.net.SocketBufferHandler;
import org.apache.tomcat.util.net.SocketWrapperBase;

/** Tomcat's channel for TLS over NIO2. */
final class TrackedSecureNio2Channel extends SecureNio2Channel implements TrackedChannel {

    private final Progress<AsynchronousSocketChannel> progress;

    TrackedSecureNio2Channel(
            SocketBufferHandler buffer, Nio2Endpoint endpoint, Progress<AsynchronousSocketChannel> progress) {
        super(buffer, endpoint);
        this.progress = progress;
    }

    @Override
    public Progress<AsynchronousSocketChannel> progress() {
        return progress;
    }

    @Override
    public boolean isInRecord() {
        // What Tomcat could not decrypt yet. It is null before the handshake.
        ByteBuffer encrypted = netInBuffer;
        return encrypted != null && encrypted.position() > 0;
    }

    @Override
    public void reset(AsynchronousSocketChannel channel, SocketWrapperBase<Nio2Channel> wrapper) throws IOException {
        progress.begin(channel);
        super.reset(channel, wrapper);
    }

    @Override
    public int handshake() throws IOException {
        int next = super.handshake();
        if (next == 0) {
            progress.handshakeCompleted(getSslEngine());
        }
        return next;
    }

    @Override
    public Future<Integer> read(ByteBuffer buffer) {
        try {
            // Tomcat waits for bytes in the middle of a request, and for an HTTP/2 preface if it is not to use
            // asynchronous I/O: then by a time-out of its own.
            progress.established();
            return super.read(buffer);
        } catch (IOException tooLate) {
            return CompletableFuture.failedFuture(tooLate);
        }
    }

    @Override
    public <A> void read(
            ByteBuffer buffer,
            long timeout,
            TimeUnit unit,
            A attachment,
            CompletionHandler<Integer, ? super A> handler) {
        super.read(buffer, timeout, unit, attachment, progress.watch(handler));
    }

    @Override
    public <A> void read(
            ByteBuffer[] buffers,
            int offset,
            int length,
            long timeout,
            TimeUnit unit,
            A attachment,
            CompletionHandler<Long, ? super A> handler) {
        super.read(buffers, offset, length, timeout, unit, attachment, progress.watch(handler));
    }
}
