package io.github.connlimit;

/**
 * One more connection of a client, to be decided and counted as one step.
 *
 * @param inForce what holds for it
 * @param range of addresses that its client is in
 * @param part of the table that its client is in, or will be
 * @param client without connections if it is not in the table
 * @param permit counts as pending if it is
 */
record Attempt(
        ConnectionLimiter limiter,
        ConnectionLimiter.InForce inForce,
        RuleTable.Range range,
        ClientTable.Part part,
        Client client,
        ConnectionPermit permit,
        ConnectionLimiter.Counted what) {

    /**
     * Counts the connection, unless a limit would be exceeded, or even so in a dry run; for the holder of the part's
     * monitor.
     *
     * @param totalReached whether all clients together have as many as they may have
     * @return the limit that would be exceeded, or {@code null}
     */
    RefusalReason count(boolean totalReached) {
        Networks networks = part.networks();
        if (networks == null || range.exempt() && client.counted() == 0) {
            return count(totalReached, false);
        }
        return networks.count(client, networkFull -> count(totalReached, networkFull));
    }

    private RefusalReason count(boolean totalReached, boolean networkFull) {
        RefusalReason over = over(totalReached, networkFull);
        if (over == null || limits().dryRun()) {
            part.countUp(client, range.exempt());
            if (permit.isPending()) {
                client.countPending();
            }
            permit.bind(client);
        }
        return over;
    }

    private RefusalReason over(boolean totalReached, boolean networkFull) {
        if (ConnectionLimiter.reached(client.open(), range.limit()) && isEnforced()) {
            return RefusalReason.CONNECTIONS;
        }
        if (inForce.cluster() != null && isBeyondCluster() && isEnforced()) {
            return RefusalReason.CLUSTER;
        }
        if (hasTooManyPending() && isEnforced()) {
            return RefusalReason.PENDING;
        }
        if (totalReached) {
            return RefusalReason.TOTAL;
        }
        if (networkFull && !range.exempt() && isEnforced()) {
            return RefusalReason.NETWORK;
        }
        // The last: what is refused takes no token.
        return isTooSoon() && isEnforced() ? RefusalReason.RATE : null;
    }

    private boolean isBeyondCluster() {
        int open = client.open();
        return open >= limiter.allowed(limits(), inForce.cluster(), client, open, range.limit());
    }

    private ConnectionLimits limits() {
        return inForce.limits();
    }

    private boolean isEnforced() {
        return limiter.isEnforced(limits());
    }

    private boolean hasTooManyPending() {
        return permit.isPending() && ConnectionLimiter.hasTooManyPending(limits(), range, client);
    }

    private boolean isTooSoon() {
        Rate rate = what == ConnectionLimiter.Counted.REQUEST ? null : range.rate();
        return rate != null && !part.tryTakeToken(client, rate, limiter.nanoTime());
    }
}
