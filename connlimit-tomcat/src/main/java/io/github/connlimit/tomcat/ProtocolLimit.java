package io.github.connlimit.tomcat;

import io.github.connlimit.ClusterMembership;
import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionPermit;
import io.github.connlimit.RefusalHandler;
import io.github.connlimit.ServerSupport.Feature;
import java.nio.channels.NetworkChannel;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import javax.management.MBeanServer;
import javax.management.ObjectName;
import org.apache.coyote.Adapter;

/**
 * What a limited protocol does in its life, NIO or NIO2: decides at its start which limiter counts, and runs the sweep.
 * Tomcat wants a subclass of each of its two protocols; they pass on to this class. This class is thread-safe.
 *
 * @param <U> the channel of a connection
 */
final class ProtocolLimit<U extends NetworkChannel> {

    private static final System.Logger LOGGER = System.getLogger(ProtocolLimit.class.getName());

    private static final int STOPPED_SWEEP_MILLIS = 100;

    /** Tomcat's NIO2 endpoint closes its connections in other threads, and not all of them: it forgets some. */
    private static final int CLOSING_SECONDS = 5;

    private final LimitedConnections<U> connections;
    private final LimiterSettings settings = new LimiterSettings();

    /** Set by code. */
    private ConnectionLimiter setLimiter;

    /** Made of this protocol's own settings, at the first start that needs it. */
    private ConnectionLimiter ownLimiter;

    /** Handed over by the Valve. */
    private ConnectionLimiter serviceLimiter;

    /** {@code null} unless the protocol runs. */
    private ClusterMembership membership;

    private boolean running;
    private int starts;

    /** {@code null} if there is nothing to sweep. */
    private Sweep sweep;

    ProtocolLimit(LimitedConnections<U> connections) {
        this.connections = connections;
    }

    LimiterSettings settings() {
        return settings;
    }

    void refusalHandler(RefusalHandler<? super U> handler) {
        connections.refusalHandler(handler);
    }

    Optional<ConnectionPermit> connectionPermit(ConnectionEnds ends) {
        return connections.permit(ends);
    }

    /** Looks at each request before it is served. */
    Adapter watch(Adapter adapter) {
        return new WatchedAdapter(adapter, connections);
    }

    void whenClosed(ConnectionEnds ends, Runnable action) {
        connections.whenClosed(ends, action);
    }

    synchronized void limiter(ConnectionLimiter limiter) {
        Objects.requireNonNull(limiter, "limiter");
        if (running) {
            throw new IllegalStateException("limiter: to be set before the protocol is started");
        }
        setLimiter = limiter;
    }

    synchronized void useServiceLimiter(ConnectionLimiter limiter) {
        if (running && setLimiter == null) {
            checkOneSource("the ConnectionLimitValve of its Service");
            connections.use(limiter);
            settings.use(limiter);
            join(limiter);
            connections.warn(LOGGER, Map.of());
        }
        serviceLimiter = limiter;
    }

    synchronized boolean isRunning() {
        return running;
    }

    /** Throws if a setting is not allowed. */
    void init() {
        settings.limits();
    }

    /** A part of a protocol's life that is Tomcat's. */
    interface Step {

        void run() throws Exception;
    }

    /**
     * Starts the protocol, after it is decided who counts.
     *
     * @param server where the Service can be found, or {@code null} if Tomcat runs without JMX
     * @param protocol the name of the protocol there
     * @param starting what Tomcat does
     * @param unbind undoes the initialisation
     * @throws IllegalStateException if there are two sources of settings
     */
    void start(MBeanServer server, ObjectName protocol, Step starting, Step unbind) throws Exception {
        try {
            begin(server, protocol);
        } catch (Throwable error) {
            // The port is bound already. Without this, clients would wait in the backlog of a port that is not served.
            unbind.run();
            throw error;
        }
        try {
            starting.run();
        } catch (Throwable error) {
            end();
            throw error;
        }
    }

