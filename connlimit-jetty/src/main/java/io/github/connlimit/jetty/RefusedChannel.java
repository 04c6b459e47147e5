package io.github.connlimit.jetty;

import io.github.connlimit.RefusalBudget;
import io.github.connlimit.Rejection;
import java.io.IOException;
import java.nio.channels.SocketChannel;
import java.util.concurrent.TimeUnit;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.io.ManagedSelector;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.util.thread.Scheduler;

/**
 * A refused connection that is being answered, from its refusal to its end. A deadline ends it if nothing else does.
 * When it ends, its place is free again. This class is thread-safe.
 */
final class RefusedChannel {

    private final SocketChannel channel;
    private final Rejection rejection;
    private final RefusalBudget.Place place;
    private final ServerConnector connector;

    /** What Jetty made of the channel: {@code null} at first. Guarded by this. */
    private EndPoint endPoint;

    /** {@code null} at first. Guarded by this. */
    private Scheduler.Task deadline;

    /** Once true, always true. Guarded by this. */
    private boolean ended;

    RefusedChannel(SocketChannel channel, Rejection rejection, RefusalBudget.Place place, ServerConnector connector) {
        this.channel = channel;
        this.rejection = rejection;
        this.place = place;
        this.connector = connector;
    }

    /** What the client is told. */
    Rejection rejection() {
        return rejection;
    }

    /** To be called once, first. */
    synchronized void startDeadline(long millis) {
        deadline = connector.getScheduler().schedule(this::reset, millis, TimeUnit.MILLISECONDS);
    }

    /**
     * To be called when Jetty has opened the EndPoint, not before: Jetty would never forget an EndPoint closed earlier.
     *
     * @return false if the connection has ended already, and the EndPoint has to be closed
     */
    synchronized boolean opened(EndPoint opened) {
        endPoint = opened;
        return !ended;
    }

    /** Closes the connection. What has been sent is still delivered. Does nothing if the connection has ended. */
    void close() {
        end(false);
    }

    /** Resets the connection. Does nothing if the connection has ended. */
    void reset() {
        end(true);
    }

    private void end(boolean reset) {
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
            if (reset) {
                Resetting.prepare(channel);
            }
            if (opened != null && reset) {
                // Below TLS, whose close might wait for a thread that is reading.
                Channels.lowest(opened).close();
            } else if (opened != null) {
                opened.close();
            } else {
                channel.close();
                // The JDK really closes a registered channel only at its selector's next select: wake it up.
                connector
                        .getSelectorManager()
                        .getBeans(ManagedSelector.class)
                        .forEach(selector -> selector.submit(woken -> {}));
            }
        } catch (IOException ignored) {
            // The descriptor is freed even if close fails.
        } finally {
            place.close();
        }
    }
}
