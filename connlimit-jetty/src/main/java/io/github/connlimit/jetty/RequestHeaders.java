package io.github.connlimit.jetty;

import io.github.connlimit.ConnectionGate;
import io.github.connlimit.ConnectionPhase;
import java.nio.channels.SocketChannel;
import java.nio.channels.WritePendingException;
import java.time.Duration;
import java.util.Collection;
import java.util.concurrent.TimeUnit;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpVersion;
import org.eclipse.jetty.io.Connection;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.io.ssl.SslConnection;
import org.eclipse.jetty.server.ConnectionMetaData;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.util.Callback;

/**
 * Finds the connections that have sent the beginning of a request's header and not yet its end. Jetty tells nobody, but it
 * counts bytes and complete headers: a look at all connections, four times in {@code headerTimeout}, finds those to which
 * bytes have come since the last header, and tells the gate that a header has begun. A {@link ConnectionLimitHandler} notes
 * how many bytes there were when a request came, and when its body, whose bytes are none of a header, has ended. Over TLS, the
 * bytes of the records are looked at, too: a record that is not complete is not counted by the connection inside. This class
 * is thread-safe.
 */
final class RequestHeaders {

    private static final long MIN_LOOK_MILLIS = 10;
    private static final long MAX_LOOK_MILLIS = 1000;

    /** Where an HTTP connection has its {@link Progress}. */
    private static final String ATTRIBUTE = RequestHeaders.class.getName();

    private final ConnectionGate<SocketChannel> gate;

    /** Used by the one thread that sweeps. */
    private long lookedNanos;

    RequestHeaders(ConnectionGate<SocketChannel> gate) {
        this.gate = gate;
        this.lookedNanos = nanoTime();
    }

    private long nanoTime() {
        return gate.limiter().ticker().read();
    }

    /** Whether all requests of a server pass a {@link ConnectionLimitHandler}. */
    static boolean areAllNoted(Handler first) {
        Handler handler = first;
        while (handler instanceof Handler.Singleton single && !(handler instanceof ConnectionLimitHandler)) {
            handler = single.getHandler();
        }
        return handler instanceof ConnectionLimitHandler;
    }

    private Duration timeout() {
        return gate.limiter().limits().headerTimeout();
    }

    /** To be called when a connection is opened: before any request of it, if it speaks HTTP. */
    void opened(Connection connection) {
        if (connection instanceof ConnectionMetaData http && !timeout().isZero()) {
            progress(http);
        }
    }

    private static Progress progress(ConnectionMetaData http) {
        if (http.getAttribute(ATTRIBUTE) instanceof Progress known) {
            return known;
        }
        Progress progress = new Progress(http);
        http.setAttribute(ATTRIBUTE, progress);
        return progress;
    }

    /** To be called with each request, before anything is read of its body. */
    static void note(Request request) {
        ConnectionMetaData http = request.getConnectionMetaData();
        if (!(http.getAttribute(ATTRIBUTE) instanceof Progress progress) || isHttp2(http)) {
            return;
        }
        boolean body = request.getHeaders().contains(HttpHeader.CONTENT_LENGTH)
                || request.getHeaders().contains(HttpHeader.TRANSFER_ENCODING);
        progress.note(body);
        if (body) {
            Request.addCompletionListener(request, failure -> progress.noteEndOfBody());
        }
    }

    private static boolean isHttp2(ConnectionMetaData http) {
        return http.getHttpVersion().getVersion() >= HttpVersion.HTTP_2.getVersion();
    }

    /**
     * Looks at all connections, if it is time.
     *
     * @param connections the EndPoints of the TCP connections
     * @param mostMillis after how many milliseconds to call it again at the latest
     * @return after how many to call it again
     */
    long look(Collection<EndPoint> connections, long mostMillis) {
        Duration timeout = timeout();
        if (timeout.isZero()) {
            return mostMillis;
        }
        long period = Math.max(MIN_LOOK_MILLIS, Math.min(MAX_LOOK_MILLIS, timeout.toMillis() / 4));
        long now = nanoTime();
        if (now - lookedNanos >= TimeUnit.MILLISECONDS.toNanos(period)) {
            lookedNanos = now;
            connections.forEach(this::look);
        }
        return Math.min(mostMillis, period);
    }

    private void look(EndPoint lowest) {
        if (http(lowest) instanceof ConnectionMetaData http && progress(http).hasBegun()) {
            SocketChannel channel = Channels.of(lowest);
            if (channel != null) {
                gate.headerBegun(channel);
            }
        }
    }

