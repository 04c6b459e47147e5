package io.github.connlimit;

import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Bounds how many refused connections may be kept open for a moment to be told why ({@link Refusal#RESPOND}), for
 * adapters: beyond it they are reset, so that refusing politely cannot be used to hold a server's resources. One budget
 * for each limiter. This class is thread-safe and never blocks.
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

    private final Semaphore all = new Semaphore(MAX_OPEN);
    private final ConcurrentHashMap<Cidr, Integer> perClient = new ConcurrentHashMap<>();

    RefusalBudget() {}

    /**
     * Takes a place for a refused connection of this client.
     *
     * @return the place, to be closed when the connection is closed; empty if all are taken
     */
    Optional<Place> tryTake(Cidr client) {
        if (!all.tryAcquire()) {
            return Optional.empty();
        }
        int open = perClient.merge(client, 1, Integer::sum);
        Place place = new Place(client);
        if (open > MAX_OPEN_PER_CLIENT) {
            place.close();
            return Optional.empty();
        }
        return Optional.of(place);
    }

    /** The place of one refused connection. This class is thread-safe. */
    public final class Place implements AutoCloseable {

        private final Cidr client;
        private final AtomicBoolean closed = new AtomicBoolean();

        private Place(Cidr client) {
            this.client = client;
        }

        /** Gives the place back. Every call but the first does nothing. */
        @Override
        public void close() {
            if (closed.compareAndSet(false, true)) {
                perClient.computeIfPresent(client, (key, open) -> open == 1 ? null : open - 1);
                all.release();
            }
        }
    }
}
