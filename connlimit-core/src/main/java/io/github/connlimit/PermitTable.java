package io.github.connlimit;

import java.util.List;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * The permits of a gate, by connection. This class is thread-safe; each stripe is guarded by its own monitor, held for a
 * few steps only.
 *
 * @param <C> what stands for a connection
 */
final class PermitTable<C> {

    private static final int STRIPES = 16;
    private static final int STRIPE_SHIFT = Integer.numberOfLeadingZeros(STRIPES) + 1;

    private final List<Stripe<GatePermit<C>>> stripes;

    PermitTable() {
        stripes = Stream.generate(() -> new Stripe<GatePermit<C>>())
                .limit(STRIPES)
                .toList();
    }

    private Stripe<GatePermit<C>> stripe(int hash) {
        return stripes.get(hash >>> STRIPE_SHIFT);
    }

    /** To be called by the holder of the monitor. */
    private static <C> GatePermit<C> find(Stripe<GatePermit<C>> stripe, int hash, C channel) {
        GatePermit<C> permit = Stripe.first(stripe.bins(), hash);
        while (permit != null && !(permit.hash() == hash && permit.channel().equals(channel))) {
            permit = permit.next();
        }
        return permit;
    }

    /** The permit of a connection, or {@code null}. */
    GatePermit<C> get(C channel) {
        int hash = GatePermit.hash(channel);
        Stripe<GatePermit<C>> stripe = stripe(hash);
        synchronized (stripe) {
            return find(stripe, hash, channel);
        }
    }

    /**
     * Adds a permit, in one step with what it is to be told first.
     *
     * @param first takes a few steps, and uses this table in no other way
     * @return whether it was added; false if its connection has a permit already
     */
    boolean add(GatePermit<C> permit, Consumer<GatePermit<C>> first) {
        Stripe<GatePermit<C>> stripe = stripe(permit.hash());
        synchronized (stripe) {
            if (find(stripe, permit.hash(), permit.channel()) != null) {
                return false;
            }
            stripe.add(permit);
            first.accept(permit);
            return true;
        }
    }

    /** @return whether it was here */
    boolean remove(GatePermit<C> permit) {
        Stripe<GatePermit<C>> stripe = stripe(permit.hash());
        synchronized (stripe) {
            return stripe.remove(permit);
        }
    }

    /** Removes the permit of a connection and returns it, or {@code null} if it has none. */
    GatePermit<C> remove(C channel) {
        int hash = GatePermit.hash(channel);
        Stripe<GatePermit<C>> stripe = stripe(hash);
        synchronized (stripe) {
            GatePermit<C> permit = find(stripe, hash, channel);
            if (permit != null) {
                stripe.remove(permit);
            }
            return permit;
        }
    }

    /**
     * Tells the permit of a connection, if it has one, of an event. Until it has been told, it is neither replaced nor
     * removed, nor told of another event.
     *
     * @param event takes a few steps, and uses this table in no other way
     */
    void tell(C channel, Consumer<GatePermit<C>> event) {
        int hash = GatePermit.hash(channel);
        Stripe<GatePermit<C>> stripe = stripe(hash);
        synchronized (stripe) {
            GatePermit<C> permit = find(stripe, hash, channel);
            if (permit != null) {
                event.accept(permit);
            }
        }
    }

    /**
     * Puts a permit in the place of another one for the same connection.
     *
     * @param handOver is given both, between what the one has been told and what the other will be
     * @return whether the first was here, and the second has taken its place
     */
    boolean replace(GatePermit<C> present, GatePermit<C> fresh, BiConsumer<GatePermit<C>, GatePermit<C>> handOver) {
        Stripe<GatePermit<C>> stripe = stripe(present.hash());
        synchronized (stripe) {
            if (!stripe.remove(present)) {
                return false;
            }
            stripe.add(fresh);
            handOver.accept(present, fresh);
            return true;
        }
    }

    long size() {
        long size = 0;
        for (Stripe<GatePermit<C>> stripe : stripes) {
            synchronized (stripe) {
                size += stripe.size();
            }
        }
        return size;
    }

    /** Passes all permits on, those of each stripe as they are at one moment, and without holding up anything. */
    void forEach(Consumer<GatePermit<C>> action) {
        for (Stripe<GatePermit<C>> stripe : stripes) {
            List<GatePermit<C>> permits;
            synchronized (stripe) {
                permits = stripe.nodes();
            }
            permits.forEach(action);
        }
    }
}
