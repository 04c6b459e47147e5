package io.github.connlimit.cluster;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/** One client that opens as many connections as it gets, at several nodes at once, and keeps them. */
final class Attacker implements AutoCloseable {

    private static final int TIMEOUT_MILLIS = 5000;

    private final InetAddress address;
    private final Map<NodeProcess, List<Socket>> open = new ConcurrentHashMap<>();
    private final List<Thread> threads = new ArrayList<>();
    private final AtomicInteger total = new AtomicInteger();
    private final AtomicInteger most = new AtomicInteger();
    private final AtomicLong attempts = new AtomicLong();
    private volatile boolean stopped;

    Attacker(String address) throws IOException {
        this.address = InetAddress.getByName(address);
    }

    /** From now on, floods the node until it is told to stop. */
    void flood(NodeProcess node) {
        Thread thread = new Thread(() -> {
            while (!stopped) {
                tryConnect(node);
            }
        });
        thread.setDaemon(true);
        threads.add(thread);
        thread.start();
    }

    /** @return whether the node has admitted one more */
    boolean tryConnect(NodeProcess node) {
        attempts.incrementAndGet();
        Socket socket = connect(address, node);
        if (socket == null) {
            return false;
        }
        int now = total.incrementAndGet();
        most.accumulateAndGet(now, Math::max);
        List<Socket> there = open.computeIfAbsent(node, any -> new ArrayList<>());
        synchronized (there) {
            there.add(socket);
        }
        return true;
    }

    /** @return an admitted connection, or {@code null} */
    static Socket connect(InetAddress from, NodeProcess node) {
        Socket socket = new Socket();
        try {
            socket.setSoLinger(true, 0);
            socket.setSoTimeout(TIMEOUT_MILLIS);
            socket.bind(new InetSocketAddress(from, 0));
            socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), node.port()), TIMEOUT_MILLIS);
            if (socket.getInputStream().read() == NodeServer.ADMITTED) {
                return socket;
            }
        } catch (IOException refused) {
            // Reset, or the node does not answer.
        }
        closeQuietly(socket);
        return null;
    }

    private static void closeQuietly(Socket socket) {
        try {
            socket.close();
        } catch (IOException gone) {
            // Closed all the same.
        }
    }

    int open(NodeProcess node) {
        List<Socket> there = open.getOrDefault(node, List.of());
        synchronized (there) {
            return there.size();
        }
    }

    int total() {
        return total.get();
    }

    /** {@return the most that were open at once} Less those that the client has not been told of yet. */
    int most() {
        return most.get();
    }

    long attempts() {
        return attempts.get();
    }

    /** Closes what it has at a node; not while it floods that. */
    void close(NodeProcess node) {
        List<Socket> there = open.getOrDefault(node, new ArrayList<>());
        synchronized (there) {
            // Counted down first: what is counted was open at that time.
            total.addAndGet(-there.size());
            there.forEach(Attacker::closeQuietly);
            there.clear();
        }
    }

    @Override
    public void close() {
        stopped = true;
        try {
            for (Thread thread : threads) {
                thread.join();
            }
        } catch (InterruptedException nobodyDoes) {
            throw new IllegalStateException(nobodyDoes);
        }
        open.keySet().forEach(this::close);
    }
}
