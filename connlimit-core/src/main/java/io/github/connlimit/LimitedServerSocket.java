package io.github.connlimit;

import io.github.connlimit.ServerSupport.Feature;
import java.io.IOException;
import java.lang.ref.Reference;
import java.lang.ref.ReferenceQueue;
import java.lang.ref.WeakReference;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.net.SocketImpl;
import java.net.SocketTimeoutException;
import java.util.EnumSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;

/**
 * A server socket whose {@link #accept()} returns only connections that their client's limit admits. Each of them is
 * counted until its socket is closed, in whatever way; also if the socket is the one below a TLS socket made by
 * {@code SSLSocketFactory.createSocket(socket, host, port, true)}. A socket that is dropped without being closed counts
 * until it is garbage-collected, as it stays open until then. As thread-safe as {@link ServerSocket}.
 *
 * <p>Connections over the limit are ended inside {@code accept()}, which goes on waiting. {@link Refusal#RESPOND} is as
 * {@link Refusal#RESET} here, since it is not known what protocol is spoken.
 *
 * <p>One daemon thread, from the first {@code accept()} on, keeps deadlines and tells the log and Flight Recorder what is due.
 * It ends when this server socket and its connections are closed, or have been dropped and collected.
 *
 * @since 0.1.0
 */
public class LimitedServerSocket extends ServerSocket {

    private static final ConnectionGate.Channels<Count> CHANNELS = new ConnectionGate.Channels<>() {

        @Override
        public boolean isOpen(Count count) {
            return !count.closed;
        }

        @Override
        public boolean closeExpired(Count count, ConnectionPhase phase) {
            CountedSocket socket = count.get();
            if (socket != null) {
                socket.closeQuietly();
            }
            return true;
        }
    };

    private final ReferenceQueue<CountedSocket> dropped = new ReferenceQueue<>();
    private final ConnectionGate<Count> gate;
    private final RefusalHandler<? super Socket> refusalHandler;
    private final ClusterMembership membership;

    /** Once true, always true. */
    private volatile boolean expectsEstablished;

    /** Once true, always true. Set by a holder of this monitor. */
    private volatile boolean hasSweeper;

    /** Once true, always true. Set by a holder of this monitor. */
    private volatile boolean hasWarned;

    /**
     * Makes an unbound server socket; see {@link ServerSocket#ServerSocket()}.
     *
     * @param limiter counts its connections, and perhaps those of other servers too
     * @throws IOException if there is no socket to be had
     * @throws IllegalArgumentException if {@link ConnectionLimiter#joinCluster} throws it
     */
    public LimitedServerSocket(ConnectionLimiter limiter) throws IOException {
        this(limiter, null);
    }

    /**
     * Makes an unbound server socket with a handler of its own for refused connections.
     *
     * @param limiter counts its connections, and perhaps those of other servers too
     * @param refusalHandler called for each refused connection, or {@code null} for what
     *     {@link ConnectionLimits#refuse()} says
     * @throws IOException if there is no socket to be had
     * @throws IllegalArgumentException if {@link ConnectionLimiter#joinCluster} throws it
     */
    // It is closed again if it cannot join a cluster: nobody gets it then.
    @SuppressWarnings("this-escape")
    public LimitedServerSocket(ConnectionLimiter limiter, RefusalHandler<? super Socket> refusalHandler)
            throws IOException {
        this.gate = new ConnectionGate<>(limiter);
        this.refusalHandler = refusalHandler;
        this.membership = join();
    }

    /**
     * Makes a server socket and binds it; see {@link ServerSocket#ServerSocket(int, int, InetAddress)}.
     *
     * @param port the port, or 0 for any that is free
     * @param backlog how many connections may wait to be accepted; 0 or less for the default
     * @param address the local address, or {@code null} for all
     * @param limiter counts its connections, and perhaps those of other servers too
     * @throws IOException if the port is taken, or there is no socket to be had
     * @throws IllegalArgumentException if {@link ConnectionLimiter#joinCluster} throws it
     */
    public LimitedServerSocket(int port, int backlog, InetAddress address, ConnectionLimiter limiter)
            throws IOException {
        // A gate first: without a limiter, nothing must be bound.
        this(port, backlog, address, new ConnectionGate<>(limiter));
    }

