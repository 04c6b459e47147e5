package io.github.connlimit.tomcat;

import io.github.connlimit.Cidr;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.util.Iterator;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Predicate;

/** For NIO: one task looks after all that linger, again and again for as long as there are any. */
final class NioLingeringClose extends LingeringClose<SocketChannel> {

    private static final int INTERVAL_MILLIS = 10;

    /** A flood of refusals has the accept thread look no more often than this. */
    private static final long NOTICE_NANOS = TimeUnit.MICROSECONDS.toNanos(100);

    /** How much the accept thread reads of one connection; more is for the task. */
    private static final int NOTICE_BYTES = 4 * 1024;

    /** What is looked after: from when the answer has been begun. */
    private final Queue<RefusedConnection> begun = new ConcurrentLinkedQueue<>();

    /** When the accept thread looked last. */
    private volatile long noticedNanos = System.nanoTime() - NOTICE_NANOS;

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
                attend(refused -> true, Integer.MAX_VALUE);
            } finally {
                if (next.compareAndSet(this, null) && !begun.isEmpty()) {
                    scheduleIfNeeded();
                }
            }
        }
    }

    /** Without this, a client that closes at once and comes again would find its few places taken until the next look. */
    @Override
    void noticeEnds(Cidr client) {
        long now = System.nanoTime();
        if (!begun.isEmpty() && now - noticedNanos >= NOTICE_NANOS) {
            noticedNanos = now;
            attend(refused -> refused.client.equals(client), NOTICE_BYTES);
        }
    }

    /** @param most how many bytes to read of each */
    private void attend(Predicate<RefusedConnection> which, int most) {
        ByteBuffer buffer = ByteBuffer.allocate(Math.min(most, BUFFER_BYTES));
        for (Iterator<RefusedConnection> all = begun.iterator(); all.hasNext(); ) {
            RefusedConnection refused = all.next();
            if (!which.test(refused)) {
                continue;
            }
            try {
                boolean goesOn;
                // Of two that look, one has begun before a stop and goes on after the next start.
                synchronized (refused) {
                    goesOn = attend(refused, buffer, most);
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
    private static boolean attend(LingeringClose<SocketChannel>.RefusedConnection refused, ByteBuffer buffer, int most)
            throws IOException {
        if (refused.response.hasRemaining()) {
            send(refused);
        }
        int count;
        int left = most;
        while ((count = refused.channel.read(buffer.clear())) > 0 && left > 0) {
            left -= count;
            if (!refused.received(count)) {
                return false;
            }
        }
        return count >= 0 && refused.millisLeft() > 0;
    }

    private static void send(LingeringClose<SocketChannel>.RefusedConnection refused) throws IOException {
        refused.channel.write(refused.response);
        if (!refused.response.hasRemaining()) {
            refused.channel.shutdownOutput();
        }
    }
}
