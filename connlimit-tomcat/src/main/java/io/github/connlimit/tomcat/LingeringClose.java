package io.github.connlimit.tomcat;

import io.github.connlimit.Cidr;
import io.github.connlimit.ConnectionGate;
import io.github.connlimit.RefusalBudget;
import io.github.connlimit.Rejection;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.NetworkChannel;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Answers refused connections with status 429 and closes them so that the answer arrives. A socket that is closed with
 * unread bytes resets the connection, and the client loses the answer. So what the client still sends is read and thrown
 * away until it closes, for a bounded time and a bounded number of bytes. This class is thread-safe; no thread waits for a
 * client.
 *
 * @param <U> the channel of a connection
 */
abstract class LingeringClose<U extends NetworkChannel> {

    static final int BUFFER_BYTES = 16 * 1024;

    private final Transport<U> transport;

    /** For {@link #stop}. */
    private final Set<RefusedConnection> open = ConcurrentHashMap.newKeySet();

    /** Whether the endpoint has stopped: nothing lingers then. */
    private volatile boolean stopped;

    LingeringClose(Transport<U> transport) {
        this.transport = transport;
    }

    Transport<U> transport() {
        return transport;
    }

    void start() {
        stopped = false;
    }

    /** Ends all that linger; nothing lingers from now on. */
    void stop() {
        stopped = true;
        open.forEach(RefusedConnection::end);
    }

    /**
     * Answers, and closes when the client does. Takes over both the channel and the place.
     *
     * @param client whose connection it is
     * @param rejection what to answer
     * @param gate for errors
     */
    void respond(U channel, Cidr client, Rejection rejection, RefusalBudget.Place place, ConnectionGate<U> gate) {
        RefusedConnection refused = new RefusedConnection(channel, client, rejection, place, gate);
        open.add(refused);
        try {
            begin(refused);
        } catch (Throwable error) {
            refused.fail(error);
        }
        if (stopped) {
            refused.end();
        }
    }

    /**
     * Notices which connections the client has closed, so that their places are free for its next one. For the accept
     * thread: does next to nothing, and nothing at all if ends are noticed when they happen.
     */
    void noticeEnds(Cidr client) {}

    /** Sends the answer, or what of it can be sent without blocking, and sees to it that the rest follows. */
    abstract void begin(RefusedConnection refused) throws IOException;

    /** One refused connection that is being answered. */
    final class RefusedConnection {

        final U channel;
        final Cidr client;
        final ByteBuffer response;
        private final RefusalBudget.Place place;
        private final ConnectionGate<U> gate;
        private final long beginNanos;
        private final AtomicBoolean ended = new AtomicBoolean();
        private long bytes;

        private RefusedConnection(
                U channel, Cidr client, Rejection rejection, RefusalBudget.Place place, ConnectionGate<U> gate) {
            this.channel = channel;
            this.client = client;
            this.response = rejection.httpResponse(true);
            this.place = place;
            this.gate = gate;
            this.beginNanos = nanoTime();
        }

        private long nanoTime() {
            return gate.limiter().ticker().read();
        }

        /** How long it may go on, in milliseconds; 0 or less when its time is over. */
        long millisLeft() {
            return RefusalBudget.MAX_LINGER_MILLIS - TimeUnit.NANOSECONDS.toMillis(nanoTime() - beginNanos);
        }

        /**
         * Notes what was read.
         *
         * @return whether more may be read
         */
        boolean received(int count) {
            bytes += count;
            return bytes <= RefusalBudget.MAX_LINGER_BYTES;
        }

        /** Closes the connection and gives all it held back. Every call but the first does nothing. */
        void end() {
            if (!ended.compareAndSet(false, true)) {
                return;
            }
            try {
                // The answer has been sent: a client that has closed sees no reset, another one gets nothing more.
                transport.resetOnClose(channel);
            } catch (IOException | RuntimeException clientGone) {
                // Then there is nobody to be reset.
            } finally {
                open.remove(this);
                place.close();
                transport.destroy(channel);
            }
        }

        /** Ends after an error, and logs it unless it only says that the client or the server has gone. */
        void fail(Throwable error) {
            end();
            if (!stopped && !(error instanceof IOException)) {
                gate.report("answering a refused connection failed", error);
            }
        }
    }
}
