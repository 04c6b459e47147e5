package io.github.connlimit;

import java.security.SecureRandom;
import java.util.concurrent.atomic.AtomicIntegerFieldUpdater;
import java.util.concurrent.atomic.AtomicReferenceArray;

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

    Client(Cidr block) {
        this(block.first(), block.prefix());
    }

    boolean is(long high, long low, int prefix) {
        return this.high == high && this.low == low && this.prefix == (byte) prefix;
    }

    long high() {
        return high;
    }

    long low() {
        return low;
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

    /** How many are open that count for more than this client: for the largest one, and for its networks. */
    int counted() {
        return exempt ? 0 : open;
    }

    /** @return how many are open now */
    int countUp() {
        return change(1);
    }

    /** @return how many are open now */
    int countDown() {
        return change(-1);
    }

    /** @return how many are open now */
    int change(int by) {
        int now = open + by;
        // The end of the monitor's hold makes it visible.
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

    /** The hash of the block of this length that this client is in. */
    int hash(int prefix) {
        return hash(high & IpAddress.highMask(prefix), low & IpAddress.lowMask(prefix), prefix);
    }

    /** The block of this length that this client is in, as a client without connections. */
    Client around(int prefix) {
        return new Client(high & IpAddress.highMask(prefix), low & IpAddress.lowMask(prefix), prefix);
    }

    /** Finds {@link #around} among others, or gives {@code null}; for the holder of the stripe's monitor. */
    Client findAround(Stripe<Client> stripe, int prefix) {
        return find(
                stripe.bins(),
                hash(prefix),
                high & IpAddress.highMask(prefix),
                low & IpAddress.lowMask(prefix),
                prefix);
    }

    static Client find(AtomicReferenceArray<Client> bins, int hash, long high, long low, int prefix) {
        Client client = Stripe.first(bins, hash);
        while (client != null && !client.is(high, low, prefix)) {
            client = client.next();
        }
        return client;
    }

    boolean isIpv4() {
        return isIpv4(high, low);
    }

    static boolean isIpv4(long high, long low) {
        return high == 0 && low >>> Integer.SIZE == 0xffff;
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
