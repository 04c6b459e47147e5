package io.github.connlimit;

import java.net.InetAddress;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Supplier;

/**
 * Bounds what answers to refused connections cost ({@link Refusal#RESPOND}): how many are kept open for a moment, and how
 * many TLS handshakes are spent on them. Beyond it they are reset, so that nobody can hold a server's resources by being
 * refused. Each limiter has one budget; adapters use it. This class is thread-safe, and no call waits for a place.
 *
 * @since 0.1.0
 */
public final class RefusalBudget {

    /** How long a refused connection may take to read its answer and to close, in milliseconds. */
    public static final int MAX_LINGER_MILLIS = 500;

    /** How much a refused connection may still send before it is reset, in bytes. */
    public static final int MAX_LINGER_BYTES = 1 << 20;

    /** The most that each of the {@code respond…} settings may say. */
    static final int MOST_OPEN = 1000;

    /** How many refused connections of one client may be open at once. */
    static final int MAX_OPEN_PER_CLIENT = 4;

    /** Who has each of the places; {@code null} for one that is free. Guarded by this. */
    private final Cidr[] places = new Cidr[MOST_OPEN];

    /** How many handshakes may be spent at once, as of {@link #filledNanos}. Full at first. Guarded by this. */
    private double tokens = Double.MAX_VALUE;

    /** Guarded by this. */
    private long filledNanos;

    private final Supplier<ConnectionLimits> limits;
    private final Figures figures;
    private final Ticker ticker;

    RefusalBudget(Supplier<ConnectionLimits> limits, Figures figures, Ticker ticker) {
        this.limits = limits;
        this.figures = figures;
        this.ticker = ticker;
        this.filledNanos = ticker.read();
    }

    /**
     * Takes a place for a refused connection.
     *
     * @param afterHandshake whether answering it costs a TLS handshake
     * @return the place, to be closed when the connection is closed; empty if all are taken, or no handshake may be spent
     */
    Optional<Place> tryTake(InetAddress peer, boolean afterHandshake) {
        ConnectionLimits now = limits.get();
        Optional<Place> place = tryTake(now, now.clientOf(peer), afterHandshake);
        (place.isPresent() ? figures.responded : figures.reset).increment();
        return place;
    }

    private synchronized Optional<Place> tryTake(ConnectionLimits now, Cidr client, boolean afterHandshake) {
        int free = -1;
        int open = 0;
        int ofClient = 0;
        for (int i = 0; i < places.length; i++) {
            if (places[i] == null) {
                free = i;
                continue;
            }
            open++;
            if (places[i].equals(client)) {
                ofClient++;
            }
        }
        if (open >= now.respondMaxOpen() || ofClient >= MAX_OPEN_PER_CLIENT) {
            return Optional.empty();
        }
        // Made before the place is taken: running out of memory must not lose one.
        Optional<Place> place = Optional.of(new Place(free));
        if (afterHandshake && !tryTakeToken(now)) {
            return Optional.empty();
        }
        places[free] = client;
        return place;
    }

    /** To be called by the holder of this only. */
    private boolean tryTakeToken(ConnectionLimits now) {
        long nanos = ticker.read();
        double refill = (double) (nanos - filledNanos) / TimeUnit.SECONDS.toNanos(1) * now.respondRate();
        tokens = Math.min(now.respondBurst(), tokens + refill);
        filledNanos = nanos;
        if (tokens < 1) {
            return false;
        }
        tokens--;
        return true;
    }

    private synchronized void free(int place) {
        places[place] = null;
    }

    /**
     * The place of one refused connection. This class is thread-safe.
     *
     * @since 0.1.0
     */
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
