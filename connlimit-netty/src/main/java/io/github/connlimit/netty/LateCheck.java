package io.github.connlimit.netty;

import io.github.connlimit.ConnectionGate;
import io.github.connlimit.ConnectionPhase;
import io.netty.channel.Channel;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;

/**
 * Finds out whether a connection that is past its deadline is late. Late is who has sent nothing, and not whom nobody has
 * read: its event loop may be busy, or its application may not read yet. So its loop reads once more before it says so, and
 * what it was late itself is given on. This class is thread-safe.
 */
final class LateCheck {

    private static final long UNREAD_MILLIS = 500;

    private final Channel channel;
    private final ConnectionGate<Channel> gate;
    private final ConnectionPhase phase;

    /** Whether it was read from, the last time that its loop looked. Only for its loop. */
    private boolean read;

    private volatile boolean late;

    LateCheck(Channel channel, ConnectionGate<Channel> gate, ConnectionPhase phase) {
        this.channel = channel;
        this.gate = gate;
        this.phase = phase;
    }

    ConnectionPhase phase() {
        return phase;
    }

    boolean isLate() {
        return late;
    }

    void begin() {
        long began = System.nanoTime();
        try {
            channel.eventLoop().execute(() -> {
                read = ProgressHandler.isRead(channel, gate);
                lookAfter(System.nanoTime() - began);
            });
        } catch (RejectedExecutionException | IllegalStateException withoutLoop) {
            // It has ended, or Netty has never registered the channel.
            late = true;
        }
    }

    /** A task that is not due at once: before it, the loop reads. */
    private void lookAfter(long nanos) {
        try {
            channel.eventLoop()
                    .schedule(this::look, Math.max(nanos, TimeUnit.MILLISECONDS.toNanos(1)), TimeUnit.NANOSECONDS);
        } catch (RejectedExecutionException ends) {
            late = true;
        }
    }

    private void look() {
        boolean before = read;
        read = ProgressHandler.isRead(channel, gate);
        if (before && read) {
            late = true;
        } else {
            lookAfter(read ? 0 : TimeUnit.MILLISECONDS.toNanos(UNREAD_MILLIS));
        }
    }
}
