package io.github.connlimit.tomcat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

/** For NIO: one task looks after all that linger, again and again for as long as there are any. */
final class NioLingeringClose extends LingeringClose<SocketChannel> implements Runnable {

    private static final int INTERVAL_MILLIS = 10;

    private final AtomicBoolean scheduled = new AtomicBoolean();

    NioLingeringClose(Transport<SocketChannel> transport) {
        super(transport);
    }

    @Override
    void begin(Farewell farewell) throws IOException {
        farewell.channel.configureBlocking(false);
        send(farewell);
        if (scheduled.compareAndSet(false, true)) {
            schedule();
        }
    }

    private void schedule() {
        try {
            transport().executor().schedule(this, INTERVAL_MILLIS, TimeUnit.MILLISECONDS);
        } catch (RuntimeException shutDown) {
            // The server is going down: nobody will look after them.
            scheduled.set(false);
            open().forEach(Farewell::end);
        }
    }

    @Override
    public void run() {
        ByteBuffer buffer = ByteBuffer.allocate(BUFFER_BYTES);
        for (Farewell farewell : open()) {
            try {
                if (!attend(farewell, buffer)) {
                    farewell.end();
                }
            } catch (Throwable error) {
                farewell.fail(error);
            }
        }
        scheduled.set(false);
        if (!open().isEmpty() && scheduled.compareAndSet(false, true)) {
            schedule();
        }
    }

    /** Does what can be done without waiting; tells whether there may be more to do. */
    private static boolean attend(LingeringClose<SocketChannel>.Farewell farewell, ByteBuffer buffer)
            throws IOException {
        if (farewell.response.hasRemaining()) {
            send(farewell);
        }
        int count;
        while ((count = farewell.channel.read(buffer.clear())) > 0) {
            if (!farewell.received(count)) {
                return false;
            }
        }
        return count == 0 && farewell.millisLeft() > 0;
    }

    private static void send(LingeringClose<SocketChannel>.Farewell farewell) throws IOException {
        farewell.channel.write(farewell.response);
        if (!farewell.response.hasRemaining()) {
            farewell.channel.shutdownOutput();
        }
    }
}
