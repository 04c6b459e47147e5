package io.github.connlimit.cluster;

import io.github.connlimit.testing.RedisProcess;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Arrays;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.DelayQueue;
import java.util.concurrent.Delayed;
import java.util.concurrent.TimeUnit;
import javax.net.ServerSocketFactory;

/** What is between a node and the engine: slow, cut, or a hole into which everything goes. */
final class Wire implements AutoCloseable {

    /** What is after the last message. */
    private static final byte[] END = {};

    private final ServerSocket server;
    private volatile int engine;
    private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();
    private volatile long delayMillis;
    private volatile boolean cut;
    private volatile boolean hole;

    Wire(RedisProcess engine) throws IOException {
        this(engine, ServerSocketFactory.getDefault(), InetAddress.getLoopbackAddress());
    }

    /**
     * @param toNodes makes the socket that nodes connect to
     * @param address that it is bound to
     */
    Wire(RedisProcess engine, ServerSocketFactory toNodes, InetAddress address) throws IOException {
        this.server = toNodes.createServerSocket(0, 50, address);
        this.engine = engine.port();
        start(this::accept);
    }

    private static void start(Runnable action) {
        Thread thread = new Thread(action);
        thread.setDaemon(true);
        thread.start();
    }

    int port() {
        return server.getLocalPort();
    }

    String uri() {
        return "redis://127.0.0.1:" + port();
    }

    /** From now on each message takes so much longer, in each direction. */
    void slow(long millis) {
        delayMillis = millis;
    }

    /** From now on, new connections are to another engine, as when a name has another address. */
    void lead(RedisProcess other) {
        engine = other.port();
    }

    /** Ends all connections, and every new one at once. */
    void cut() {
        cut = true;
        sockets.forEach(Wire::closeQuietly);
    }

    /** Ends nothing, and lets nothing through any more. */
    void swallow() {
        hole = true;
    }

    void mend() {
        cut = false;
        hole = false;
    }

    private void accept() {
        while (!server.isClosed()) {
            try {
                Socket node = server.accept();
                if (cut) {
                    node.close();
                    continue;
                }
                Socket there = new Socket(InetAddress.getLoopbackAddress(), engine);
                sockets.add(node);
                sockets.add(there);
                start(() -> pass(node, there));
                start(() -> pass(there, node));
            } catch (IOException refused) {
                // The engine is not there: the node sees that its connection has ended.
            }
        }
    }

    private record Message(byte[] bytes, long dueNanos) implements Delayed {

        @Override
        public long getDelay(TimeUnit unit) {
            return unit.convert(dueNanos - System.nanoTime(), TimeUnit.NANOSECONDS);
        }

        @Override
        public int compareTo(Delayed other) {
            return Long.compare(dueNanos, ((Message) other).dueNanos);
        }
    }

    private void pass(Socket from, Socket to) {
        DelayQueue<Message> due = new DelayQueue<>();
        start(() -> deliver(due, to));
        try (from;
                InputStream in = from.getInputStream()) {
            byte[] buffer = new byte[65536];
            for (int length = in.read(buffer); length >= 0; length = in.read(buffer)) {
                if (!hole) {
                    due.add(message(Arrays.copyOf(buffer, length)));
                }
            }
        } catch (IOException reset) {
            // The same to whoever is at the other end.
        }
        due.add(message(END));
    }

    private Message message(byte[] bytes) {
        return new Message(bytes, System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(delayMillis));
    }

    private static void deliver(DelayQueue<Message> due, Socket to) {
        try {
            while (!to.isClosed()) {
                byte[] bytes = due.take().bytes();
                if (bytes == END) {
                    to.close();
                } else {
                    to.getOutputStream().write(bytes);
                }
            }
        } catch (IOException | InterruptedException ended) {
            closeQuietly(to);
        }
    }

    private static void closeQuietly(Socket socket) {
        try {
            socket.close();
        } catch (IOException gone) {
            // Closed all the same.
        }
    }

    @Override
    public void close() throws IOException {
        server.close();
        sockets.forEach(Wire::closeQuietly);
    }
}
