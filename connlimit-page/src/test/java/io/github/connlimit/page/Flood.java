package io.github.connlimit.page;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/** Clients at 127.0.0.2 and so on, each of which keeps what it gets and asks for more until it is closed. */
final class Flood implements AutoCloseable {

    private final int port;
    private final List<Socket> kept = new ArrayList<>();
    private CompletableFuture<Void> run = CompletableFuture.completedFuture(null);
    private volatile boolean over;

    Flood(int port) {
        this.port = port;
    }

    void start() {
        run = CompletableFuture.runAsync(this::run);
    }

    private void run() {
        for (int i = 0; !over; i++) {
            connect("127.0.0." + (2 + i % 7));
        }
    }

    private void connect(String client) {
        Socket socket = new Socket();
        try {
            socket.bind(new InetSocketAddress(client, 0));
            socket.setSoTimeout(30);
            socket.connect(new InetSocketAddress("127.0.0.1", port), 5_000);
            socket.getInputStream().read();
            socket.close();
        } catch (SocketTimeoutException admitted) {
            kept.add(socket);
        } catch (IOException refused) {
            close(socket);
        }
    }

    private static void close(Socket socket) {
        try {
            socket.close();
        } catch (IOException ignored) {
            // It is as closed as it can be.
        }
    }

    @Override
    public void close() {
        over = true;
        run.join();
        kept.forEach(Flood::close);
    }
}
