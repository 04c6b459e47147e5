package io.github.connlimit.tomcat;

import io.github.connlimit.ConnectionGate;
import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionPermit;
import io.github.connlimit.ErrorPolicy;
import io.github.connlimit.Rejection;
import jakarta.servlet.AsyncEvent;
import jakarta.servlet.AsyncListener;
import java.net.InetAddress;
import java.util.Objects;
import java.util.Optional;
import org.apache.catalina.connector.Connector;
import org.apache.catalina.connector.Request;
import org.apache.catalina.connector.Response;
import org.apache.coyote.ProtocolHandler;
import org.apache.coyote.ajp.AbstractAjpProtocol;

/**
 * The requests in process that count: those whose client was not counted when their connection was accepted, and
 * long-lived streams. This class is thread-safe.
 */
final class LimitedRequests {

    /** What a counted request is noted by; an asynchronous dispatch brings the same request again. */
    private static final String NOTE = LimitedRequests.class.getName();

    private static final int SWITCHING_PROTOCOLS = 101;

    private final ConnectionGate<Object> gate;

    LimitedRequests(ConnectionLimiter limiter) {
        gate = new ConnectionGate<>(limiter);
    }

    /**
     * Counts a request, if it has to be counted and has not been.
     *
     * @return {@code null} if it may go on
     */
    Rejection admit(Request request) {
        Counted counted = null;
        try {
            if (request.getNote(NOTE) != null) {
                return null;
            }
            InetAddress client = clientToCount(request);
            boolean stream = StreamRequests.asksForStream(request);
            if (client == null && !stream) {
                return null;
            }
            counted = new Counted();
            Rejection rejection = client == null ? null : gate.tryAdmitRequest(counted, client);
            if (rejection != null) {
                return rejection;
            }
            if (stream && !counted.tryBeginStream(request)) {
                counted.end();
                return Rejection.CLIENT_LIMIT;
            }
            request.setNote(NOTE, counted);
            return null;
        } catch (Throwable error) {
            if (counted != null) {
                counted.end();
            }
            gate.report("finding out the client of a request failed, onError decides", error);
            return gate.limiter().limits().onError() == ErrorPolicy.ADMIT ? null : Rejection.SERVER_LIMIT;
        }
    }

    /**
     * Whether the connection of a rejected request is to be closed. A proxy's connection is not: its next request may be of
     * another client. But what is left of a body would be read as the next request.
     */
    static boolean closesConnection(Request request) {
        boolean body = request.getContentLengthLong() > 0 || request.getHeader("Transfer-Encoding") != null;
        return body || Objects.equals(request.getRemoteAddr(), request.getPeerAddr());
    }

    /** What stands for a request that is counted, or {@code null} if it is not. */
    Counted counted(Request request) {
        return (Counted) request.getNote(NOTE);
    }

    /** To be called when a request has ended. */
    void release(Request request) {
        Counted counted = counted(request);
        if (counted != null) {
            counted.end();
        }
    }

    /**
     * To be called when a request has left the Valve. If it goes on asynchronously, the access log tells of its end. A
     * container that looked for access logs before the Valve was added does not; the listener is for that.
     *
     * @param counted the result of {@link #counted} before; Tomcat may be using the request for another one by now
     */
    void returned(Request request, Response response, Counted counted) {
        if (counted == null || counted.ended) {
            return;
        }
        try {
            if (request.isAsync()) {
                request.getAsyncContextInternal().addListener(counted);
                return;
            }
            if (response.getStatus() == SWITCHING_PROTOCOLS && counted.goesOnWithConnection(request)) {
                return;
            }
        } catch (Throwable error) {
            gate.report("finding out how a request goes on failed", error);
        }
        counted.end();
    }

    /** One request, for as long as it counts. */
    final class Counted implements AsyncListener {

        /** {@code null} if it is no stream, or one that no connection is counted for. */
        private ConnectionPermit.Stream stream;

        /** Whether it ends with its connection, which is no HTTP any more. */
        private volatile boolean upgraded;

        private volatile boolean ended;