    // As above.
    @SuppressWarnings("this-escape")
    private LimitedServerSocket(int port, int backlog, InetAddress address, ConnectionGate<Count> gate)
            throws IOException {
        super(port, backlog, address);
        this.gate = gate;
        this.refusalHandler = null;
        this.membership = join();
    }

    private ClusterMembership join() throws IOException {
        try {
            return gate.limiter().joinCluster();
        } catch (Throwable cannot) {
            super.close();
            throw cannot;
        }
    }

    /**
     * Waits for a connection that its client's limit admits.
     *
     * @throws SocketTimeoutException if none came for as long as {@link #setSoTimeout} says; up to twice as long if
     *     some were refused
     */
    @Override
    public Socket accept() throws IOException {
        if (isClosed()) {
            throw new SocketException("Socket is closed");
        }
        if (!isBound()) {
            throw new SocketException("Socket is not bound yet");
        }
        try {
            ensureSweeper();
            if (!hasWarned) {
                warn();
            }
        } catch (Throwable outOfThreads) {
            // Tried again with the next one. Whoever accepts must not be harmed.
            gate.report(Failure.SWEEP, outOfThreads);
        }
        long begin = System.nanoTime();
        while (true) {
            CountedSocket socket = new CountedSocket(gate, dropped);
            try {
                implAccept(socket);
                if (admit(socket)) {
                    return socket;
                }
            } catch (Throwable error) {
                socket.close();
                throw error;
            }
            refuse(socket);
            checkTimeout(begin);
        }
    }

    private boolean admit(CountedSocket socket) {
        return expectsEstablished
                ? gate.admit(socket.count, socket.getInetAddress(), ConnectionPhase.HANDSHAKE)
                : gate.admit(socket.count, socket.getInetAddress());
    }

    /**
     * From now on, closes each accepted connection that is not {@linkplain ConnectionPermit#established() established}
     * within {@link ConnectionLimits#handshakeTimeout()}, and counts it as pending until it is. The server has to say so:
     * {@code LimitedServerSocket.permit(socket).ifPresent(ConnectionPermit::established)}, once the TLS handshake is
     * complete or the first bytes have been read. Every call but the first does nothing.
     */
    public void expectEstablished() {
        ensureSweeper();
        expectsEstablished = true;
    }

    private void ensureSweeper() {
        if (hasSweeper) {
            return;
        }
        synchronized (this) {
            if (!hasSweeper) {
                Thread thread = new Thread(new Sweeper(this), "connlimit-sweeper");
                thread.setDaemon(true);
                thread.start();
                hasSweeper = true;
            }
        }
    }

    /** Of what is configured, and cannot be done here. */
    private synchronized void warn() {
        if (hasWarned) {
            return;
        }
        hasWarned = true;
        Set<Feature> notUsed = EnumSet.of(Feature.RESPOND_ON_TLS);
        if (expectsEstablished) {
            notUsed.add(Feature.PENDING);
        }
        if (refusalHandler != null) {
            notUsed.add(Feature.RESPOND_IN_PLAINTEXT);
        }
        gate.warn(
                ServerSupport.SERVER_SOCKET, System.getLogger(LimitedServerSocket.class.getName()), notUsed, Map.of());
    }

    /** Does what is due. It must not refer to the server socket, so that one that was dropped can be collected. */
    private static final class Sweeper implements Runnable {

        private final WeakReference<LimitedServerSocket> server;
        private final ConnectionGate<Count> gate;
        private final ReferenceQueue<CountedSocket> dropped;
        private final ClusterMembership membership;

        private Sweeper(LimitedServerSocket server) {
            this.server = new WeakReference<>(server);
            this.gate = server.gate;
            this.dropped = server.dropped;
            this.membership = server.membership;
        }

        @Override
        public void run() {
            while (isOpen() || gate.openConnections() > 0) {
                releaseDropped();
                long millis = gate.sweep(CHANNELS);
                try {
                    Thread.sleep(millis);
                } catch (InterruptedException anybody) {
                    // Without a sweeper there would be no deadlines any more.
                    gate.report("the sweeper was interrupted and goes on", anybody);
                }
            }
        }