    /** {@return what is spoken on a connection, in TLS if there is any} */
    private static Connection http(EndPoint lowest) {
        Connection connection = lowest.getConnection();
        return connection instanceof SslConnection tls ? tls.getSslEndPoint().getConnection() : connection;
    }

    /**
     * Closes a connection whose deadline has passed.
     *
     * @param lowest the EndPoint of the TCP connection
     * @return false if its header is complete
     */
    static boolean closeLate(EndPoint lowest) {
        if (!(http(lowest) instanceof ConnectionMetaData http)
                || !progress(http).isInHeader()) {
            return false;
        }
        EndPoint endPoint = http.getConnection().getEndPoint();
        try {
            if (!isHttp2(http)) {
                // Nothing else is written while Jetty waits for a header. What does not go out at once is lost.
                endPoint.write(Callback.NOOP, ConnectionPhase.timeoutResponse());
            }
        } catch (WritePendingException answering) {
            // The header was complete at the last moment.
        } finally {
            endPoint.close();
        }
        return true;
    }

    /** How far an HTTP connection has come. */
    private static final class Progress {

        /** No record of TLS is shorter, encrypted: its header, one byte and an authentication tag. */
        private static final int MIN_RECORD_BYTES = 22;

        /** How many records that carry no request may come before the next request: a client may change its key. */
        private static final int MAX_OTHER_RECORDS = 3;

        private final Connection connection;
        private final boolean http2;

        /** How many headers there had been before this was made: their requests may not have been answered yet. */
        private final long unnoted;

        /** How many headers there had been at the last request that was noted. Guarded by this, as all that follows. */
        private long messages;

        /** How many bytes there had been. */
        private long bytes;

        /** The same below TLS. */
        private long wireBytes;

        /** How many requests with a body are in progress. */
        private int bodies;

        /** Whether bytes have come since. */
        private boolean begun;

        /** How many bytes there had been below TLS when that was noticed. */
        private long begunWireBytes;

        private int otherRecords;

        Progress(ConnectionMetaData http) {
            this.connection = http.getConnection();
            this.http2 = isHttp2(http);
            this.unnoted = connection.getMessagesIn();
            this.wireBytes = wireBytes();
        }

        /** {@return how many bytes have come below TLS; 0 in clear text} */
        private long wireBytes() {
            return Channels.lowest(connection.getEndPoint()).getConnection() instanceof SslConnection tls
                    ? tls.getBytesIn()
                    : 0;
        }

        synchronized void note(boolean body) {
            if (body) {
                bodies++;
            }
            begin();
        }

        private void begin() {
            messages = connection.getMessagesIn();
            wireBytes = wireBytes();
            bytes = connection.getBytesIn();
            begun = false;
            otherRecords = 0;
        }

        synchronized void noteEndOfBody() {
            bodies--;
            wireBytes = wireBytes();
            bytes = connection.getBytesIn();
        }

        /** {@return whether a header has begun since this was asked last} */
        synchronized boolean hasBegun() {
            if (begun) {
                return false;
            }
            noteAnswered();
            // In this order: the bytes of a record are counted before those in it, and those of a header before it is.
            long wire = wireBytes();
            long now = connection.getBytesIn();
            begun = (now > bytes || !http2 && wire > wireBytes) && isBetweenRequests();
            begunWireBytes = wire;
            return begun;
        }

        synchronized boolean isInHeader() {
            noteAnswered();
            return begun && isBetweenRequests() && (connection.getBytesIn() > bytes || isInRecord());
        }

        /** Notes a request that Jetty has answered by itself: no handler has seen it, and it has no body any more. */
        private void noteAnswered() {
            long in = connection.getMessagesIn();
            // Jetty 12.0 counts an answer before a body has been read.
            if (!http2 && in > unnoted && in != messages && bodies == 0 && connection.getMessagesOut() >= in) {
                begin();
            }
        }

        /** Not if there has been a request that was not noted: there may be a body of it. */
        private boolean isBetweenRequests() {
            return bodies == 0 && connection.getMessagesIn() == messages;
        }

        /** Whether what has come is the beginning of a record that trickles in. */
        private boolean isInRecord() {
            long wire = wireBytes();
            if (wire - wireBytes < MIN_RECORD_BYTES || wire > begunWireBytes || otherRecords == MAX_OTHER_RECORDS) {
                return true;
            }
            // A whole record most probably, which was no request.
            otherRecords++;
            wireBytes = wire;
            begun = false;
            return false;
        }
    }
}
