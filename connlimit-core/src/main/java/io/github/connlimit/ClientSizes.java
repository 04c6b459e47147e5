package io.github.connlimit;

import java.util.Arrays;

/**
 * How many clients have how many connections open. Tells the most that any of them has without looking at each. Not
 * thread-safe: the part of the {@link ClientTable} that it belongs to guards it.
 */
final class ClientSizes {

    /** Larger clients are as large as this one. From one IPv4 address to one port there are no more connections. */
    static final int MOST = 1 << 16;

    /** By the number of connections. Never shrinks: at most four bytes for each connection that a client once had. */
    private int[] clients = new int[8];

    private int largest;

    /** {@return how many connections the largest client has, at most {@link #MOST}; 0 without clients} */
    int largest() {
        return largest;
    }

    /**
     * Makes room for a client of this size, so that {@link #add} does not fail.
     *
     * @throws OutOfMemoryError and has changed nothing
     */
    void reserve(int open) {
        int size = Math.min(open, MOST);
        if (size >= clients.length) {
            clients = Arrays.copyOf(clients, Math.max(size + 1, clients.length * 2));
        }
    }

    void add(int open) {
        int size = Math.min(open, MOST);
        clients[size]++;
        largest = Math.max(largest, size);
    }

    /** To be followed by {@link #add} of one more or one less, unless the client has gone. */
    void remove(int open) {
        int size = Math.min(open, MOST);
        clients[size]--;
        while (largest > 0 && clients[largest] == 0) {
            largest--;
        }
    }
}
