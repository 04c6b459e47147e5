package io.github.connlimit;

/**
 * The token buckets of clients that have opened connections lately, whether any is still open or not. There is room for
 * {@value #ROOM} that are not full; when it is short, one that is nearly full again is forgotten. To forget is to take it
 * for full, so it only errs towards admitting.
 *
 * <p>The room is a table of rows, and a client's bucket is in the row that its hash tells: whoever has many addresses
 * cannot make this grow. A bucket is no more than the time at which it is full again (the generic cell rate algorithm of
 * ITU-T I.371). This class is not thread-safe.
 */
final class RateBuckets {

    private static final int ROW = 8;
    private static final int ROWS = 200;

    static final int ROOM = ROW * ROWS;

    private final long[] high = new long[ROOM];
    private final long[] low = new long[ROOM];

    /** The prefix length of the client and one more; 0 for none. */
    private final byte[] prefixes = new byte[ROOM];

    private final long[] fullNanos = new long[ROOM];

    /**
     * Takes a token from a client's bucket.
     *
     * @param hash of the client; its upper bits tell the part of the {@link ClientTable}, and are the same for all here
     * @param high the first half of its address, and so is {@code low} the second: nothing but zeros after the prefix
     * @return false if there is none
     */
    boolean tryTake(int hash, long high, long low, int prefix, Rate rate, long nowNanos) {
        int slot = slot(hash, high, low, prefix, nowNanos);
        long perToken = rate.nanosPerToken();
        long empty = perToken * rate.burst();
        // After a change of the rate no bucket is emptier than empty.
        long missing = is(slot, high, low, prefix) ? Math.min(missing(slot, nowNanos), empty) : 0;
        boolean taken = missing + perToken <= empty;
        this.high[slot] = high;
        this.low[slot] = low;
        prefixes[slot] = (byte) (prefix + 1);
        fullNanos[slot] = nowNanos + missing + (taken ? perToken : 0);
        return taken;
    }

    /** The client's own slot, or else the one to be overwritten first. */
    private int slot(int hash, long high, long low, int prefix, long nowNanos) {
        int first = ROW * row(hash);
        int fullest = first;
        long least = Long.MAX_VALUE;
        for (int slot = first; slot < first + ROW; slot++) {
            if (is(slot, high, low, prefix)) {
                return slot;
            }
            long missing = missing(slot, nowNanos);
            if (missing < least) {
                least = missing;
                fullest = slot;
            }
        }
        return fullest;
    }

    private static int row(int hash) {
        long below = (hash << Integer.SIZE - ClientTable.STRIPE_SHIFT) & 0xffff_ffffL;
        return (int) (below * ROWS >>> Integer.SIZE);
    }

    private boolean is(int slot, long high, long low, int prefix) {
        return this.low[slot] == low && this.high[slot] == high && prefixes[slot] == (byte) (prefix + 1);
    }

    /** How long until the bucket in this slot is full again; 0 if it is, or if there is none. */
    private long missing(int slot, long nowNanos) {
        return prefixes[slot] == 0 ? 0 : Math.max(0, fullNanos[slot] - nowNanos);
    }
}
