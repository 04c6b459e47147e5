package io.github.connlimit;

import static io.github.connlimit.LimiterStress.address;
import static io.github.connlimit.LimiterStress.usage;
import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;

import java.net.InetAddress;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.IIII_Result;
import org.openjdk.jcstress.infra.results.III_Result;

/** Two threads at one connection of a {@link ConnectionGate}; an outcome that is not listed is forbidden. */
public final class GateStress {

    private GateStress() {}

    /** One connection of a trusted proxy, and a clock that stands still unless it is moved. */
    abstract static class Connection implements ConnectionGate.Channels<String> {

        static final String CHANNEL = "channel";
        static final InetAddress PROXY = address(1);
        static final InetAddress CLIENT = address(2);

        private static final int TIMEOUT_MILLIS = 500;
        private static final ConnectionLimits LIMITS = ConnectionLimits.builder()
                .exempt("192.0.2.1")
                .handshakeTimeout(Duration.ofMillis(TIMEOUT_MILLIS))
                .build();

        final ConnectionLimiter limiter;
        final ConnectionGate<String> gate;
        private volatile long nowMillis;
        private int expiredFirstBytes;
        private int expiredHandshakes;

        /** What the connection says when its deadline has passed. */
        volatile boolean closesWhenExpired = true;

        Connection(ConnectionPhase phase) {
            limiter = new ConnectionLimiter(
                    LIMITS, () -> TimeUnit.MILLISECONDS.toNanos(nowMillis), LimiterStress.Silent.LOGGER);
            gate = new ConnectionGate<>(limiter);
            gate.admit(CHANNEL, PROXY, phase);
            // So that a deadline from before is told from one that is set now.
            nowMillis = TIMEOUT_MILLIS / 5;
        }

        boolean reassign() {
            return gate.reassign(CHANNEL, PROXY, CLIENT);
        }

        void sweepAt(long millis) {
            nowMillis = millis;
            gate.sweep(this);
        }

        @Override
        public boolean isOpen(String channel) {
            return true;
        }

        @Override
        public boolean closeExpired(String channel, ConnectionPhase phase) {
            if (phase == ConnectionPhase.FIRST_BYTE) {
                expiredFirstBytes++;
            } else {
                expiredHandshakes++;
            }
            return closesWhenExpired;
        }

        int expiredFirstBytes() {
            return expiredFirstBytes;
        }

        int expiredHandshakes() {
            return expiredHandshakes;
        }

        /** How many connections the two addresses have, those of the proxy as tens. */
        int open() {
            return 10 * limiter.openConnections(PROXY) + limiter.openConnections(CLIENT);
        }

        int pending() {
            return usage(limiter).pendingConnections();
        }

        /** Whether any deadline waits, also one of a connection that is gone: the gate wants to be called for it sooner. */
        int deadlines() {
            nowMillis = TIMEOUT_MILLIS / 5 * 2;
            return gate.sweep(this) <= TIMEOUT_MILLIS ? 1 : 0;
        }
    }

    /** Connections of a trusted proxy, under a limit of all together. */
    abstract static class Total {

        static final InetAddress PROXY = Connection.PROXY;

        final ConnectionLimiter limiter;
        final ConnectionGate<Integer> gate;

        /** @param proxied how many connections the proxy has; each has its number for a channel */
        Total(int maxTotal, int proxied) {
            limiter = LimiterStress.limiter(ConnectionLimits.builder()
                    .maxTotal(maxTotal)
                    .exempt("192.0.2.1")
                    .build());
            gate = new ConnectionGate<>(limiter);
            for (int channel = 0; channel < proxied; channel++) {
                gate.admit(channel, PROXY);
            }
        }

        int reassign(int channel) {
            return gate.reassign(channel, PROXY, address(10 + channel)) ? 1 : 0;
        }

        int acquire(int client) {
            return limiter.tryAcquire(address(client)).isPresent() ? 1 : 0;
        }
    }

    /** Two connections are reassigned at once where there is no room for another one. */
    @JCStressTest
    @Outcome(id = "1, 1, 2", expect = ACCEPTABLE, desc = "each takes the place that it has")
    @State
    public static class ReassignTwoAtTheTotal extends Total {

        public ReassignTwoAtTheTotal() {
            super(2, 2);
        }

        @Actor
        public void first(III_Result result) {
            result.r1 = reassign(0);
        }

        @Actor
        public void second(III_Result result) {
            result.r2 = reassign(1);
        }

        @Arbiter
        public void count(III_Result result) {
            result.r3 = (int) limiter.snapshot(0).openConnections() + acquire(7);
        }
    }

    /** A connection is reassigned while another one comes for the last place. */
    @JCStressTest
    @Outcome(id = "1, 1, 0", expect = ACCEPTABLE, desc = "there is room for one, and for no more")
    @State
    public static class ReassignWhileTheLastPlaceIsTaken extends Total {

        public ReassignWhileTheLastPlaceIsTaken() {
            super(2, 1);
        }

        @Actor
        public void reassigned(III_Result result) {
            result.r1 = reassign(0);
        }

        @Actor
        public void comes(III_Result result) {
            result.r2 = acquire(7);
        }

        @Arbiter
        public void count(III_Result result) {
            result.r3 = acquire(8);
        }
    }

    /** A connection ends while it is reassigned: its place is free, and no other one. */
    @JCStressTest
    @Outcome(id = "1, 0, 1", expect = ACCEPTABLE, desc = "there is room for one, and for no more")
    @State
    public static class ReleaseReassignAtTheTotal extends Total {

