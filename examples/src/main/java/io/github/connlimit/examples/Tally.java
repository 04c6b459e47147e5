package io.github.connlimit.examples;

import io.github.connlimit.Cidr;
import io.github.connlimit.ClientUsage;
import io.github.connlimit.LimiterListener;
import io.github.connlimit.RefusalReason;
import java.net.InetAddress;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** How many connections of each client were admitted and refused. This class is thread-safe. */
final class Tally implements LimiterListener {

    private static final int IPV4_BITS = 32;

    private final Map<Cidr, Count> counts = new ConcurrentHashMap<>();

    @Override
    public void admitted(ClientUsage client) {
        counts.merge(client.client(), new Count(1, 0), Count::plus);
    }

    @Override
    public void refused(ClientUsage client, RefusalReason reason, boolean dryRun) {
        counts.merge(client.client(), new Count(0, 1), Count::plus);
    }

    /** The count of the client that is this one IPv4 address. */
    Count of(InetAddress address) {
        return counts.getOrDefault(Cidr.of(address, IPV4_BITS), Count.NONE);
    }

    /** How many connections got in and how many did not. */
    record Count(int admitted, int refused) {

        static final Count NONE = new Count(0, 0);

        Count plus(Count other) {
            return new Count(admitted + other.admitted, refused + other.refused);
        }

        Count since(Count earlier) {
            return new Count(admitted - earlier.admitted, refused - earlier.refused);
        }

        @Override
        public String toString() {
            return admitted + " admitted, " + refused + " refused";
        }
    }
}
