package io.github.connlimit.tomcat;

import io.github.connlimit.ConnectionPhase;
import java.io.IOException;
import java.nio.channels.CompletionHandler;
import java.nio.channels.NetworkChannel;

/**
 * How far a connection has come: the one that one of Tomcat's channels is used for at the moment. Every read looks at it,
 * at next to no cost once the first byte has come. This class is thread-safe.
 *
 * @param <U> the channel of a connection
 */
final class Progress<U extends NetworkChannel> {

    private final LimitedConnections<U> limited;

    /** {@code null} between two connections. Guarded by this. */
    private U channel;

    /** What it has to do next, or {@code null} if it has done all. Written by the holder of this only. */
    private volatile ConnectionPhase phase;

    /** Whether it is to be closed, as it has not done that in time: nothing it sends is read then. Guarded by this. */
    private boolean expired;

    Progress(LimitedConnections<U> limited) {
        this.limited = limited;
    }

    /** To be called when Tomcat's channel is used for another connection, or for none. */
    synchronized void begin(U accepted) {
        channel = accepted;
        phase = accepted == null ? null : limited.firstPhase();
        expired = false;
    }

    ConnectionPhase phase() {
        return phase;
    }

    void handshakeCompleted() {
        U completed;
        synchronized (this) {
            if (phase != ConnectionPhase.HANDSHAKE) {
                return;
            }
            phase = ConnectionPhase.FIRST_BYTE;
            completed = channel;
        }
        limited.handshakeCompleted(completed);
    }

    /**
     * To be called with the result of each read, before anybody else sees it.
     *
     * @return the same
     * @throws IOException if the first byte has come too late
     */
    int read(int count) throws IOException {
        read((long) count);
        return count;
    }

    /** As the other. */
    long read(long count) throws IOException {
        if (phase != null && count > 0) {
            established();
        }
        return count;
    }

    /**
     * Notes that the first byte of a request has come, if that is news.
     *
     * @throws IOException if it has come too late
     */
    void established() throws IOException {
        U proven;
        synchronized (this) {
            if (phase == null) {
                return;
            }
            if (expired) {
                throw new IOException("the deadline of the connection has passed");
            }
            phase = null;
            proven = channel;
        }
        limited.established(proven);
    }

    /** What is to hear of a read in place of the given one. */
    <V extends Number, A> CompletionHandler<V, A> watch(CompletionHandler<V, A> handler) {
        return phase == null ? handler : new FirstRead<>(handler);
    }

    /**
     * Lets nothing more be read if the connection has not come further yet.
     *
     * @return whether it is to be closed
     */
    synchronized boolean expire(NetworkChannel expected) {
        expired = phase != null && channel == expected;
        return expired;
    }

    private final class FirstRead<V extends Number, A> implements CompletionHandler<V, A> {

        private final CompletionHandler<V, A> handler;

        FirstRead(CompletionHandler<V, A> handler) {
            this.handler = handler;
        }

        @Override
        public void completed(V count, A attachment) {
            try {
                read(count.longValue());
            } catch (IOException tooLate) {
                handler.failed(tooLate, attachment);
                return;
            }
            handler.completed(count, attachment);
        }

        @Override
        public void failed(Throwable error, A attachment) {
            handler.failed(error, attachment);
        }
    }
}
