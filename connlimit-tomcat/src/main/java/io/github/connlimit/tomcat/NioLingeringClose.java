package io.github.connlimit.tomcat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.util.Iterator;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

/** For NIO: one task looks after all that linger, again and again for as long as there are any. */
final class NioLingeringClose extends LingeringClose<SocketChannel> implements Runnable {

    private static final int INTERVAL_MILLIS = 10;

    /** What the task looks after: from when the answer has been begun, so that no two threads use one channel. */
    private final Queue<Farewell> begun = new ConcurrentLinkedQueue<>();

    private final AtomicBoolean scheduled = new AtomicBoolean();

    NioLingeringClose(Transport<SocketChannel> transport) {
        super(transport);
    }

    @Override
    void begin(Farewell farewell) throws IOException {
        farewell.channel.configureBlocking(false);
        send(farewell);
        begun.add(farewell);
        if (scheduled.compareAndSet(false, true)) {
            schedule();
        }
    }

    private void schedule() {
        try {
            transport().executor().schedule(this, INTERVAL_MILLIS, TimeUnit.MILLISECONDS);
        } catch (Throwable error) {
            // The server is going down, or memory has run out: nobody would look after them.
            scheduled.set(false);
            begun.forEach(Farewell::end);
            begun.clear();
        }
    }

    @Override
    public void run() {
        try {
            attendAll();
        } finally {
            scheduled.set(false);
            if (!begun.isEmpty() && scheduled.compareAndSet(false, true)) {
                schedule();
            }
        }
    }

    private void attendAll() {
        ByteBuffer buffer = ByteBuffer.allocate(BUFFER_BYTES);
        for (Iterator<Farewell> all = begun.iterator(); all.hasNext(); ) {
            Farewell farewell = all.next();
            try {
                if (!attend(farewell, buffer)) {
                    farewell.end();
                    all.remove();
                }
            } catch (Throwable error) {
                farewell.fail(error);
                all.remove();
            }
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
