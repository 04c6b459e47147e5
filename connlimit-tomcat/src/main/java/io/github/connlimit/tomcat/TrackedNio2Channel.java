package io.github.connlimit.tomcat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.AsynchronousSocketChannel;
import java.nio.channels.CompletionHandler;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.tomcat.util.net.Nio2Channel;
import org.apache.tomcat.util.net.SocketBufferHandler;
import org.apache.tomcat.util.net.SocketWrapperBase;

/** Tomcat's channel for plaintext over NIO2. */
final class TrackedNio2Channel extends Nio2Channel implements TrackedChannel {

    private final Progress<AsynchronousSocketChannel> progress;

    TrackedNio2Channel(SocketBufferHandler buffer, Progress<AsynchronousSocketChannel> progress) {
        super(buffer);
        this.progress = progress;
    }

    @Override
    public Progress<AsynchronousSocketChannel> progress() {
        return progress;
    }

    @Override
    public void reset(AsynchronousSocketChannel channel, SocketWrapperBase<Nio2Channel> wrapper) throws IOException {
        progress.begin(channel);
        super.reset(channel, wrapper);
    }

    @Override
    public Future<Integer> read(ByteBuffer buffer) {
        try {
            // Tomcat waits for bytes only in the middle of a request.
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
