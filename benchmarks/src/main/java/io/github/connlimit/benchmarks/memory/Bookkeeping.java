package io.github.connlimit.benchmarks.memory;

import io.github.connlimit.ConnectionGate;
import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.ConnectionPhase;
import io.github.connlimit.benchmarks.Clients;
import io.github.connlimit.benchmarks.Contender;
import io.github.connlimit.benchmarks.Counter;
import java.util.concurrent.ConcurrentHashMap;

/** All that a server keeps to count its open connections and to count each down once. Not thread-safe. */
interface Bookkeeping {

    /** Counts a connection that has been accepted. */
    void open(int client, Object connection);

    /** Notes that a request has come in on an open connection. */
    void establish(Object connection);

    /** Tidies up, as a server does once in a while. */
    void sweep();

    /** Counts down a connection that was closed. */
    void close(int client, Object connection);

    /** How many connections are counted. */
    long size();

    /** The object that holds everything. */
    Object state();

    /** How this contender would be used. */
    static Bookkeeping of(Contender contender, Clients clients) {
        ConnectionLimits limits =
                ConnectionLimits.builder().maxPerClient(Integer.MAX_VALUE).build();
        return switch (contender) {
            case CONNLIMIT -> new Gate(clients, limits);
            case ONE_LOCK -> new Direct(contender.counter(clients, limits), clients);
            case COMPUTE, COMPUTE_OF_ADDRESS, ATOMIC_LONG_MAP, MULTISET ->
                new WithMap(contender.counter(clients, limits), clients);
        };
    }

    /** With connlimit's own gate. */
    final class Gate implements Bookkeeping {

        private final Clients clients;
        private final ConnectionGate<Object> gate;

        private Gate(Clients clients, ConnectionLimits limits) {
            this.clients = clients;
            this.gate = new ConnectionGate<>(new ConnectionLimiter(limits));
        }

        @Override
        public void open(int client, Object connection) {
            if (!gate.admit(connection, clients.address(client), ConnectionPhase.FIRST_BYTE)) {
                throw new IllegalStateException("connection " + gate.openConnections() + " was refused");
            }
        }

        @Override
        public void establish(Object connection) {
            gate.established(connection);
        }

        @Override
        public void sweep() {
            gate.sweep(new ConnectionGate.Channels<>() {
                @Override
                public boolean isOpen(Object channel) {
                    return true;
                }

                @Override
                public boolean closeExpired(Object channel, ConnectionPhase phase) {
                    return false;
                }
            });
        }

        @Override
        public void close(int client, Object connection) {
            if (!gate.release(connection)) {
                throw new IllegalStateException("a connection was not counted");
            }
        }

        @Override
        public long size() {
            return gate.openConnections();
        }

        @Override
        public Object state() {
            return gate;
        }
    }

    /** A counter that knows its connections itself. */
    final class Direct implements Bookkeeping {

        private final Counter counter;
        private final Clients clients;

        private Direct(Counter counter, Clients clients) {
            this.counter = counter;
            this.clients = clients;
        }

        @Override
        public void open(int client, Object connection) {
            counter.acquire(client, connection);
        }

        @Override
        public void establish(Object connection) {}

        @Override
        public void sweep() {}

        @Override
        public void close(int client, Object connection) {
            counter.release(client, connection, null);
        }

        @Override
        public long size() {
            long size = 0;
            for (int client = 0; client < clients.count(); client++) {
                size += counter.open(client);
            }
            return size;
        }

        @Override
        public Object state() {
            return counter.state();
        }
    }

    /** A counter that knows nothing of connections, and beside it the least that remembers whose each one is. */
    final class WithMap implements Bookkeeping {

        private final Counter counter;
        private final Clients clients;
        private final ConcurrentHashMap<Object, Clients.Key> connections = new ConcurrentHashMap<>();

        private WithMap(Counter counter, Clients clients) {
            this.counter = counter;
            this.clients = clients;
        }

        @Override
        public void open(int client, Object connection) {
            counter.acquire(client, connection);
            connections.put(connection, clients.key(client));
        }

        @Override
        public void establish(Object connection) {}

        @Override
        public void sweep() {}

        @Override
        public void close(int client, Object connection) {
            connections.remove(connection);
            counter.release(client, connection, null);
        }

        @Override
        public long size() {
            return connections.mappingCount();
        }

        @Override
        public Object state() {
            return new Object[] {counter.state(), connections};
        }
    }
}
