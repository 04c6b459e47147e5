package io.github.connlimit.it;

import io.github.connlimit.testing.TestCertificate;
import java.io.IOException;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.security.GeneralSecurityException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import javax.net.ssl.SSLContext;

/**
 * Many clients of one server with hundreds of connections, which do anything at any time. What is drawn by lot comes from
 * a seed. Thread-safe.
 */
final class Crowd {

    /** How many connections a thread has open at most. */
    private static final int OPEN_PER_THREAD = 12;

    private static final int MOST_AT_ONCE_IN_A_FLOOD = 20;

    private static final List<String> CLIENTS = clients();

    private final ChaosProtocol protocol;
    private final SSLContext tls = TestCertificate.clientContext();
    private final ServedConnections served = new ServedConnections();
    private final ExecutorService threads = Executors.newCachedThreadPool();
    private final List<Future<?>> workers = new ArrayList<>();

    /** Held for reading by each step of a client: who holds it for writing has them all stand still. */
    private final ReadWriteLock still = new ReentrantReadWriteLock(true);

    /** When the open connections were begun, by the client's address and port. */
    private final Map<InetSocketAddress, Long> begun = new ConcurrentHashMap<>();

    /** Where to connect to, or 0 if the server is stopped. */
    private volatile int port;

    /** Requests that were sent earlier than this may have met a server that was being stopped. */
    private volatile long unavailableUntilNanos;

    private volatile boolean over;

    Crowd(ChaosProtocol protocol) throws GeneralSecurityException {
        this.protocol = protocol;
        // Of all the sessions that there have been, it would otherwise keep 20,480, for a day.
        tls.getClientSessionContext().setSessionCacheSize(CLIENTS.size());
    }

    private static List<String> clients() {
        List<String> clients = new ArrayList<>();
        for (int block = 1; block <= 3; block++) {
            for (int i = 1; i <= 16; i++) {
                clients.add("127.0." + block + "." + i);
            }
        }
        return List.copyOf(clients);
    }

    void start(int threadCount, long seed) {
        for (int i = 0; i < threadCount; i++) {
            workers.add(threads.submit(new Worker(new Random(seed + i))));
        }
    }

    /** The server is about to stop, and what is asked may not be answered well. */
    void serverStopping() {
        unavailableUntilNanos = Long.MAX_VALUE;
    }

    /** Nobody is to connect. */
    void serverStopped() {
        port = 0;
    }

    void serverStarted(int where) {
        unavailableUntilNanos = System.nanoTime();
        port = where;
    }

    ServedConnections served() {
        return served;
    }

    /** When an open connection was begun, or the default if it is not known (any more). */
    long beginNanos(InetSocketAddress client, long otherwise) {
        return begun.getOrDefault(client, otherwise);
    }

    /** A client that has failed has a reason to tell. */
    void failIfFailed() throws Exception {
        for (Future<?> worker : workers) {
            if (worker.isDone()) {
                worker.get();
            }
        }
    }

    /**
     * Does something while no client does anything.
     *
     * @param meanwhile done again and again until it is so: some may wait for an answer
     */
    void whileAllStandStill(Runnable meanwhile, Runnable action) throws InterruptedException {
        // By another thread: whoever gives up waiting lets all clients begin something new, and never gets a turn if
        // each
        // takes as long as a tarpit holds a connection.
        ScheduledExecutorService helper = Executors.newSingleThreadScheduledExecutor();
        try {
            helper.scheduleWithFixedDelay(meanwhile, 0, 10, TimeUnit.MILLISECONDS);
            still.writeLock().lockInterruptibly();
        } finally {
            helper.shutdownNow();
        }
        try {
            action.run();
        } finally {
            still.writeLock().unlock();
        }
    }

    /** Has all clients leave. */
    void end(Runnable meanwhile) throws InterruptedException {
        over = true;
        threads.shutdown();
        while (!threads.awaitTermination(5, TimeUnit.MILLISECONDS)) {
            meanwhile.run();
        }
    }

    /** Plays some of the clients. */
    private final class Worker implements Callable<Void> {

        private final Random dice;
        private final List<Open> open = new ArrayList<>();

        Worker(Random dice) {
            this.dice = dice;
        }

        /** A connection, and by what it is found among those that have begun. */
        private record Open(ChaosConnection connection, InetSocketAddress local) {}

        @Override
        public Void call() throws Exception {
            try {
                while (!over) {
                    still.readLock().lock();
                    try {
                        step();
                    } finally {
                        still.readLock().unlock();
                    }
                }
                return null;
            } finally {
                while (!open.isEmpty()) {
                    close(open.get(0), ChaosConnection.Ending.values()[dice.nextInt(3)]);
                }
            }
        }

        private void step() throws IOException {
            if (port != 0 && (open.isEmpty() || open.size() < OPEN_PER_THREAD && dice.nextInt(4) == 0)) {
                String client = CLIENTS.get(dice.nextInt(CLIENTS.size()));
                connect(client, dice.nextInt(30) == 0 ? MOST_AT_ONCE_IN_A_FLOOD : 1);
            } else if (open.isEmpty()) {
                Thread.yield();
            } else {
                Open one = open.get(dice.nextInt(open.size()));
                if (!one.connection.step()) {
                    forget(one);
                }
            }
        }

        private void connect(String client, int times) throws IOException {
            for (int i = 0; i < times && port != 0; i++) {
                ServedConnections.Life life = served.begin(client);
                try {
                    TestConnection connection = new TestConnection(client, TestBed.SERVER, port);
                    InetSocketAddress local =
                            new InetSocketAddress(InetAddress.getByName(client), Math.max(0, connection.localPort()));
                    begun.put(local, life.beginNanos());
                    open.add(new Open(
                            new ChaosConnection(tls, protocol, dice, connection, life, () -> unavailableUntilNanos),
                            local));
                } catch (ConnectException stopped) {
                    return;
                }
            }
        }

        private void close(Open one, ChaosConnection.Ending ending) throws IOException {
            one.connection.end(ending);
            forget(one);
        }

        private void forget(Open one) {
            open.remove(one);
            begun.remove(one.local);
        }
    }
}