        /** Whether the server socket is; of one that was dropped, gives back what it has. */
        private boolean isOpen() {
            LimitedServerSocket present = server.get();
            if (present != null) {
                return !present.isClosed();
            }
            gate.stopHolding();
            try {
                membership.close();
            } catch (Throwable error) {
                gate.report("leaving the cluster failed", error);
            }
            return false;
        }

        private void releaseDropped() {
            Reference<? extends CountedSocket> reference;
            while ((reference = dropped.poll()) != null) {
                if (reference instanceof Count count && gate.release(count) && !count.closed) {
                    gate.limiter().countForgotten(1);
                    gate.report(
                            "a socket was dropped without being closed: close every one that accept() returns", null);
                }
            }
        }
    }

    /**
     * Finds the permit of a connection that {@link #accept()} of any limited server socket has returned.
     *
     * @param socket as {@code accept} has returned it
     * @return empty if the connection is closed
     * @throws IllegalArgumentException if the socket is another one, such as a TLS socket above it
     */
    public static Optional<ConnectionPermit> permit(Socket socket) {
        if (socket instanceof CountedSocket counted) {
            return counted.count.gate.permit(counted.count);
        }
        throw new IllegalArgumentException(
                "socket: " + socket + " was not returned by a LimitedServerSocket's accept()");
    }

    /** Whoever is refused again and again must not keep the caller from what it does at each time-out. */
    private void checkTimeout(long begin) throws IOException {
        int millis = getSoTimeout();
        if (millis > 0 && System.nanoTime() - begin >= TimeUnit.MILLISECONDS.toNanos(millis)) {
            throw new SocketTimeoutException("Accept timed out");
        }
    }

    private void refuse(CountedSocket socket) {
        if (refusalHandler == null && gate.limiter().limits().refuse() == Refusal.TARPIT && hold(socket)) {
            return;
        }
        try (socket) {
            if (refusalHandler != null) {
                refusalHandler.refuse(socket, socket.getInetAddress());
            } else if (gate.limiter().limits().refuse() != Refusal.CLOSE) {
                socket.setSoLinger(true, 0);
            }
        } catch (Throwable error) {
            gate.report(Failure.REFUSING, error);
        }
    }

    private boolean hold(CountedSocket socket) {
        try {
            ensureSweeper();
            // By its own, since what stands for it must not refer to it.
            return gate.tryHold(socket.count, socket.getInetAddress(), count -> socket.reset());
        } catch (Throwable error) {
            gate.report(Failure.HOLDING, error);
            return false;
        }
    }

    /** Closes this server socket as {@link ServerSocket#close} does, and resets the refused connections that it holds. */
    @Override
    public void close() throws IOException {
        try {
            super.close();
        } finally {
            // Null if the constructor of the superclass could not bind.
            if (gate != null) {
                gate.stopHolding();
            }
            if (membership != null) {
                membership.close();
            }
        }
    }

    /** Gives its permit back when it is closed, be it by its own method or by that of one of its streams. */
    private static final class CountedSocket extends Socket {

        private final Count count;

        private CountedSocket(ConnectionGate<Count> gate, ReferenceQueue<CountedSocket> dropped) throws IOException {
            super((SocketImpl) null);
            this.count = new Count(gate, this, dropped);
        }

        @Override
        public void close() throws IOException {
            try {
                super.close();
            } finally {
                count.closed = true;
                count.gate.release(count);
            }
        }

        private void reset() {
            try (this) {
                setSoLinger(true, 0);
            } catch (IOException clientGone) {
                // Then there is nobody to be reset.
            }
        }

        private void closeQuietly() {
            try {
                close();
            } catch (IOException error) {
                count.gate.report("closing a socket at its deadline failed", error);
            }
        }
    }

    /** What the gate knows of a socket. It refers to it weakly, so that a socket that was dropped can be collected. */
    private static final class Count extends WeakReference<CountedSocket> {

        private final ConnectionGate<Count> gate;
        private volatile boolean closed;

        private Count(ConnectionGate<Count> gate, CountedSocket socket, ReferenceQueue<CountedSocket> dropped) {
            super(socket, dropped);
            this.gate = gate;
        }
    }
}
