package io.github.connlimit;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.List;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.function.Consumer;

/**
 * The clients that have connections, and no others. Its stripes are guarded each by its own monitor, held for a few steps
 * only. This class is thread-safe.
 */
final class ClientTable {

    private static final int STRIPES = 64;

    /** By how much a hash is shifted to give its stripe. */
    static final int STRIPE_SHIFT = Integer.numberOfLeadingZeros(STRIPES) + 1;

    /** A part of the table, with the totals of its clients. */
    static final class Part extends Stripe<Client> {

        private static final VarHandle ADMITTED = varHandle("admitted");
        private static final VarHandle CLOSED = varHandle("closed");

        // Written by the holder of the monitor only, and read by others too. A volatile write made each count slower.
        private long admitted;
        private long closed;

        /** Of the clients that have a limit: the others are proxies and health checkers, often larger than any client. */
        private final ClientSizes sizes = new ClientSizes();

        /** {@code null} until a client has a rate. Guarded by this. */
        private RateBuckets rates;

        /** The networks that these clients are counted in as well, or {@code null}. Guarded by this. */
        private Networks networks;

        /** To be asked by the holder of the monitor. */
        Networks networks() {
            return networks;
        }

        private static VarHandle varHandle(String field) {
            try {
                return MethodHandles.lookup().findVarHandle(Part.class, field, long.class);
            } catch (ReflectiveOperationException impossible) {
                throw new ExceptionInInitializerError(impossible);
            }
        }

        /** Finds a client; for the holder of the monitor. */
        Client get(int hash, long high, long low, int prefix) {
            return Client.find(bins(), hash, high, low, prefix);
        }

        /**
         * Finds a client without the monitor.
         *
         * @return {@code null} if it was absent at some moment of this call
         */
        Client look(int hash, long high, long low, int prefix) {
            AtomicReferenceArray<Client> bins = bins();
            Client found = bins == null ? null : Client.find(bins, hash, high, low, prefix);
            if (found != null || bins != null && bins == bins()) {
                return found;
            }
            synchronized (this) {
                return get(hash, high, low, prefix);
            }
        }

        /**
         * Counts one more connection of a client, which is added with its first; for the holder of the monitor.
         *
         * @param exempt whether a rule lets the client have any number now
         * @return how many the client has now
         * @throws OutOfMemoryError and has counted nothing
         */
        int countUp(Client client, boolean exempt) {
            if (!exempt) {
                sizes.reserve(client.open() + 1);
            }
            int before = client.counted();
            int open = client.countUp();
            if (open == 1) {
                add(client);
            }
            client.exempt(exempt);
            sizes.change(before, client.counted());
            admitted++;
            return open;
        }

        /**
         * Takes a token from the bucket of a client, which need not have connections; for the holder of the monitor.
         *
         * @return false if there is none
         * @throws OutOfMemoryError and has taken none
         */
        boolean tryTakeToken(Client client, Rate rate, long nowNanos) {
            if (rates == null) {
                rates = new RateBuckets();
            }
            return rates.tryTake(client.hash(), client.high(), client.low(), client.prefix(), rate, nowNanos);
        }

        /** Counts one connection less of a client; for the holder of the monitor. */
        int countDown(Client client) {
            int before = client.counted();
            int open = client.countDown();
            if (open == 0) {
                remove(client);
            }
            sizes.change(before, client.counted());
            closed++;
            return open;
        }
    }

    private final Part[] parts = new Part[STRIPES];

    ClientTable() {
        for (int i = 0; i < parts.length; i++) {
            parts[i] = new Part();
        }
    }

    Part part(int hash) {
        // The low bits tell the bin.
        return parts[hash >>> STRIPE_SHIFT];
    }

    /**
     * Counts one connection less of a client, which is removed with its last. Allocates nothing that it cannot do
     * without, and so does not fail.
     *
     * @return how many the client has now
     */
    int countDown(Client client) {
        Part part = part(client.hash());
        synchronized (part) {
            Networks networks = part.networks;
            return networks == null ? part.countDown(client) : networks.countDown(client, part);
        }
    }

