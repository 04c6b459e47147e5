package io.github.connlimit;

import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Bounds how many refused connections may be kept open for a moment to be told why ({@link Refusal#RESPOND}), for
 * adapters: beyond it they are reset, so that refusing politely cannot be used to hold a server's resources. One budget
 * for each limiter. This class is thread-safe; no call waits for a place.
 */
public final class RefusalBudget {

    /** How long a refused connection may take to read its answer and to close, in milliseconds. */
    public static final int MAX_LINGER_MILLIS = 500;

    /** How much a refused connection may still send before it is reset, in bytes. */
    public static final int MAX_LINGER_BYTES = 1 << 20;

    /** How many refused connections may be open at once in all. */
    static final int MAX_OPEN = 100;

    /** How many refused connections of one client may be open at once. */
    static final int MAX_OPEN_PER_CLIENT = 4;

    /** Who has each of the places; {@code null} for one that is free. Guarded by this. */
    private final Cidr[] places = new Cidr[MAX_OPEN];

    RefusalBudget() {}

    /**
     * Takes a place for a refused connection of this client.
     *
     * @return the place, to be closed when the connection is closed; empty if all are taken
     */
    Optional<Place> tryTake(Cidr client) {
        Objects.requireNonNull(client, "client");
        synchronized (this) {
            int free = -1;
            int taken = 0;
            for (int i = 0; i < MAX_OPEN; i++) {
                if (places[i] == null) {
                    free = i;
                } else if (places[i].equals(client)) {
                    taken++;
                }
            }
            if (free < 0 || taken >= MAX_OPEN_PER_CLIENT) {
                return Optional.empty();
            }
            // Made before the place is taken: running out of memory must not lose one.
            Optional<Place> place = Optional.of(new Place(free));
            places[free] = client;
            return place;
        }
    }

    private synchronized void free(int place) {
        places[place] = null;
    }

    /** The place of one refused connection. This class is thread-safe. */
    public final class Place implements AutoCloseable {

        private final int index;
        private final AtomicBoolean closed = new AtomicBoolean();

        private Place(int index) {
            this.index = index;
        }

        /** Gives the place back. Every call but the first does nothing. */
        @Override
        public void close() {
            if (closed.compareAndSet(false, true)) {
                free(index);
            }
        }
    }
}
