package io.github.connlimit;

import java.net.InetAddress;

/** A program for a JVM with little memory, which runs out of it again and again while it counts. */
final class OutOfMemory {

    private static final int CLIENTS = 2000;
    private static final int ROUNDS = 40;

    /** A link of the chain that fills the memory. */
    private static final class Ballast {

        private final Ballast next;
        private final byte[] weight;

        private Ballast(Ballast next, int weight) {
            this.next = next;
            this.weight = weight == 0 ? null : new byte[weight];
        }
    }

    private final ConnectionLimiter limiter;
    private final ConnectionGate<Integer> gate;
    private final InetAddress[] addresses = new InetAddress[CLIENTS];
    private final Integer[] channels = new Integer[CLIENTS];
    private final ConnectionPermit[] permits = new ConnectionPermit[CLIENTS];
    private Ballast ballast;
    private int failures;
    private int admitted;

    private OutOfMemory(String networkLimits) {
        limiter = new ConnectionLimiter(ConnectionLimits.builder()
                .maxPerClient(2)
                .networkLimits(networkLimits)
                .build());
        gate = new ConnectionGate<>(limiter);
        for (int i = 0; i < CLIENTS; i++) {
            addresses[i] = Addresses.ipv4(0x0a00_0000 + i);
            channels[i] = i;
        }
    }

    public static void main(String... args) {
        OutOfMemory scenario = new OutOfMemory(args.length == 0 ? "" : args[0]);
        try {
            scenario.run();
        } catch (Throwable error) {
            scenario.ballast = null;
            throw error;
        }
    }

    private void run() {
        // Once with all the memory that it takes, for all classes to be loaded.
        open();
        close();
        check(failures == 0, "failed with memory");
        for (int round = 0; round < ROUNDS; round++) {
            fill();
            leave(round * 7);
            open();
            if (round % 2 == 0) {
                ballast = null;
            }
            close();
            ballast = null;
            LimiterSnapshot snapshot = limiter.snapshot();
            check(snapshot.openConnections() == 0, "connections are left");
            check(snapshot.clients() == 0, "clients are left");
            check(snapshot.topNetworks().isEmpty(), "networks are left");
            check(gate.openConnections() == 0, "permits are left");
        }
        check(failures >= ROUNDS, "memory ran out too rarely");
        check(admitted > ROUNDS, "hardly anything was admitted");
        System.out.println("counts are right, after " + failures + " failures and " + admitted + " connections");
    }

    private void check(boolean holds, String otherwise) {
        if (!holds) {
            throw new IllegalStateException(otherwise);
        }
    }

    private void fill() {
        // In few pieces, as each collection follows the whole chain.
        fill(1 << 18);
        fill(1 << 10);
        fill(0);
    }

    private void fill(int weight) {
        try {
            while (true) {
                ballast = new Ballast(ballast, weight);
            }
        } catch (OutOfMemoryError full) {
            // As intended.
        }
    }

    private void leave(int links) {
        for (int i = 0; i < links && ballast.weight == null; i++) {
            ballast = ballast.next;
        }
    }

    /** Until memory has run out a few times; each collection takes its time. */
    private void open() {
        int most = failures + 4;
        for (int i = 0; i < CLIENTS && failures < most; i++) {
            try {
                permits[i] = limiter.tryAcquire(addresses[i]).orElse(null);
                admitted++;
            } catch (OutOfMemoryError full) {
                failures++;
            }
            if (gate.admit(channels[i], addresses[i], ConnectionPhase.FIRST_BYTE)) {
                admitted++;
            } else {
                failures++;
            }
        }
    }

    private void close() {
        for (int i = 0; i < CLIENTS; i++) {
            gate.release(channels[i]);
            if (permits[i] != null) {
                permits[i].close();
                permits[i] = null;
            }
        }
    }
}
