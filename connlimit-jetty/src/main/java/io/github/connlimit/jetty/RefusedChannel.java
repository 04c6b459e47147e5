package io.github.connlimit.jetty;

import io.github.connlimit.RefusalBudget;
import java.io.IOException;
import java.nio.channels.SocketChannel;
import java.util.concurrent.TimeUnit;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.util.thread.Scheduler;

/**
 * A refused connection that is being answered, from its acceptance to its end, which is {@value
 * RefusalBudget#MAX_LINGER_MILLIS} milliseconds later at most. Ending it gives its place back; only the first call that
 * does so counts. This class is thread-safe.
 */
final class RefusedChannel {

    private final SocketChannel channel;
    private final RefusalBudget.Place place;

    /** What Jetty made of the channel: {@code null} at first. Guarded by this. */
    private EndPoint endPoint;

    /** {@code null} at first. Guarded by this. */
    private Scheduler.Task deadline;

    /** Once true, always true. Guarded by this. */
    private boolean ended;

    RefusedChannel(SocketChannel channel, RefusalBudget.Place place) {
        this.channel = channel;
        this.place = place;
    }

    synchronized void startDeadline(Scheduler scheduler) {
        if (!ended) {
            deadline = scheduler.schedule(this::reset, RefusalBudget.MAX_LINGER_MILLIS, TimeUnit.MILLISECONDS);
        }
    }

    /**
     * To be called when Jetty has opened the EndPoint, not before: closed earlier, it would stay in Jetty's books.
     *
     * @return false if the connection has been ended already, and the EndPoint has to be closed
     */
    synchronized boolean opened(EndPoint opened) {
        endPoint = opened;
        return !ended;
    }

    /** Closes the connection: what has been written will still be delivered. */
    void close() {
        end();
    }

    /** Resets the connection. */
    void reset() {
        Resetting.prepare(channel);
        end();
    }

    private void end() {
        EndPoint opened;
        synchronized (this) {
            if (ended) {
                return;
            }
            ended = true;
            opened = endPoint;
            if (deadline != null) {
                deadline.cancel();
            }
        }
        try {
            if (opened != null) {
                opened.close();
            } else {
                channel.close();
            }
        } catch (IOException ignored) {
            // The descriptor is gone all the same.
        } finally {
            place.close();
        }
    }
}
