package io.github.connlimit.tomcat;

import io.github.connlimit.Cidr;
import io.github.connlimit.ConnectionGate;
import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.ErrorPolicy;
import jakarta.servlet.AsyncEvent;
import jakarta.servlet.AsyncListener;
import java.net.InetAddress;
import java.util.Objects;
import org.apache.catalina.connector.Connector;
import org.apache.catalina.connector.Request;
import org.apache.coyote.ProtocolHandler;
import org.apache.coyote.ajp.AbstractAjpProtocol;

/**
 * The requests in process whose client was not counted when their connection was accepted. This class is thread-safe.
 */
final class LimitedRequests {

    /** What a counted request is noted by; an asynchronous dispatch brings the same request again. */
    private static final String NOTE = LimitedRequests.class.getName();

    private final ConnectionGate<Object> gate;

    /** Limits in force, with the default limit set such that only rules exempt; made anew when they change. */
    private volatile Exemptions exemptions;

    LimitedRequests(ConnectionLimiter limiter) {
        gate = new ConnectionGate<>(limiter);
        exemptions = Exemptions.of(limiter.limits());
    }

    /**
     * Counts a request if that is to be done, and has not been done.
     *
     * @return whether it may go on
     */
    boolean admit(Request request) {
        try {
            if (request.getNote(NOTE) != null) {
                return true;
            }
            InetAddress client = clientToCount(request);
            if (client == null) {
                return true;
            }
            Object token = new Object();
            if (!gate.admit(token, client)) {
                return false;
            }
            request.setNote(NOTE, token);
            return true;
        } catch (Throwable error) {
            gate.report("finding out the client of a request failed, onError decides", error);
            return gate.limiter().limits().onError() == ErrorPolicy.ADMIT;
        }
    }

    /** What stands for a request that is counted, or {@code null} if it is not. */
    Object counted(Request request) {
        return request.getNote(NOTE);
    }

    /** To be called when a request has ended. */
    void release(Request request) {
        Object token = request.getNote(NOTE);
        if (token != null) {
            gate.release(token);
        }
    }

    /**
     * To be called when a request has left the Valve. If it goes on asynchronously, the access log tells its end, except
     * in a container that had looked for access logs before the Valve was added: hence the listener.
     *
     * @param token what {@link #counted} told before, since the request may be in use for another one by now
     */
    void returned(Request request, Object token) {
        if (token == null) {
            return;
        }
        if (request.isAsync()) {
            try {
                request.getAsyncContextInternal().addListener(new Release(token));
                return;
            } catch (Throwable error) {
                gate.report("listening to an asynchronous request failed", error);
            }
        }
        gate.release(token);
    }

    private final class Release implements AsyncListener {

        private final Object token;

        Release(Object token) {
            this.token = token;
        }

        @Override
        public void onComplete(AsyncEvent event) {
            gate.release(token);
        }

        @Override
        public void onError(AsyncEvent event) {
            // Not always followed by onComplete.
            gate.release(token);
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
        // What the connection itself says. Of AJP, that is what the web server says, by the protocol it shares with us.
        String peer = ajp ? request.getCoyoteRequest().remoteAddr().toString() : request.getPeerAddr();
        // What the Valves before this one made of it.
        String named = request.getRemoteAddr();
        boolean unixDomain = !ajp && request.getRemotePort() == 0;
        boolean counted = protocol instanceof LimitedProtocol || unixDomain;
        if (Objects.equals(named, peer)) {
            return counted ? null : address(peer);
        }
        if (unixDomain || isExempt(address(peer))) {
            return address(named);
        }
        return counted ? null : address(peer);
    }

    /** Reads a literal; a header may well hold a name instead, and nobody's name servers are to be asked for that. */
    private static InetAddress address(String literal) {
        int scope = literal.indexOf('%');
        return Cidr.parse(scope < 0 ? literal : literal.substring(0, scope)).address();
    }

    /** Whether a rule lets this peer have any number of connections. A default without limit makes nobody trusted. */
    private boolean isExempt(InetAddress peer) {
        ConnectionLimits limits = gate.limiter().limits();
        Exemptions known = exemptions;
        if (known.limits != limits) {
            known = Exemptions.of(limits);
            exemptions = known;
        }
        return known.byRulesOnly.limitFor(peer) == 0;
    }

    private record Exemptions(ConnectionLimits limits, ConnectionLimits byRulesOnly) {

        static Exemptions of(ConnectionLimits limits) {
            return new Exemptions(limits, limits.toBuilder().maxPerClient(1).build());
        }
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
