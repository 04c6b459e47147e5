package io.github.connlimit;

import java.util.Arrays;

/**
 * How many clients have how many connections open. Tells the most that any of them has without looking at each. Not
 * thread-safe: the part of the {@link ClientTable} that it belongs to guards it.
 */
final class ClientSizes {

    /** Larger clients are as large as this one. From one IPv4 address to one port there are no more connections. */
    static final int MOST = 1 << 16;

    private static final int LEAST_LENGTH = 8;

    /** By the number of connections. */
    private int[] clients = new int[LEAST_LENGTH];

    private int largest;

    /** {@return how many connections the largest client has, at most {@link #MOST}; 0 without clients} */
    int largest() {
        return largest;
    }

    /**
     * Makes room for a client of this size, so that {@link #change} to it does not fail.
     *
     * @throws OutOfMemoryError and has changed nothing
     */
    void reserve(int open) {
        int size = Math.min(open, MOST);
        if (size >= clients.length) {
            clients = Arrays.copyOf(clients, Math.max(size + 1, clients.length * 2));
        }
    }

    /**
     * Notes that a client has become larger or smaller.
     *
     * @param before how many connections it had, or 0 if it did not belong here
     * @param after how many it has, or 0 if it does not belong here
     */
    void change(int before, int after) {
        if (after > 0) {
            int size = Math.min(after, MOST);
            clients[size]++;
            largest = Math.max(largest, size);
        }
        if (before > 0) {
            clients[Math.min(before, MOST)]--;
        }
        while (largest > 0 && clients[largest] == 0) {
            largest--;
        }
        if (clients.length > LEAST_LENGTH && largest < clients.length / 4) {
            shrink();
        }
    }

    private void shrink() {
        try {
            clients = Arrays.copyOf(clients, Math.max(LEAST_LENGTH, clients.length / 2));
        } catch (OutOfMemoryError noMatter) {
            // Tried again with the next change.
        }
    }
}
