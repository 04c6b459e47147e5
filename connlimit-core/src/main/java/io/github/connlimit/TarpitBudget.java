package io.github.connlimit;

import java.util.HashMap;
import java.util.Map;

/** Bounds how many refused connections are held at a time, over all tarpits of a limiter. This class is thread-safe. */
final class TarpitBudget {

    /** How many each client has, in arrays of one, so that giving back allocates nothing. Guarded by this. */
    private final Map<Cidr, int[]> perClient = new HashMap<>();

    /** Guarded by this. */
    private int open;

    /**
     * Takes a place.
     *
     * @param most how many there may be; a client gets half of them
     * @return false if there is none
     */
    synchronized boolean tryTake(Cidr client, int most) {
        int[] ofClient = perClient.get(client);
        if (open >= most || ofClient != null && ofClient[0] >= most / 2) {
            return false;
        }
        if (ofClient == null) {
            perClient.put(client, new int[] {1});
        } else {
            ofClient[0]++;
        }
        open++;
        return true;
    }

    synchronized void free(Cidr client) {
        open--;
        int[] ofClient = perClient.get(client);
        if (--ofClient[0] == 0) {
            perClient.remove(client);
        }
    }

    synchronized int open() {
        return open;
    }
}