    /**
     * No more than were open in all at one moment of this call: what is admitted meanwhile may be missing, what is closed
     * meanwhile is not in it.
     */
    long leastOpen() {
        long admitted = admitted();
        return admitted - closed();
    }

    /**
     * No fewer than were open in all at one moment of this call: what is admitted meanwhile may be in it, what is closed
     * meanwhile still is.
     */
    long mostOpen() {
        long closed = closed();
        return admitted() - closed;
    }

    private long admitted() {
        long sum = 0;
        for (Part part : parts) {
            sum += (long) Part.ADMITTED.getAcquire(part);
        }
        return sum;
    }

    private long closed() {
        long sum = 0;
        for (Part part : parts) {
            sum += (long) Part.CLOSED.getAcquire(part);
        }
        return sum;
    }

    /**
     * Whether one more connection in each part may reach a total. If not, whoever holds the monitor of a part can count one
     * up and stays below it, whatever the holders of the others do.
     */
    boolean mayReach(long total) {
        return mostOpen() + STRIPES >= total;
    }

    /** How many connections are open in all, each part read after whatever it was at has ended. */
    long settledOpen() {
        long open = 0;
        for (Part part : parts) {
            synchronized (part) {
                open += part.admitted - part.closed;
            }
        }
        return open;
    }

    /** How many connections a client has open, read after whatever its part was at has ended. */
    int settledOpen(Client client) {
        Part part = part(client.hash());
        synchronized (part) {
            Client present = part.get(client.hash(), client.high(), client.low(), client.prefix());
            return present == null ? 0 : present.open();
        }
    }

    /**
     * Counts all clients in networks, those of one part after the other.
     *
     * @param present the networks that they are counted in, or {@code null}
     * @throws OutOfMemoryError and has counted some; {@link #networks} ends that
     */
    void countIn(Networks networks, Networks present) {
        for (Part part : parts) {
            synchronized (part) {
                part.nodes().forEach(client -> networks.addUnlessIn(present, client));
                part.networks = networks;
            }
        }
    }

    /** Says in which networks clients are counted from now on; they have to be already. For {@link #exclusively}. */
    void networks(Networks networks) {
        for (Part part : parts) {
            part.networks = networks;
        }
    }

    /** Takes all buckets for full, and gives their memory back. */
    void forgetRates() {
        for (Part part : parts) {
            synchronized (part) {
                part.rates = null;
            }
        }
    }

    /** Runs an action while no other thread changes any count: for what has to be atomic over all clients. */
    void exclusively(Runnable action) {
        exclusively(0, action);
    }

    private void exclusively(int from, Runnable action) {
        if (from == parts.length) {
            action.run();
            return;
        }
        synchronized (parts[from]) {
            exclusively(from + 1, action);
        }
    }

    /**
     * The totals of all clients at one moment.
     *
     * @param clients how many clients have connections
     * @param admitted how many connections have been counted
     * @param closed how many of those have been counted down
     * @param largestClient how many connections the largest client has that is not exempt, at most
     *     {@link ClientSizes#MOST}
     */
    record Totals(long clients, long admitted, long closed, int largestClient) {}

    Totals totals() {
        long[] sums = new long[3];
        int[] largest = new int[1];
        exclusively(() -> {
            for (Part part : parts) {
                sums[0] += part.size();
                sums[1] += part.admitted;
                sums[2] += part.closed;
                largest[0] = Math.max(largest[0], part.sizes.largest());
            }
        });
        return new Totals(sums[0], sums[1], sums[2], largest[0]);
    }

    /** Passes all clients on, those of each stripe as they are at one moment, and without holding up anything. */
    void forEach(Consumer<Client> action) {
        for (Part part : parts) {
            List<Client> clients;
            synchronized (part) {
                clients = part.nodes();
            }
            clients.forEach(action);
        }
    }
}
