package io.github.connlimit.tomcat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.util.Iterator;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;

/** For NIO: one task looks after all that linger, again and again for as long as there are any. */
final class NioLingeringClose extends LingeringClose<SocketChannel> {

    private static final int INTERVAL_MILLIS = 10;

    /** What is looked after: from when the answer has been begun. */
    private final Queue<RefusedConnection> begun = new ConcurrentLinkedQueue<>();

    /** What is to look after them next, or {@code null}. */
    private final AtomicReference<Look> next = new AtomicReference<>();

    NioLingeringClose(Transport<SocketChannel> transport) {
        super(transport);
    }

    @Override
    void begin(RefusedConnection refused) throws IOException {
        refused.channel.configureBlocking(false);
        send(refused);
        begun.add(refused);
        scheduleIfNeeded();
    }

    /** A server that has stopped has dropped the tasks of its executor: nothing must wait for one of them now. */
    @Override
    void start() {
        begun.clear();
        next.set(null);
        super.start();
    }

    private void scheduleIfNeeded() {
        Look look = new Look();
        if (!next.compareAndSet(null, look)) {
            return;
        }
        try {
            transport().executor().schedule(look, INTERVAL_MILLIS, TimeUnit.MILLISECONDS);
        } catch (Throwable error) {
            // The server is going down, or memory has run out: nobody would look after them.
            next.compareAndSet(look, null);
            begun.forEach(RefusedConnection::end);
            begun.clear();
        }
    }

    private final class Look implements Runnable {

        @Override
        public void run() {
            if (next.get() != this) {
                return;
            }
            try {
                attendAll();
            } finally {
                if (next.compareAndSet(this, null) && !begun.isEmpty()) {
                    scheduleIfNeeded();
                }
            }
        }
    }

    private void attendAll() {
        ByteBuffer buffer = ByteBuffer.allocate(BUFFER_BYTES);
        for (Iterator<RefusedConnection> all = begun.iterator(); all.hasNext(); ) {
            RefusedConnection refused = all.next();
            try {
                boolean goesOn;
                // Of two that look, one has begun before a stop and goes on after the next start.
                synchronized (refused) {
                    goesOn = attend(refused, buffer);
                }
                if (!goesOn) {
                    refused.end();
                    all.remove();
                }
            } catch (Throwable error) {
                refused.fail(error);
                all.remove();
            }
        }
    }

    /** Does what can be done without waiting; tells whether there may be more to do. */
    private static boolean attend(LingeringClose<SocketChannel>.RefusedConnection refused, ByteBuffer buffer)
            throws IOException {
        if (refused.response.hasRemaining()) {
            send(refused);
        }
        int count;
        while ((count = refused.channel.read(buffer.clear())) > 0) {
            if (!refused.received(count)) {
                return false;
            }
        }
        return count == 0 && refused.millisLeft() > 0;
    }

    private static void send(LingeringClose<SocketChannel>.RefusedConnection refused) throws IOException {
        refused.channel.write(refused.response);
        if (!refused.response.hasRemaining()) {
            refused.channel.shutdownOutput();
        }
    }
}
