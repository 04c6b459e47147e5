package io.github.connlimit;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.function.IntFunction;

/**
 * One of the parts of a hash table. Its entries are themselves the links of its chains, which saves an object for each,
 * and its array shrinks as the entries go, which that of a {@code ConcurrentHashMap} does not.
 *
 * <p>It is changed only by the holder of its monitor. It may be searched without: an entry that is found was in the table
 * at some moment of the search, and one that is not found was absent at some moment if {@link #bins} is afterwards what
 * it was before, and not {@code null}. A search always ends, since moving an entry to another array leads it only to
 * entries that have been moved before.
 *
 * @param <N> the entries
 */
class Stripe<N extends Stripe.Node<N>> {

    private static final int LEAST_BINS = 4;

    /** An entry. */
    interface Node<N> {

        /** Always the same; the low bits tell the bin. */
        int hash();

        N next();

        void next(N node);
    }

    private final IntFunction<AtomicReferenceArray<N>> newBins;

    /** The first entry of each chain. {@code null} while the entries are being moved, for those without the monitor. */
    private volatile AtomicReferenceArray<N> bins;

    /** Guarded by this. */
    private int size;

    Stripe() {
        this(AtomicReferenceArray::new);
    }

    /** @param newBins makes an array of a length, or runs out of memory */
    Stripe(IntFunction<AtomicReferenceArray<N>> newBins) {
        this.newBins = newBins;
        this.bins = newBins.apply(LEAST_BINS);
    }

    final AtomicReferenceArray<N> bins() {
        return bins;
    }

    /** The first entry of the chain that holds those with this hash. */
    static <N> N first(AtomicReferenceArray<N> bins, int hash) {
        return bins.get(hash & bins.length() - 1);
    }

    /** How many entries there are. To be called by the holder of the monitor only, as all that follows. */
    final int size() {
        return size;
    }

    /** Adds an entry that is not here. Fails in no way: without memory to grow, chains become longer. */
    final void add(N node) {
        AtomicReferenceArray<N> now = bins;
        link(now, node);
        size++;
        if (size > now.length()) {
            resize(now, now.length() * 2);
        }
    }

    private static <N extends Node<N>> void link(AtomicReferenceArray<N> bins, N node) {
        int bin = node.hash() & bins.length() - 1;
        node.next(bins.get(bin));
        // Not before: whoever searches goes on from the new entry to the rest of the chain.
        bins.set(bin, node);
    }

    /**
     * Removes an entry, whose own link stays as it is, for those who search and have come to it.
     *
     * @return whether it was here
     */
    final boolean remove(N node) {
        if (!unlink(node)) {
            return false;
        }
        size--;
        AtomicReferenceArray<N> now = bins;
        if (size < now.length() / 4 && now.length() > LEAST_BINS) {
            resize(now, now.length() / 2);
        }
        return true;
    }

    private boolean unlink(N node) {
        AtomicReferenceArray<N> now = bins;
        int bin = node.hash() & now.length() - 1;
        N before = null;
        N present = now.get(bin);
        while (present != null && present != node) {
            before = present;
            present = present.next();
        }
        if (present == null) {
            return false;
        }
        if (before == null) {
            now.set(bin, node.next());
        } else {
            before.next(node.next());
        }
        return true;
    }

    private void resize(AtomicReferenceArray<N> from, int length) {
        AtomicReferenceArray<N> to;
        try {
            to = newBins.apply(length);
        } catch (OutOfMemoryError noMatter) {
            // Tried again with the next entry that comes or goes.
            return;
        }
        bins = null;
        for (int bin = 0; bin < from.length(); bin++) {
            N node = from.get(bin);
            while (node != null) {
                N next = node.next();
                link(to, node);
                node = next;
            }
        }
        bins = to;
    }

    /** All entries, as a copy. */
    final List<N> nodes() {
        List<N> nodes = new ArrayList<>(size);
        AtomicReferenceArray<N> now = bins;
        for (int bin = 0; bin < now.length(); bin++) {
            for (N node = now.get(bin); node != null; node = node.next()) {
                nodes.add(node);
            }
        }
        return nodes;
    }
}
