package io.github.connlimit;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.function.Function;
import java.util.function.ObjIntConsumer;
import java.util.stream.Stream;

/**
 * The networks that clients are in, of each length that has a limit, with their counts. A network's count is that of its
 * clients together, but for those that are exempt.
 *
 * <p>A client and its networks are counted as one step: by a holder of the monitor of the client's {@link
 * ClientTable.Part}, who takes those of the networks' stripes after it, the longest prefix first. This class is
 * thread-safe.
 */
final class Networks {

    private static final int STRIPES = 16;
    private static final int STRIPE_SHIFT = Integer.numberOfLeadingZeros(STRIPES) + 1;

    /**
     * The networks of one length.
     *
     * @param stripes shared with the level of the same length under other limits
     */
    private record Level(NetworkLimit limit, List<Stripe<Client>> stripes) {

        static Level of(NetworkLimit limit) {
            return new Level(
                    limit,
                    Stream.generate(() -> new Stripe<Client>()).limit(STRIPES).toList());
        }

        boolean hasLengthOf(NetworkLimit other) {
            return limit.ipv4() == other.ipv4() && limit.length() == other.length();
        }

        /** Whether a client is in one of these networks, and not in several: so is one from before a change of its prefix. */
        boolean has(Client client) {
            return limit.prefix() <= client.prefix();
        }

        /** The stripe of the network that a client is in. */
        Stripe<Client> stripe(Client client) {
            return stripes.get(client.hash(limit.prefix()) >>> STRIPE_SHIFT);
        }

        /** The network that a client is in, with its connections if it has any; for the holder of the stripe's monitor. */
        Client network(Stripe<Client> stripe, Client client) {
            Client present = client.findAround(stripe, limit.prefix());
            return present == null ? client.around(limit.prefix()) : present;
        }

        /** Whether the network of a client has as many as it may have; false if that cannot be told without the monitor. */
        boolean isFull(long high, long low) {
            int prefix = limit.prefix();
            long maskedHigh = high & IpAddress.highMask(prefix);
            long maskedLow = low & IpAddress.lowMask(prefix);
            int hash = Client.hash(maskedHigh, maskedLow, prefix);
            AtomicReferenceArray<Client> bins =
                    stripes.get(hash >>> STRIPE_SHIFT).bins();
            Client network = bins == null ? null : Client.find(bins, hash, maskedHigh, maskedLow, prefix);
            return network != null && network.open() >= limit.limit();
        }

        /** For the holder of the stripe's monitor. */
        static void change(Stripe<Client> stripe, Client network, int by) {
            if (by == 0) {
                return;
            }
            if (network.open() == 0) {
                stripe.add(network);
            }
            if (network.change(by) == 0) {
                stripe.remove(network);
            }
        }
    }

    /** From the longest prefix to the shortest: in the order in which their monitors are taken. */
    private final List<Level> ipv4;

    private final List<Level> ipv6;

    private Networks(List<Level> levels) {
        ipv4 = ofFamily(levels, true);
        ipv6 = ofFamily(levels, false);
    }

    private static List<Level> ofFamily(List<Level> levels, boolean ipv4) {
        return levels.stream()
                .filter(level -> level.limit.ipv4() == ipv4)
                .sorted(Comparator.comparing((Level level) -> level.limit.length())
                        .reversed())
                .toList();
    }

    /**
     * Makes the networks of some lengths.
     *
     * @param present whose counts go on for the lengths that they have; {@code null} if there are none
     * @return {@code null} for no lengths
     */
    static Networks of(List<NetworkLimit> limits, Networks present) {
        if (limits.isEmpty()) {
            return null;
        }
        return new Networks(limits.stream()
                .map(limit -> {
                    Level same = present == null ? null : present.level(limit);
                    return same == null ? Level.of(limit) : new Level(limit, same.stripes);
                })
                .toList());
    }

    /**
     * These networks, with the limits that {@code present} has; those of other lengths count, and have no limit.
     *
     * @param present may be {@code null}
     */
    Networks whileInForce(Networks present) {
        List<Level> all = new ArrayList<>(present == null ? List.of() : present.levels());
        for (Level level : levels()) {
            if (present == null || present.level(level.limit) == null) {
                NetworkLimit none = new NetworkLimit(level.limit.ipv4(), level.limit.length(), Integer.MAX_VALUE);
                all.add(new Level(none, level.stripes));
            }
        }
        return new Networks(all);
    }

