package io.github.connlimit.it;

import io.github.connlimit.ConnectionPermit;
import io.github.connlimit.LimitedServerSocket;
import io.github.connlimit.testing.TestCertificate;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;

/** A server of a thread per connection over {@link LimitedServerSocket}, that knows just enough HTTP/1. */
class SocketServer implements TestServer {

    private static final int BACKLOG = 512;

    /** More than one, so that connections are admitted concurrently. */
    private static final int ACCEPTORS = 2;

    private final ServerSetup setup;
    private final SSLContext tls;
    private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();
    private ServerSocket serverSocket;
    private ExecutorService threads;

    SocketServer(ServerSetup setup) throws GeneralSecurityException {
        this.setup = setup;
        this.tls = TestCertificate.serverContext();
    }

    @Override
    public void start() throws IOException {
        ServerSocket listening = newServerSocket();
        listening.bind(address(), BACKLOG);
        ExecutorService workers = Executors.newCachedThreadPool();
        for (int i = 0; i < ACCEPTORS; i++) {
            workers.execute(() -> acceptAll(listening, workers));
        }
        serverSocket = listening;
        threads = workers;
    }

    /** Not bound. What it accepts, the limiter has admitted. */
    ServerSocket newServerSocket() throws IOException {
        LimitedServerSocket limited = new LimitedServerSocket(setup.limiter(), setup.refusalHandler());
        limited.expectEstablished();
        return limited;
    }

    private InetSocketAddress address() throws IOException {
        return setup.host() == null
                ? new InetSocketAddress(0)
                : new InetSocketAddress(InetAddress.getByName(setup.host()), 0);
    }

    @Override
    public void stop() throws IOException {
        if (serverSocket == null) {
            return;
        }
        serverSocket.close();
        serverSocket = null;
        threads.shutdownNow();
        for (Socket socket : sockets) {
            socket.close();
        }
    }

    /** Its phases share one name and one time-out. */
    @Override
    public boolean knowsClearText() {
        return false;
    }

    @Override
    public int port() {
        return serverSocket.getLocalPort();
    }

    private void acceptAll(ServerSocket listening, ExecutorService workers) {
        try {
            while (true) {
                Socket socket = listening.accept();
                sockets.add(socket);
                try {
                    workers.execute(() -> serve(socket));
                } catch (RuntimeException stopped) {
                    socket.close();
                }
            }
        } catch (IOException closed) {
            // By stop().
        }
    }

    private void serve(Socket socket) {
        try (socket) {
            socket.setSoTimeout(setup.idleTimeoutMillis());
            if (!setup.tls()) {
                serveRequests(socket, () -> established(socket));
                return;
            }
            try (SSLSocket secure = (SSLSocket) tls.getSocketFactory()
                    .createSocket(socket, socket.getInetAddress().getHostAddress(), socket.getPort(), true)) {
                secure.setUseClientMode(false);
                secure.startHandshake();
                established(socket);
                serveRequests(secure, () -> {});
            }
        } catch (IOException | InterruptedException | IllegalStateException ended) {
            // By the client, a time-out, stop(), or an exception of the application: the socket is closed.
        } finally {
            sockets.remove(socket);
        }
    }

    /** Called when a connection has proved itself. */
    void established(Socket accepted) {
        LimitedServerSocket.permit(accepted).ifPresent(ConnectionPermit::established);
    }

    private void serveRequests(Socket socket, Runnable onFirstByte) throws IOException, InterruptedException {
        String peer = socket.getInetAddress().getHostAddress();
        BufferedReader in =
                new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.ISO_8859_1));
        OutputStream out = socket.getOutputStream();
        boolean persistent = true;
        in.mark(1);
        if (in.read() < 0) {
            return;
        }
        in.reset();
        onFirstByte.run();
        while (persistent) {
            String requestLine = in.readLine();
            if (requestLine == null) {
                return;
            }
            String[] request = requestLine.split(" ");
            if (request.length != 3 || !request[2].startsWith("HTTP/1.")) {
                respond(out, "400 Bad Request", "", false);
                return;
            }
            persistent = request[2].equals("HTTP/1.1");
            for (String line = in.readLine(); line != null && !line.isEmpty(); line = in.readLine()) {
                persistent &= !line.equalsIgnoreCase("Connection: close");
            }
            respond(out, "200 OK", setup.application().answer(request[1], peer), persistent);
        }
    }

    private static void respond(OutputStream out, String status, String body, boolean persistent) throws IOException {
        String response = "HTTP/1.1 " + status + "\r\nContent-Length: " + body.length()
                + (persistent ? "" : "\r\nConnection: close") + "\r\n\r\n" + body;
        out.write(response.getBytes(StandardCharsets.ISO_8859_1));
        out.flush();
    }
}
