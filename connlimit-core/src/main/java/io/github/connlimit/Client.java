package io.github.connlimit;

/**
 * A client with its count: the key and the value of its entry in the limiter's table, one object to save memory. Equal
 * by address and prefix length, whatever the count.
 */
final class Client implements Comparable<Client> {

    private final long high;
    private final long low;
    private final byte prefix;

    /**
     * How many connections are open. Written only inside the table's atomic operations on this client's entry, hence
     * never by two threads at once; volatile for those who only look. Above 0 as long as the entry is in the table, and
     * once back at 0, 0 for ever: the client's next connection makes a new entry.
     */
    private volatile int open;

    Client(IpAddress address, int prefix) {
        this.high = address.high() & IpAddress.highMask(prefix);
        this.low = address.low() & IpAddress.lowMask(prefix);
        this.prefix = (byte) prefix;
    }

    int open() {
        return open;
    }

    /** To be called inside an atomic operation of the table only. */
    void open(int connections) {
        open = connections;
    }

    Cidr cidr() {
        return new Cidr(new IpAddress(high, low), Byte.toUnsignedInt(prefix));
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
