package io.github.connlimit.tomcat;

import io.github.connlimit.Http1Rejection;
import io.github.connlimit.Http2Rejection;
import io.github.connlimit.RefusalBudget;
import io.github.connlimit.Rejection;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.BiConsumer;
import java.util.function.LongFunction;
import org.apache.tomcat.util.net.AbstractEndpoint.Handler.SocketState;
import org.apache.tomcat.util.net.SocketEvent;
import org.apache.tomcat.util.net.SocketWrapperBase;

/**
 * One refused connection that is answered after its TLS handshake. It waits for a request, answers it, and
 * reads on for a moment: a close with unread bytes would be a reset, and the answer would be lost. It takes the place of
 * Tomcat's HTTP processor, so that no application sees the request and no thread waits for the client. Tomcat lets one
 * thread at a time process a connection; any thread may call {@link #end}.
 */
final class TlsRefusal {

    private static final int BUFFER_BYTES = 8 * 1024;

    /** What ALPN calls it. */
    static final String HTTP2 = "h2";

    private final Http1Rejection http1;
    private final Http2Rejection ofHttp2;
    private final RefusalBudget.Place place;
    private final LongFunction<Future<?>> closing;
    private final BiConsumer<String, Throwable> report;
    private final Queue<Future<?>> deadlines = new ConcurrentLinkedQueue<>();

    /** {@code null} before the first byte, and if it is not HTTP/2 that is spoken. */
    private Http2Rejection http2;

    private boolean begun;
    private boolean answered;
    private int received;

    /**
     * Begins.
     *
     * @param rejection what to answer
     * @param closing closes the connection after so many milliseconds
     * @param report logs an error
     */
    TlsRefusal(
            Rejection rejection,
            RefusalBudget.Place place,
            LongFunction<Future<?>> closing,
            BiConsumer<String, Throwable> report) {
        this.http1 = new Http1Rejection(rejection);
        this.ofHttp2 = new Http2Rejection(rejection);
        this.place = place;
        this.closing = closing;
        this.report = report;
    }

    void closeIn(long millis) {
        deadlines.add(closing.apply(millis));
    }

    /** To be called when the connection has ended. */
    void end() {
        place.close();
        deadlines.forEach(deadline -> deadline.cancel(false));
    }

    /** As Tomcat's handler does it, whose caller closes the connection if it is told so. */
    SocketState process(SocketWrapperBase<?> wrapper, SocketEvent event) {
        try {
            if (event == SocketEvent.OPEN_READ) {
                return read(wrapper);
            }
            if (event == SocketEvent.OPEN_WRITE) {
                flush(wrapper);
                return SocketState.OPEN;
            }
            if (event == SocketEvent.ERROR && http2 != null) {
                // The deadline. It is not sent with the answer: some clients drop what they have not read yet when they
                // see it.
                write(wrapper, http2.goAway());
            }
        } catch (IOException | RejectedExecutionException gone) {
            // The client has gone, or the server is closing its connections.
        } catch (RuntimeException error) {
            report.accept("answering a refused connection failed", error);
        }
        return SocketState.CLOSED;
    }

    private SocketState read(SocketWrapperBase<?> wrapper) throws IOException {
        if (!begun) {
            begun = true;
            if (HTTP2.equals(wrapper.getNegotiatedProtocol())) {
                http2 = ofHttp2;
                write(wrapper, Http2Rejection.greeting());
            }
        }
        ByteBuffer buffer = ByteBuffer.allocate(BUFFER_BYTES);
        int count;
        while ((count = wrapper.read(false, buffer.clear())) > 0) {
            received += count;
            if (received > RefusalBudget.MAX_LINGER_BYTES) {
                return SocketState.CLOSED;
            }
            answer(wrapper, buffer.flip());
        }
        if (count < 0) {
            return SocketState.CLOSED;
        }
        wrapper.registerReadInterest();
        return SocketState.OPEN;
    }

    /** Answers what has been read, as soon as that can be. */
    private void answer(SocketWrapperBase<?> wrapper, ByteBuffer read) throws IOException {
        ByteBuffer answer = http2 == null ? http1.received(read) : http2.received(read);
        if (answer.hasRemaining()) {
            write(wrapper, answer);
        }
        if (!answered && (http1.isAnswered() || ofHttp2.isAnswered())) {
            answered = true;
            closeIn(RefusalBudget.MAX_LINGER_MILLIS);
        }
    }

    private static void write(SocketWrapperBase<?> wrapper, ByteBuffer bytes) throws IOException {
        wrapper.write(false, bytes);
        flush(wrapper);
    }

    private static void flush(SocketWrapperBase<?> wrapper) throws IOException {
        if (wrapper.flush(false)) {
            wrapper.registerWriteInterest();
        }
    }
}