        public ReleaseReassignAtTheTotal() {
            super(1, 1);
        }

        @Actor
        public void release() {
            gate.release(0);
        }

        @Actor
        public void reassigned() {
            reassign(0);
        }

        @Arbiter
        public void count(III_Result result) {
            result.r1 = acquire(7);
            result.r2 = acquire(8);
            result.r3 = (int) limiter.snapshot(0).openConnections();
        }
    }

    /** The connection ends while it is reassigned. */
    @JCStressTest
    @Outcome(id = "0, 0, 0, 0", expect = ACCEPTABLE, desc = "nothing is left")
    @State
    public static class ReleaseReassign extends Connection {

        public ReleaseReassign() {
            super(ConnectionPhase.FIRST_BYTE);
        }

        @Actor
        public void release() {
            gate.release(CHANNEL);
        }

        @Actor
        public void reassigned() {
            reassign();
        }

        @Arbiter
        public void count(IIII_Result result) {
            result.r1 = open();
            result.r2 = pending();
            result.r3 = deadlines();
            result.r4 = (int) gate.openConnections();
        }
    }

    /** The first byte comes while the connection is reassigned. */
    @JCStressTest
    @Outcome(id = "1, 0, 0", expect = ACCEPTABLE, desc = "counted for the client, neither pending nor with a deadline")
    @State
    public static class EstablishedReassign extends Connection {

        public EstablishedReassign() {
            super(ConnectionPhase.FIRST_BYTE);
        }

        @Actor
        public void established() {
            gate.established(CHANNEL);
        }

        @Actor
        public void reassigned() {
            reassign();
        }

        @Arbiter
        public void count(III_Result result) {
            result.r1 = open();
            result.r2 = pending();
            result.r3 = deadlines();
        }
    }

    /** The handshake ends while the connection is reassigned: the deadline of the first byte holds, and only that. */
    @JCStressTest
    @Outcome(id = "1, 0, 0, 1", expect = ACCEPTABLE, desc = "not pending; the first byte has its whole time")
    @State
    public static class HandshakeReassign extends Connection {

        public HandshakeReassign() {
            super(ConnectionPhase.HANDSHAKE);
        }

        @Actor
        public void handshakeCompleted() {
            gate.handshakeCompleted(CHANNEL);
        }

        @Actor
        public void reassigned() {
            reassign();
        }

        @Arbiter
        public void count(IIII_Result result) {
            result.r1 = open();
            result.r2 = pending();
            sweepAt(550);
            result.r3 = expiredHandshakes() + expiredFirstBytes();
            sweepAt(600);
            result.r4 = 10 * expiredHandshakes() + expiredFirstBytes();
        }
    }

    /** The first byte comes while another thread notes the end of the handshake. */
    @JCStressTest
    @Outcome(id = "10, 0, 0", expect = ACCEPTABLE, desc = "neither pending nor with a deadline")
    @State
    public static class EstablishedHandshake extends Connection {

        public EstablishedHandshake() {
            super(ConnectionPhase.HANDSHAKE);
        }

        @Actor
        public void handshakeCompleted() {
            gate.handshakeCompleted(CHANNEL);
        }

        @Actor
        public void established() {
            gate.established(CHANNEL);
        }

        @Arbiter
        public void count(III_Result result) {
            result.r1 = open();
            result.r2 = pending();
            result.r3 = deadlines();
        }
    }

    /** The connection ends while the end of its handshake is noted. */
    @JCStressTest
    @Outcome(id = "0, 0, 0", expect = ACCEPTABLE, desc = "nothing is left")
    @State
    public static class HandshakeRelease extends Connection {

        public HandshakeRelease() {
            super(ConnectionPhase.HANDSHAKE);
        }

        @Actor
        public void handshakeCompleted() {
            gate.handshakeCompleted(CHANNEL);
        }

        @Actor
        public void release() {
            gate.release(CHANNEL);
        }

        @Arbiter
        public void count(III_Result result) {
            result.r1 = open();
            result.r2 = pending();
            result.r3 = deadlines();
        }
    }

    /** The deadline has passed, and the connection ends just when it is to be closed for that. */
    @JCStressTest
    @Outcome(
            id = {"0, 0, 0", "0, 0, 1"},
            expect = ACCEPTABLE,
            desc = "nothing is left, timed out or not")
    @State
    public static class SweepRelease extends Connection {

        public SweepRelease() {
            super(ConnectionPhase.FIRST_BYTE);
        }

        @Actor
        public void sweep() {
            sweepAt(500);
        }

        @Actor
        public void release() {
            gate.release(CHANNEL);
        }

        @Arbiter
        public void count(III_Result result) {
            result.r1 = 10 * open() + (int) gate.openConnections();
            result.r2 = pending();
            sweepAt(2000);
            result.r3 = expiredFirstBytes();
        }
    }

    /** The deadline has passed, the first byte has come in fact, and the connection is reassigned. */
    @JCStressTest
    @Outcome(id = "1, 0, 0", expect = ACCEPTABLE, desc = "counted for the client, neither pending nor with a deadline")
    @State
    public static class SweepReassign extends Connection {

        public SweepReassign() {
            super(ConnectionPhase.FIRST_BYTE);
            closesWhenExpired = false;
        }

        @Actor
        public void sweep() {
            sweepAt(500);
        }

        @Actor
        public void reassigned() {
            reassign();
        }

        @Arbiter
        public void count(III_Result result) {
            // Whatever was reassigned too late for that sweep is the next one's.
            sweepAt(501);
            result.r1 = open();
            result.r2 = pending();
            result.r3 = deadlines();
        }
    }
}
