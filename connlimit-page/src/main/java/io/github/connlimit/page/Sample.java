package io.github.connlimit.page;

import io.github.connlimit.ConnectionPhase;
import io.github.connlimit.LimiterSnapshot;
import io.github.connlimit.RefusalReason;

/** What the plots show of one moment: connections that are open, and totals. */
record Sample(
        long nanoTime,
        long open,
        long admitted,
        long connections,
        long pending,
        long streams,
        long handshake,
        long firstByte,
        long wouldRefuse,
        long wouldTimeOut) {

    static Sample of(long nanoTime, LimiterSnapshot now) {
        return new Sample(
                nanoTime,
                now.openConnections(),
                now.admitted(),
                now.refusals().get(RefusalReason.CONNECTIONS),
                now.refusals().get(RefusalReason.PENDING),
                now.refusals().get(RefusalReason.STREAMS),
                now.timeOuts().get(ConnectionPhase.HANDSHAKE),
                now.timeOuts().get(ConnectionPhase.FIRST_BYTE),
                now.dryRunRefused(),
                now.dryRunTimedOut());
    }
}
