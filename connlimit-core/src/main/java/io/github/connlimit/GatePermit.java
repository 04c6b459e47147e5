package io.github.connlimit;

/**
 * The permit of a connection that a {@link ConnectionGate} knows: an entry of its table, and of the queue of its deadline,
 * one object to save memory. This class is thread-safe.
 *
 * @param <C> what stands for a connection
 */
final class GatePermit<C> extends ConnectionPermit implements Stripe.Node<GatePermit<C>> {

    private final C channel;
    private final int hash;

    /** The next one in its chain, or {@code null}. */
    private volatile GatePermit<C> next;

    /**
     * The queue of the deadline that this connection has to meet, or {@code null}. It stays when the deadline has passed
     * and has left the queue, until the connection has been closed for that. Written by the holder of the monitor of
     * {@link Deadlines} only.
     */
    volatile Deadlines.Queue<C> queue;

    /** When the deadline passes. Guarded by the monitor of {@link Deadlines}, as its neighbours in the queue. */
    long dueNanos;

    GatePermit<C> previousDue;
    GatePermit<C> nextDue;

    GatePermit(ConnectionLimiter limiter, boolean pending, C channel) {
        super(limiter, pending);
        this.channel = channel;
        this.hash = hash(channel);
    }

    /** Well mixed, also of what is not. */
    static int hash(Object channel) {
        int mixed = channel.hashCode() * 0x9e37_79b1;
        return mixed ^ mixed >>> 15;
    }

    C channel() {
        return channel;
    }

    @Override
    public void established() {
        super.established();
        // Not before: whoever ends the handshake at the same time first sets a deadline, then looks who was the first.
        meetDeadline();
    }

    /** Ends the deadline: it will not expire, or not be acted on. */
    void meetDeadline() {
        Deadlines.Queue<C> present = queue;
        if (present != null) {
            present.deadlines().met(this);
        }
    }

    @Override
    void ended() {
        meetDeadline();
    }

    @Override
    public int hash() {
        return hash;
    }

    @Override
    public GatePermit<C> next() {
        return next;
    }

    @Override
    public void next(GatePermit<C> node) {
        next = node;
    }
}
