package io.github.connlimit.tomcat;

import io.github.connlimit.ConnectionPhase;
import java.io.IOException;
import java.nio.channels.CompletionHandler;
import java.nio.channels.NetworkChannel;
import javax.net.ssl.SSLEngine;
import org.apache.tomcat.util.net.SocketWrapperBase;

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

    /** Whether HTTP/2 has been agreed on: then its first header has a deadline from the first byte on. Guarded by this. */
    private boolean http2;

    /** How often bytes of a request have come. Written by the one thread that reads. */
    private volatile int reads;

    /** Whether Tomcat waits for the next request, and is not processing anything. */
    private volatile boolean idle;

    /** Tells the header that has a deadline from later ones. Guarded by this. */
    private long header;

    /** Whether its header has begun its time again, which it may once. Written by the holder of this only. */
    private volatile boolean begunAgain;

    /** Guarded by this. */
    private Expiry expiry = Expiry.NONE;

    /** What is to be done with a connection that has not done in time what it has to. */
    enum Expiry {
        /** It is not late: whatever Tomcat does is nothing that concerns connlimit. */
        NONE,
        /** It was late, but its header has been completed before it could be closed. */
        MET,
        /** It is closed without an answer, and nothing it sends is read, unless that is a header. */
        CLOSE,
        /** It is told that its header was late, and closed. */
        ANSWER
    }

    Progress(LimitedConnections<U> limited) {
        this.limited = limited;
    }

    /** {@return that of a connection, or {@code null} if it is closed} */
    static Progress<?> of(SocketWrapperBase<?> wrapper) {
        return wrapper != null && wrapper.getSocket() instanceof TrackedChannel tracked ? tracked.progress() : null;
    }

    /** To be called when Tomcat's channel is used for another connection, or for none. */
    synchronized void begin(U accepted) {
        channel = accepted;
        phase = accepted == null ? null : limited.firstPhase();
        http2 = false;
        idle = false;
        begunAgain = false;
        expiry = Expiry.NONE;
    }

    ConnectionPhase phase() {
        return phase;
    }

    /** @param engine that of the connection */
    void handshakeCompleted(SSLEngine engine) {
        U completed;
        synchronized (this) {
            if (phase != ConnectionPhase.HANDSHAKE) {
                return;
            }
            phase = ConnectionPhase.FIRST_BYTE;
            http2 = TlsRefusal.HTTP2.equals(engine.getApplicationProtocol());
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
        if (count > 0) {
            reads++;
            if (phase != null) {
                established();
            }
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
        boolean begun;
        synchronized (this) {
            if (phase == null || phase == ConnectionPhase.HEADER) {
                return;
            }
            if (expiry != Expiry.NONE) {
                throw new IOException("the deadline of the connection has passed");
            }
            begun = http2 && limited.hasHeaderTimeout();
            phase = begun ? ConnectionPhase.HEADER : null;
            proven = channel;
        }
        if (begun) {
            limited.firstHeaderBegun(proven, this::headerCompleted);
        } else {
            limited.established(proven);
        }
    }

    /** To be called when Tomcat begins to process what has come. */
    void processing() {
        idle = false;
    }

    /** To be called when Tomcat waits for the next request. */
    void idle() {
        idle = true;
    }

    /**
     * To be called when Tomcat has processed what has come, and waits for the rest of an HTTP/1.1 header; by the same thread.
     *
     * @param requests how many requests there were before this header
     */
    void inHeader(int requests) {
        headerBegun(requests);
    }

    /**
     * To be called when Tomcat waits for a request, and has the beginning of a TLS record: whatever is in it, it is the
     * beginning of a header, or it is nothing that takes long.
     */
    void inRecord() {
        // Never the same as a number of requests.
        headerBegun(-1L - reads);
    }

    private void headerBegun(long which) {
        U beginning;
        synchronized (this) {
            boolean another = phase == null || phase == ConnectionPhase.HEADER && header != which;
            if (http2 || channel == null || !another || !limited.hasHeaderTimeout()) {
                return;
            }
            begunAgain = begunAgain && header == which;
            phase = ConnectionPhase.HEADER;
            header = which;
            if (expiry != Expiry.NONE) {
                expiry = Expiry.MET;
            }
            beginning = channel;
        }
        limited.headerBegun(beginning);
    }

    /** To be called when Tomcat has processed what has come, and has all of the header, or nothing of it; as the other. */
    void notInHeader() {
        if (phase != ConnectionPhase.HEADER && !begunAgain) {
            return;
        }
        U processed;
        synchronized (this) {
            begunAgain = false;
            if (http2 || channel == null || phase != ConnectionPhase.HEADER) {
                return;
            }
            endHeader();
            processed = channel;
        }
        limited.established(processed);
    }

    /** To be called now and then, where nobody tells of the beginning of a record. */
    void lookForRecord(TrackedChannel tracked) {
        if (idle && phase == null && tracked.isInRecord()) {
            inRecord();
        }
    }

    boolean isIdle() {
        return idle;
    }

    private void headerCompleted() {
        U completed;
        synchronized (this) {
            if (phase != ConnectionPhase.HEADER) {
                return;
            }
            endHeader();
            completed = channel;
        }
        limited.established(completed);
    }

    private void endHeader() {
        phase = null;
        if (expiry != Expiry.NONE) {
            expiry = Expiry.MET;
        }
    }

    /**
     * Whether the connection is to be closed if it has not come further.
     *
     * @param waiting whether Tomcat has the beginning of an HTTP/1.1 header, and is not processing it at this moment
     */
    synchronized boolean expire(NetworkChannel expected, boolean waiting) {
        if (phase == ConnectionPhase.HEADER && !http2 && !waiting && !begunAgain) {
            // Complete, most probably, and a servlet is at work. If it is not, its time begins again, but only once: a
            // client that sends a byte at each deadline would never be late.
            phase = null;
            begunAgain = true;
        }
        if (phase == null || channel != expected) {
            return false;
        }
        expiry = phase == ConnectionPhase.HEADER && !http2 ? Expiry.ANSWER : Expiry.CLOSE;
        return true;
    }

    /** To be called by the thread that Tomcat has given the connection to, to be closed. */
    synchronized Expiry takeExpiry() {
        Expiry found = expiry;
        if (found == Expiry.MET) {
            expiry = Expiry.NONE;
        }
        return found;
    }

    /** What is to hear of a read in place of the given one. */
    <V extends Number, A> CompletionHandler<V, A> watch(CompletionHandler<V, A> handler) {
        return phase == null ? handler : new WatchedRead<>(handler);
    }

    private final class WatchedRead<V extends Number, A> implements CompletionHandler<V, A> {

        private final CompletionHandler<V, A> handler;

        WatchedRead(CompletionHandler<V, A> handler) {
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
