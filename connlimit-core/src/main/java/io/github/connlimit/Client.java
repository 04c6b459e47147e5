package io.github.connlimit;

import java.security.SecureRandom;
import java.util.concurrent.atomic.AtomicIntegerFieldUpdater;

/**
 * A client with its counts: an entry of the {@link ClientTable}, one object to save memory. Two that are equal have the
 * same address and prefix length, whatever their counts.
 */
final class Client implements Stripe.Node<Client> {

    private static final AtomicIntegerFieldUpdater<Client> OPEN =
            AtomicIntegerFieldUpdater.newUpdater(Client.class, "open");

    private static final AtomicIntegerFieldUpdater<Client> PENDING =
            AtomicIntegerFieldUpdater.newUpdater(Client.class, "pending");

    private static final AtomicIntegerFieldUpdater<Client> STREAMS =
            AtomicIntegerFieldUpdater.newUpdater(Client.class, "streams");

    /**
     * The random coefficients of the hash, multilinear over 32-bit words and hence universal: whoever owns many addresses
     * cannot choose them to collide without knowing these.
     */
    private static final long[] COEFFICIENTS = new SecureRandom().longs(6).toArray();

    private final long high;
    private final long low;
    private final byte prefix;

    /** How many connections are open. Written by the holder of the stripe's monitor only. */
    private volatile int open;

    /** How many of the open ones have proved nothing yet. Raised by the holder of that monitor, lowered at any time. */
    private volatile int pending;

    /** How many of the open ones are streams. Raised by the holder of that monitor, or in a dry run; lowered at any time. */
    private volatile int streams;

    /** Whether a rule let it have any number of connections when it opened the latest. Guarded by the stripe's monitor. */
    private boolean exempt;

    /** The next one in its chain, or {@code null}. */
    private volatile Client next;

    /**
     * Makes a client without connections.
     *
     * @param high the first half of its address, and so is {@code low} the second: nothing but zeros after the prefix
     */
    Client(long high, long low, int prefix) {
        this.high = high;
        this.low = low;
        this.prefix = (byte) prefix;
    }

    Client(IpAddress address, int prefix) {
        this(address.high() & IpAddress.highMask(prefix), address.low() & IpAddress.lowMask(prefix), prefix);
    }

    boolean is(long high, long low, int prefix) {
        return this.high == high && this.low == low && this.prefix == (byte) prefix;
    }

    int open() {
        return open;
    }

    int pending() {
        return pending;
    }

    int streams() {
        return streams;
    }

    boolean exempt() {
        return exempt;
    }

    void exempt(boolean now) {
        exempt = now;
    }

    /** @return how many are open now */
    int countUp() {
        int now = open + 1;
        // The end of the monitor's hold makes it visible.
        OPEN.lazySet(this, now);
        return now;
    }

    /** @return how many are open now */
    int countDown() {
        int now = open - 1;
        OPEN.lazySet(this, now);
        return now;
    }

    /** Counts an open connection as pending too. */
    void countPending() {
        PENDING.incrementAndGet(this);
    }

    /** Counts an open connection as pending no longer. */
    void uncountPending() {
        PENDING.decrementAndGet(this);
    }

    /** Counts an open connection as a stream too. */
    void countStream() {
        STREAMS.incrementAndGet(this);
    }

    /** Counts an open connection as a stream no longer. */
    void uncountStream() {
        STREAMS.decrementAndGet(this);
    }

    IpAddress first() {
        return new IpAddress(high, low);
    }

    int prefix() {
        return Byte.toUnsignedInt(prefix);
    }

    Cidr cidr() {
        return new Cidr(first(), prefix());
    }

    @Override
    public int hash() {
        return hash(high, low, prefix());
    }

    static int hash(long high, long low, int prefix) {
        long[] by = COEFFICIENTS;
        long sum = by[0]
                + by[1] * (high >>> 32)
                + by[2] * (high & 0xffff_ffffL)
                + by[3] * (low >>> 32)
                + by[4] * (low & 0xffff_ffffL)
                + by[5] * prefix;
        // Multiplied once more, as the sums of addresses that follow one another keep the same distance.
        return (int) ((sum ^ sum >>> 32) * 0x9e37_79b9_7f4a_7c15L >>> 32);
    }

    @Override
    public Client next() {
        return next;
    }

    @Override
    public void next(Client node) {
        next = node;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Client that && is(that.high, that.low, that.prefix());
    }

    @Override
    public int hashCode() {
        return hash();
    }
}
