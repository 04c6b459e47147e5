package io.github.connlimit;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketImpl;
import java.util.Objects;

/**
 * A server socket whose {@link #accept()} returns only connections that their client's limit admits. Each of them is
 * counted until its socket is closed, in whatever way; also if the socket is the one below a TLS socket made by
 * {@code SSLSocketFactory.createSocket(socket, host, port, true)}. As thread-safe as {@link ServerSocket}.
 *
 * <p>Connections over the limit are ended inside {@code accept()}, which goes on waiting. {@link Refusal#RESPOND} is as
 * {@link Refusal#RESET} here, since it is not known what protocol is spoken. A time-out set by {@link #setSoTimeout}
 * begins anew after each connection that was refused.
 */
public class LimitedServerSocket extends ServerSocket {

    private final ConnectionGate<Socket> gate;
    private final RefusalHandler<? super Socket> refusalHandler;

    /**
     * Makes an unbound server socket; see {@link ServerSocket#ServerSocket()}.
     *
     * @param limiter counts its connections, and perhaps those of other servers too
     */
    public LimitedServerSocket(ConnectionLimiter limiter) throws IOException {
        this(limiter, null);
    }

    /**
     * Makes an unbound server socket with a goodbye of its own for refused connections.
     *
     * @param limiter counts its connections, and perhaps those of other servers too
     * @param refusalHandler called for each refused connection, or {@code null} for what
     *     {@link ConnectionLimits#refuse()} says
     */
    public LimitedServerSocket(ConnectionLimiter limiter, RefusalHandler<? super Socket> refusalHandler)
            throws IOException {
        this.gate = new ConnectionGate<>(limiter);
        this.refusalHandler = refusalHandler;
    }

    /**
     * Makes a server socket and binds it; see {@link ServerSocket#ServerSocket(int, int, InetAddress)}.
     *
     * @param port the port, or 0 for any that is free
     * @param backlog how many connections may wait to be accepted; 0 or less for the default
     * @param address the local address, or {@code null} for all
     * @param limiter counts its connections, and perhaps those of other servers too
     */
    public LimitedServerSocket(int port, int backlog, InetAddress address, ConnectionLimiter limiter)
            throws IOException {
        super(port, backlog, address);
        this.gate = new ConnectionGate<>(Objects.requireNonNull(limiter, "limiter"));
        this.refusalHandler = null;
    }

    /**
     * Waits for a connection that its client's limit admits.
     *
     * @throws java.net.SocketTimeoutException if no connection came for as long as the time-out says
     */
    @Override
    public Socket accept() throws IOException {
        while (true) {
            CountedSocket socket = new CountedSocket();
            implAccept(socket);
            if (gate.admit(socket, socket.getInetAddress())) {
                return socket;
            }
            refuse(socket);
        }
    }

    private void refuse(Socket socket) {
        try (socket) {
            if (refusalHandler != null) {
                refusalHandler.refuse(socket, socket.getInetAddress());
            } else if (gate.limiter().limits().refuse() != Refusal.CLOSE) {
                socket.setSoLinger(true, 0);
            }
        } catch (Throwable error) {
            gate.report("refusing a connection failed", error);
        }
    }

    /** Gives its permit back when it is closed, be it by its own method or by that of one of its streams. */
    private final class CountedSocket extends Socket {

        private CountedSocket() throws IOException {
            super((SocketImpl) null);
        }

        @Override
        public void close() throws IOException {
            try {
                super.close();
            } finally {
                gate.release(this);
            }
        }
    }
}