    /** Whether all lengths of these networks are among those of others, which may be {@code null}. */
    boolean areAllIn(Networks others) {
        return others != null && levels().stream().allMatch(level -> others.level(level.limit) != null);
    }

    private Level level(NetworkLimit limit) {
        return levels().stream()
                .filter(level -> level.hasLengthOf(limit))
                .findAny()
                .orElse(null);
    }

    private List<Level> levels() {
        return Stream.concat(ipv4.stream(), ipv6.stream()).toList();
    }

    private List<Level> levels(Client client) {
        return client.isIpv4() ? ipv4 : ipv6;
    }

    /**
     * Whether a network of a client is full at some moment of this call, as far as that can be told without waiting for anybody
     * and without allocating anything.
     *
     * @param high the first half of the client's address, and so is {@code low} the second
     * @param prefix the client's
     */
    boolean isOneFull(long high, long low, int prefix) {
        List<Level> levels = Client.isIpv4(high, low) ? ipv4 : ipv6;
        for (int i = 0; i < levels.size(); i++) {
            Level level = levels.get(i);
            if (level.limit.prefix() <= prefix && level.isFull(high, low)) {
                return true;
            }
        }
        return false;
    }

    /**
     * Counts the connections of a client in those of its networks that others do not have; for the holder of the monitor
     * of the client's part.
     *
     * @param others may be {@code null}
     */
    void addUnlessIn(Networks others, Client client) {
        for (Level level : levels(client)) {
            if (level.has(client) && (others == null || others.level(level.limit) == null)) {
                Stripe<Client> stripe = level.stripe(client);
                synchronized (stripe) {
                    Level.change(stripe, level.network(stripe, client), client.counted());
                }
            }
        }
    }

    /**
     * Counts something of a client in its networks as well; for the holder of the monitor of the client's part.
     *
     * @param count changes the client's counts, or leaves them; is told whether one of the networks is full
     * @return what {@code count} returns
     * @throws OutOfMemoryError and has counted nothing
     */
    <R> R count(Client client, Function<Boolean, R> count) {
        return count(levels(client), 0, client, false, count);
    }

    private static <R> R count(List<Level> levels, int at, Client client, boolean full, Function<Boolean, R> count) {
        if (at == levels.size()) {
            return count.apply(full);
        }
        Level level = levels.get(at);
        if (!level.has(client)) {
            return count(levels, at + 1, client, full, count);
        }
        Stripe<Client> stripe = level.stripe(client);
        synchronized (stripe) {
            Client network = level.network(stripe, client);
            int before = client.counted();
            try {
                return count(levels, at + 1, client, full || network.open() >= level.limit.limit(), count);
            } finally {
                Level.change(stripe, network, client.counted() - before);
            }
        }
    }

    /**
     * Counts one connection less of a client, and of its networks if it is not exempt; for the holder of the monitor of
     * the client's part. Allocates nothing.
     *
     * @return how many the client has now
     */
    int countDown(Client client, ClientTable.Part part) {
        return client.exempt() ? part.countDown(client) : countDown(levels(client), 0, client, part);
    }

    private static int countDown(List<Level> levels, int at, Client client, ClientTable.Part part) {
        if (at == levels.size()) {
            return part.countDown(client);
        }
        Level level = levels.get(at);
        if (!level.has(client)) {
            return countDown(levels, at + 1, client, part);
        }
        Stripe<Client> stripe = level.stripe(client);
        synchronized (stripe) {
            int open = countDown(levels, at + 1, client, part);
            Level.change(stripe, level.network(stripe, client), -1);
            return open;
        }
    }

    /** Passes all networks on, each with its limit, and without holding up anything. */
    void forEach(ObjIntConsumer<Client> action) {
        for (Level level : levels()) {
            for (Stripe<Client> stripe : level.stripes) {
                List<Client> networks;
                synchronized (stripe) {
                    networks = stripe.nodes();
                }
                networks.forEach(network -> action.accept(network, level.limit.limit()));
            }
        }
    }
}