        private Counted() {}

        /** @return whether the client may have one more stream */
        boolean tryBeginStream(Request request) {
            Optional<ConnectionPermit> permit = gate.permit(this);
            if (permit.isEmpty() && request.getConnector().getProtocolHandler() instanceof LimitedProtocol limited) {
                permit = ConnectionEnds.of(request.getCoyoteRequest()).flatMap(limited.limit()::connectionPermit);
            }
            if (permit.isEmpty()) {
                return true;
            }
            Optional<ConnectionPermit.Stream> begun = permit.get().tryBeginStream();
            stream = begun.orElse(null);
            return begun.isPresent();
        }

        /** @return false if nobody would tell the end */
        boolean goesOnWithConnection(Request request) {
            if (!(request.getConnector().getProtocolHandler() instanceof LimitedProtocol limited)) {
                return false;
            }
            if (gate.permit(this).isEmpty()) {
                // The permit of the connection ends the stream.
                upgraded = true;
                return true;
            }
            Optional<ConnectionEnds> ends = ConnectionEnds.of(request.getCoyoteRequest());
            upgraded = ends.isPresent();
            ends.ifPresent(connection -> limited.limit().whenClosed(connection, this::endNow));
            return upgraded;
        }

        void end() {
            if (!upgraded) {
                endNow();
            }
        }

        private void endNow() {
            ended = true;
            gate.release(this);
            ConnectionPermit.Stream begun = stream;
            if (begun != null) {
                begun.close();
            }
        }

        @Override
        public void onComplete(AsyncEvent event) {
            end();
        }

        @Override
        public void onError(AsyncEvent event) {
            // Not always followed by onComplete.
            end();
        }

        @Override
        public void onTimeout(AsyncEvent event) {
            // The application may go on.
        }

        @Override
        public void onStartAsync(AsyncEvent event) {
            event.getAsyncContext().addListener(this);
        }
    }

    void releaseAll() {
        gate.releaseAll();
    }

    /** The client to count the request for, or {@code null} if it was counted with its connection. */
    private InetAddress clientToCount(Request request) {
        ProtocolHandler protocol = request.getConnector().getProtocolHandler();
        boolean ajp = protocol instanceof AbstractAjpProtocol;
        // The address of the connection itself. With AJP it is what the web server says.
        String peer = ajp ? request.getCoyoteRequest().remoteAddr().toString() : request.getPeerAddr();
        // The address that the Valves before this one have found.
        String named = request.getRemoteAddr();
        boolean direct = Objects.equals(named, peer);
        boolean counted = protocol instanceof LimitedProtocol;
        if (counted && direct) {
            // The port is not asked for: NIO2 logs a warning if the connection has just been closed.
            return null;
        }
        boolean unixDomain = !ajp && request.getRemotePort() == 0;
        InetAddress sender = unixDomain ? null : ajp ? behindWebServer(request, peer) : ConnectionEnds.address(peer);
        Optional<InetAddress> client = direct ? Optional.empty() : gate.namedClient(sender, named);
        if (client.isPresent() && !client.get().equals(sender)) {
            return client.get();
        }
        return counted ? null : sender;
    }

    /** What the web server says counts; if that is no address, the web server itself. */
    private InetAddress behindWebServer(Request request, String named) {
        return gate.namedClient(null, named).orElseGet(() -> ConnectionEnds.address(request.getPeerAddr()));
    }

    /** What to say about a Connector whose connections nobody limits. */
    static String notLimited(Connector connector) {
        String what = connector + ": connections are not limited here, only requests in process are; ";
        if (connector.getProtocolHandler() instanceof AbstractAjpProtocol) {
            return what + "AJP has no protocol that could, so let the web server limit its connections";
        }
        boolean nio2 = connector.getProtocolHandlerClassName().endsWith("Nio2Protocol");
        return what + "to have them limited at accept, set its attribute protocol=\""
                + LimitedRequests.class.getPackageName() + ".ConnectionLimitHttp11" + (nio2 ? "Nio2" : "Nio")
                + "Protocol\"";
    }
}