    private synchronized void begin(MBeanServer server, ObjectName protocol) {
        starts++;
        connections.closeForgotten();
        ServiceValves.limiterOf(server, protocol).ifPresent(limiter -> serviceLimiter = limiter);
        ConnectionLimiter limiter;
        if (setLimiter != null) {
            checkOneSource("setLimiter");
            limiter = setLimiter;
        } else if (serviceLimiter != null) {
            checkOneSource("the ConnectionLimitValve of its Service");
            limiter = serviceLimiter;
        } else {
            if (ownLimiter == null) {
                ownLimiter = new ConnectionLimiter(settings.limits());
            }
            limiter = ownLimiter;
        }
        connections.use(limiter);
        settings.use(limiter);
        join(limiter);
        warn(protocol);
        connections.start();
        running = true;
        schedule();
    }

    /** Of what is configured, and needs a Valve. */
    private void warn(ObjectName protocol) {
        Map<Feature, String> lacking = serviceLimiter != null
                ? Map.of()
                : Map.of(
                        Feature.RESERVED_CONNECTIONS,
                        "reservedConnections has no effect on " + (protocol == null ? "a connector" : protocol)
                                + ": there is no ConnectionLimitValve in its Service");
        connections.warn(LOGGER, lacking);
    }

    private void join(ConnectionLimiter limiter) {
        ClusterMembership joined = limiter.joinCluster();
        leave();
        membership = joined;
    }

    private void leave() {
        if (membership != null) {
            membership.close();
            membership = null;
        }
    }

    private void checkOneSource(String other) {
        if (settings.isGiven()) {
            throw new IllegalStateException("the limits come from two places: this protocol has its own ("
                    + settings.givenNames() + "), and there is " + other + "; leave out one of them");
        }
    }

    void stop(Step stopping) throws Exception {
        try {
            stopping.run();
        } finally {
            end();
        }
    }

    /** Nothing is accepted any more. Tomcat may still be closing connections. */
    private synchronized void end() {
        running = false;
        connections.stop();
        leave();
        if (!connections.isEmpty()) {
            int life = starts;
            // Not by the server's executor, which may be shut down by then.
            CompletableFuture.delayedExecutor(CLOSING_SECONDS, TimeUnit.SECONDS, Runnable::run)
                    .execute(() -> closeForgotten(life));
        }
        schedule();
    }

    private synchronized void closeForgotten(int life) {
        if (starts == life) {
            connections.closeForgotten();
        }
    }

    void destroy(Step destroying) throws Exception {
        try {
            destroying.run();
        } finally {
            forget();
        }
    }

    private synchronized void forget() {
        running = false;
        cancelSweep();
        connections.stop();
        leave();
        connections.releaseAll();
    }

    /** Begins to sweep anew; what was begun before ends. */
    private void schedule() {
        cancelSweep();
        if (running || !connections.isEmpty()) {
            sweep = new Sweep();
            sweep.scheduleIn(running ? 0 : STOPPED_SWEEP_MILLIS);
        }
    }

    private void cancelSweep() {
        if (sweep != null) {
            sweep.cancel();
            sweep = null;
        }
    }

    /** Runs again and again for as long as there is something to sweep. */
    private final class Sweep implements Runnable {

        private ScheduledFuture<?> next;

        void scheduleIn(long millis) {
            try {
                next = connections.transport().executor().schedule(this, millis, TimeUnit.MILLISECONDS);
            } catch (RuntimeException shutDown) {
                // The server is going down, and its connections with it.
                connections.releaseAll();
            }
        }

        void cancel() {
            if (next != null) {
                next.cancel(false);
            }
        }

        @Override
        public void run() {
            long millis = connections.sweep();
            synchronized (ProtocolLimit.this) {
                if (sweep != this) {
                    return;
                }
                if (running) {
                    scheduleIn(millis);
                } else {
                    connections.releaseClosed();
                    schedule();
                }
            }
        }
    }
}
