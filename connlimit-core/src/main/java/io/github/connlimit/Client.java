package io.github.connlimit;

import java.util.concurrent.atomic.AtomicIntegerFieldUpdater;

/**
 * A client with its counts: the key and the value of its entry in the limiter's table, one object to save memory. Equal
 * by address and prefix length, whatever the counts.
 */
final class Client implements Comparable<Client> {

    private static final AtomicIntegerFieldUpdater<Client> OPEN =
            AtomicIntegerFieldUpdater.newUpdater(Client.class, "open");

    private static final AtomicIntegerFieldUpdater<Client> PENDING =
            AtomicIntegerFieldUpdater.newUpdater(Client.class, "pending");

    private static final AtomicIntegerFieldUpdater<Client> STREAMS =
            AtomicIntegerFieldUpdater.newUpdater(Client.class, "streams");

    private final long high;
    private final long low;
    private final byte prefix;

    /**
     * How many connections are open. Raised only inside the table's atomic operations on this client's entry, hence
     * never by two threads at once; lowered at any time. Once back at 0, 0 for ever: the client's next connection makes
     * a new entry.
     */
    private volatile int open;

    /** How many of the open ones have proved nothing yet. Raised as {@link #open} is, lowered at any time. */
    private volatile int pending;

    /** How many of the open ones are streams. Raised and lowered at any time. */
    private volatile int streams;

    Client(IpAddress address, int prefix) {
        this.high = address.high() & IpAddress.highMask(prefix);
        this.low = address.low() & IpAddress.lowMask(prefix);
        this.prefix = (byte) prefix;
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

    /** Counts the first connection; to be called before anybody else knows this object. */
    void countFirst() {
        open = 1;
    }

    /** Counts an open connection as pending too; to be called inside an atomic operation of the table only. */
    void countPending() {
        PENDING.incrementAndGet(this);
    }

    /** Counts an open connection as pending no longer. */
    void uncountPending() {
        PENDING.decrementAndGet(this);
    }

    /**
     * Counts an open connection as a stream too.
     *
     * @param limit how many streams the client may have; 0 means any number
     * @return whether it was counted
     */
    boolean tryCountStream(int limit) {
        while (true) {
            int now = streams;
            if (limit != 0 && now >= limit) {
                return false;
            }
            if (STREAMS.compareAndSet(this, now, now + 1)) {
                return true;
            }
        }
    }

    /** Counts an open connection as a stream no longer. */
    void uncountStream() {
        STREAMS.decrementAndGet(this);
    }

    /**
     * Counts one more connection; to be called inside an atomic operation of the table only.
     *
     * @return how many are open now, or 0 if the last one was closed in the meantime and nothing is counted here again
     */
    int countUp() {
        return OPEN.updateAndGet(this, now -> now == 0 ? 0 : now + 1);
    }

    /**
     * Counts one connection less. Allocates nothing and so cannot fail.
     *
     * @return how many are open now
     */
    int countDown() {
        return OPEN.decrementAndGet(this);
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

    /**
     * An order for the table's sake: whoever owns many IPv6 prefixes can choose them to collide, and with an order the
     * table searches a crowded bin in logarithmic time.
     */
    @Override
    public int compareTo(Client other) {
        int order = Long.compare(high, other.high);
        if (order == 0) {
            order = Long.compare(low, other.low);
        }
        return order != 0 ? order : Byte.compare(prefix, other.prefix);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Client that && high == that.high && low == that.low && prefix == that.prefix;
    }

    @Override
    public int hashCode() {
        long mixed = (high * 0x9e37_79b9_7f4a_7c15L + low) * 0x9e37_79b9_7f4a_7c15L;
        return (int) (mixed >>> 32) + prefix;
    }
}
