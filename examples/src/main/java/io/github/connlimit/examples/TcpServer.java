package io.github.connlimit.examples;

import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionPermit;
import io.github.connlimit.LimitedServerSocket;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.SSLSocketFactory;

/** A server without a container: one accept thread, one thread for each connection, plain or TLS. */
final class TcpServer implements ExampleServer {

    private static final long PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(50);

    private final ServerSocket listening;
    private final Optional<SSLSocketFactory> tls;
    private final Resources resources;
    private final Set<Socket> open = ConcurrentHashMap.newKeySet();
    private final ExecutorService threads = Executors.newCachedThreadPool(task -> {
        Thread thread = new Thread(task, "tcp-connection");
        thread.setDaemon(true);
        return thread;
    });

    private TcpServer(ServerSocket listening, Optional<SSLSocketFactory> tls, Resources resources) {
        this.listening = listening;
        this.tls = tls;
        this.resources = resources;
    }

    static TcpServer start(ServerSettings settings) throws Exception {
        Optional<SSLSocketFactory> tls = settings.tls().isEmpty()
                ? Optional.empty()
                : Optional.of(settings.tls().get().serverContext().getSocketFactory());
        ServerSocket listening = serverSocket(settings.limiter());
        try {
            listening.bind(settings.address());
        } catch (IOException error) {
            listening.close();
            throw error;
        }
        TcpServer server = new TcpServer(listening, tls, settings.resources());
        Thread acceptor = new Thread(server::acceptAll, "tcp-acceptor");
        acceptor.setDaemon(true);
        acceptor.start();
        return server;
    }

    private static ServerSocket serverSocket(Optional<ConnectionLimiter> limiter) throws IOException {
        if (limiter.isEmpty()) {
            return new ServerSocket();
        }
        LimitedServerSocket limited = new LimitedServerSocket(limiter.get());
        limited.expectEstablished();
        return limited;
    }

    private void acceptAll() {
        while (!listening.isClosed()) {
            try {
                begin(listening.accept());
            } catch (IOException error) {
                if (!listening.isClosed()) {
                    // Out of file descriptors, as a rule. Neither stop nor spin.
                    LockSupport.parkNanos(PAUSE_NANOS);
                }
            }
        }
    }

    private void begin(Socket socket) {
        open.add(socket);
        try {
            threads.execute(() -> serve(socket));
        } catch (Throwable noThread) {
            end(socket);
        }
    }

    private void serve(Socket socket) {
        try {
            socket.setSoTimeout(ServerSettings.IDLE_MILLIS);
            socket.setTcpNoDelay(true);
            HttpConnection connection = new HttpConnection(secured(socket), resources);
            connection.awaitRequest();
            established(socket);
            connection.serve();
        } catch (IOException | InterruptedException over) {
            // The client has left, was silent for too long or spoke no TLS; or the server is being closed.
        } finally {
            end(socket);
        }
    }

    private void established(Socket socket) {
        if (listening instanceof LimitedServerSocket) {
            LimitedServerSocket.permit(socket).ifPresent(ConnectionPermit::established);
        }
    }

    private Socket secured(Socket socket) throws IOException {
        if (tls.isEmpty()) {
            return socket;
        }
        SSLSocket secured = (SSLSocket)
                tls.get().createSocket(socket, socket.getInetAddress().getHostAddress(), socket.getPort(), true);
        secured.setUseClientMode(false);
        return secured;
    }

    private void end(Socket socket) {
        open.remove(socket);
        try {
            socket.close();
        } catch (IOException ignored) {
            // It is as closed as it can be.
        }
    }

    @Override
    public int port() {
        return listening.getLocalPort();
    }

    @Override
    public void close() throws IOException {
        listening.close();
        threads.shutdownNow();
        open.forEach(this::end);
    }
}
