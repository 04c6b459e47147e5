package io.github.connlimit;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.List;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.IIII_Result;
import org.openjdk.jcstress.infra.results.III_Result;
import org.openjdk.jcstress.infra.results.II_Result;
import org.openjdk.jcstress.infra.results.I_Result;

/** Two threads at one {@link ConnectionLimiter}; an outcome that is not listed is forbidden. */
public final class LimiterStress {

    static final InetAddress CLIENT = address(1);
    private static final InetAddress OTHER = address(2);

    private LimiterStress() {}

    static InetAddress address(int last) {
        try {
            return InetAddress.getByAddress(new byte[] {(byte) 192, 0, 2, (byte) last});
        } catch (UnknownHostException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    static ConnectionLimits limit(int connections) {
        return ConnectionLimits.builder().maxPerClient(connections).build();
    }

    /** What there is to see of the first client, of which there is one at most here. */
    static ClientUsage usage(ConnectionLimiter limiter) {
        List<ClientUsage> clients = limiter.snapshot().topClients();
        return clients.isEmpty() ? new ClientUsage(Cidr.of(CLIENT, 32), 0, 0, 0, 0) : clients.get(0);
    }

    /** No log, since reconfiguring writes one. */
    static final class Silent implements System.Logger {

        static final System.Logger LOGGER = new Silent();

        @Override
        public String getName() {
            return "silent";
        }

        @Override
        public boolean isLoggable(Level level) {
            return false;
        }

        @Override
        public void log(Level level, java.util.ResourceBundle bundle, String message, Throwable thrown) {
            fail(level, message);
        }

        @Override
        public void log(Level level, java.util.ResourceBundle bundle, String format, Object... parameters) {
            fail(level, format);
        }

        private static void fail(Level level, String message) {
            if (level.getSeverity() > Level.INFO.getSeverity()) {
                throw new AssertionError(message);
            }
        }
    }

    static ConnectionLimiter limiter(ConnectionLimits limits) {
        return new ConnectionLimiter(limits, System::nanoTime, Silent.LOGGER);
    }

    static int tryAcquire(ConnectionLimiter limiter) {
        return limiter.tryAcquire(CLIENT).isPresent() ? 1 : 0;
    }

    /** One permit closed by two threads at once. */
    @JCStressTest
    @Outcome(id = "1, 1", expect = ACCEPTABLE, desc = "given back once; the other connection stays counted")
    @State
    public static class DoubleClose {

        private static final ConnectionLimits LIMITS = limit(2);

        private final ConnectionLimiter limiter = limiter(LIMITS);
        private final ConnectionPermit twice = limiter.tryAcquire(CLIENT).orElseThrow();

        public DoubleClose() {
            limiter.tryAcquire(CLIENT).orElseThrow();
        }

        @Actor
        public void close() {
            twice.close();
        }

        @Actor
        public void closeToo() {
            twice.close();
        }

        @Arbiter
        public void count(II_Result result) {
            result.r1 = limiter.openConnections(CLIENT);
            result.r2 = (int) limiter.snapshot().openConnections();
        }
    }

    /** Two connections and one place. */
    @JCStressTest
    @Outcome(
            id = {"1, 0, 1", "0, 1, 1"},
            expect = ACCEPTABLE,
            desc = "one is admitted")
    @State
    public static class LastPlace {

        private static final ConnectionLimits LIMITS = limit(2);

        private final ConnectionLimiter limiter = limiter(LIMITS);

        public LastPlace() {
            limiter.tryAcquire(CLIENT).orElseThrow();
        }

        @Actor
        public void acquire(III_Result result) {
            result.r1 = tryAcquire(limiter);
        }

        @Actor
        public void acquireToo(III_Result result) {
            result.r2 = tryAcquire(limiter);
        }

        @Arbiter
        public void count(III_Result result) {
            result.r3 = limiter.openConnections(CLIENT) - 1;
        }
    }

    /** Two connections of two clients, and one place for all. */
    @JCStressTest
    @Outcome(
            id = {"1, 0, 1", "0, 1, 1"},
            expect = ACCEPTABLE,
            desc = "one is admitted")
    @State
    public static class LastPlaceOfAll {

        private static final ConnectionLimits LIMITS =
                ConnectionLimits.builder().maxTotal(2).build();

        private final ConnectionLimiter limiter = limiter(LIMITS);

        public LastPlaceOfAll() {
            limiter.tryAcquire(CLIENT).orElseThrow();
        }

        @Actor
        public void acquire(III_Result result) {
            result.r1 = tryAcquire(limiter);
        }

        @Actor
        public void acquireForAnother(III_Result result) {
            result.r2 = limiter.tryAcquire(OTHER).isPresent() ? 1 : 0;
        }

        @Arbiter
        public void count(III_Result result) {
            result.r3 = (int) limiter.snapshot().openConnections() - 1;
        }
    }

    /** A connection comes where the total is far, while others come until it is reached. */
    @JCStressTest
    @Outcome(id = "65, 66", expect = ACCEPTABLE, desc = "all places are taken, and no more")
    @State
    public static class FarFromTheTotal {

        private static final int TOTAL = 66;
        private static final ConnectionLimits LIMITS =
                ConnectionLimits.builder().maxTotal(TOTAL).build();

        private final ConnectionLimiter limiter = limiter(LIMITS);
        private int first;
        private int others;

        public FarFromTheTotal() {
            limiter.tryAcquire(address(1)).orElseThrow();
        }

        @Actor
        public void comes() {
            first = limiter.tryAcquire(address(2)).isPresent() ? 1 : 0;
        }

        @Actor
        public void othersCome() {
            for (int client = 3; client < TOTAL + 10; client++) {
                others += limiter.tryAcquire(address(client)).isPresent() ? 1 : 0;
            }
        }

        @Arbiter
        public void count(II_Result result) {
            result.r1 = first + others;
            result.r2 = (int) limiter.snapshot(0).openConnections();
        }
    }

    /** A client's connection comes while the one that takes the last place of all goes. */
    @JCStressTest
    @Outcome(id = "0, 0", expect = ACCEPTABLE, desc = "refused before the place was free")
    @Outcome(id = "1, 1", expect = ACCEPTABLE, desc = "admitted after the place was free")
    @State
    public static class CloseAtTheTotal {

        private static final ConnectionLimits LIMITS =
                ConnectionLimits.builder().maxTotal(1).build();

        private final ConnectionLimiter limiter = limiter(LIMITS);
        private final ConnectionPermit present = limiter.tryAcquire(OTHER).orElseThrow();

        @Actor
        public void close() {
            present.close();
        }

        @Actor
        public void acquire(II_Result result) {
            result.r1 = tryAcquire(limiter);
        }

        @Arbiter
        public void count(II_Result result) {
            result.r2 = (int) limiter.snapshot().openConnections();
        }
    }

    /** Two connections of two clients, and one place in the network of both, which is in a wider one. */
    @JCStressTest
    @Outcome(
            id = {"1, 0, 1", "0, 1, 1"},
            expect = ACCEPTABLE,
            desc = "one is admitted")
    @State
    public static class LastPlaceOfTheNetwork {

        private static final ConnectionLimits LIMITS =
                ConnectionLimits.builder().networkLimits("ipv4/24=2, ipv4/8=3").build();

        private final ConnectionLimiter limiter = limiter(LIMITS);

        public LastPlaceOfTheNetwork() {
            limiter.tryAcquire(CLIENT).orElseThrow();
        }

        @Actor
        public void acquire(III_Result result) {
            result.r1 = tryAcquire(limiter);
        }

        @Actor
        public void acquireForAnother(III_Result result) {
            result.r2 = limiter.tryAcquire(OTHER).isPresent() ? 1 : 0;
        }

        @Arbiter
        public void count(III_Result result) {
            result.r3 = limiter.snapshot().topNetworks().get(0).openConnections() - 1;
        }
    }

    /** A client's connection comes while the one goes that takes the last place of both networks. */
    @JCStressTest
    @Outcome(id = "0, 0", expect = ACCEPTABLE, desc = "refused before the place was free")
    @Outcome(id = "1, 2", expect = ACCEPTABLE, desc = "admitted after the place was free")
    @State
    public static class CloseAtTheNetwork {

        private static final ConnectionLimits LIMITS =
                ConnectionLimits.builder().networkLimits("ipv4/24=1, ipv4/8=1").build();

        private final ConnectionLimiter limiter = limiter(LIMITS);
        private final ConnectionPermit present = limiter.tryAcquire(OTHER).orElseThrow();

        @Actor
        public void close() {
            present.close();
        }

        @Actor
        public void acquire(II_Result result) {
            result.r1 = tryAcquire(limiter);
        }

        @Arbiter
        public void count(II_Result result) {
            result.r2 = limiter.snapshot().topNetworks().size();
        }
    }

    /** The last connection of a client closes while the network that it is in gets a limit, and its count. */
    @JCStressTest
    @Outcome(id = "0", expect = ACCEPTABLE, desc = "the network has gone with its last connection")
    @State
    public static class CloseWhileNetworksAreCounted {

        private static final ConnectionLimits LIMITS =
                ConnectionLimits.builder().networkLimits("ipv4/24=1, ipv4/8=1").build();

        private final ConnectionLimiter limiter = limiter(ConnectionLimits.defaults());
        private final ConnectionPermit present = limiter.tryAcquire(OTHER).orElseThrow();

        @Actor
        public void close() {
            present.close();
        }

        @Actor
        public void reconfigure() {
            limiter.reconfigure(LIMITS);
        }

        @Arbiter
        public void count(I_Result result) {
            result.r1 = limiter.snapshot().topNetworks().size();
        }
    }

    /** A connection comes while the one that takes the client's last place goes. */
    @JCStressTest
    @Outcome(id = "0, 0", expect = ACCEPTABLE, desc = "refused before the place was free")
    @Outcome(id = "1, 1", expect = ACCEPTABLE, desc = "admitted after the place was free")
    @State
    public static class CloseAtTheLimit {

        private static final ConnectionLimits LIMITS = limit(1);

        private final ConnectionLimiter limiter = limiter(LIMITS);
        private final ConnectionPermit present = limiter.tryAcquire(CLIENT).orElseThrow();

        @Actor
        public void close() {
            present.close();
        }

        @Actor
        public void acquire(II_Result result) {
            result.r1 = tryAcquire(limiter);
        }

        @Arbiter
        public void count(II_Result result) {
            result.r2 = limiter.openConnections(CLIENT);
        }
    }

    /** A client's last connection goes, and with it the client's entry, while its next one comes. */
    @JCStressTest
    @Outcome(id = "1, 1, 1, 0", expect = ACCEPTABLE, desc = "counted in an entry that is found, and gone with it")
    @State
    public static class LastReleaseFirstAcquire {

        private static final ConnectionLimits LIMITS = limit(2);

        private final ConnectionLimiter limiter = limiter(LIMITS);
        private final ConnectionPermit last = limiter.tryAcquire(CLIENT).orElseThrow();
        private ConnectionPermit first;

        @Actor
        public void close() {
            last.close();
        }

        @Actor
        public void acquire() {
            first = limiter.tryAcquire(CLIENT).orElse(null);
        }

        @Arbiter
        public void count(IIII_Result result) {
            result.r1 = first == null ? 0 : 1;
            result.r2 = limiter.openConnections(CLIENT);
            result.r3 = (int) limiter.snapshot().clients();
            first.close();
            result.r4 = (int) limiter.snapshot().clients();
        }
    }

    /** A connection comes while the limit is lowered to what the client has already. */
    @JCStressTest
    @Outcome(id = "1, 0, 1", expect = ACCEPTABLE, desc = "refused: the limit was lowered before")
    @Outcome(id = "2, 1, 2", expect = ACCEPTABLE, desc = "admitted before the limit was lowered")
    @State
    public static class LowerTheLimit {

        private static final ConnectionLimits BEFORE = limit(2);
        private static final ConnectionLimits AFTER = limit(1);

        private final ConnectionLimiter limiter = limiter(BEFORE);

        public LowerTheLimit() {
            limiter.tryAcquire(CLIENT).orElseThrow();
        }

        @Actor
        public void reconfigure(III_Result result) {
            limiter.reconfigure(AFTER);
            // From here on, nobody is admitted under the old limit.
            result.r1 = limiter.openConnections(CLIENT);
        }

        @Actor
        public void acquire(III_Result result) {
            result.r2 = tryAcquire(limiter);
        }

        @Arbiter
        public void count(III_Result result) {
            result.r3 = limiter.openConnections(CLIENT);
        }
    }

    /** A connection comes while the limit is lowered and then one is closed, which makes no room under the new limit. */
    @JCStressTest
    @Outcome(id = "0, 1", expect = ACCEPTABLE, desc = "refused under the old limit or the new one")
    @State
    public static class LowerTheLimitAndClose {

        private static final ConnectionLimits BEFORE = limit(2);
        private static final ConnectionLimits AFTER = limit(1);

        private final ConnectionLimiter limiter = limiter(BEFORE);
        private final ConnectionPermit second;

        public LowerTheLimitAndClose() {
            limiter.tryAcquire(CLIENT).orElseThrow();
            second = limiter.tryAcquire(CLIENT).orElseThrow();
        }

        @Actor
        public void reconfigure() {
            limiter.reconfigure(AFTER);
            second.close();
        }

        @Actor
        public void acquire(II_Result result) {
            result.r1 = tryAcquire(limiter);
        }

        @Arbiter
        public void count(II_Result result) {
            result.r2 = limiter.openConnections(CLIENT);
        }
    }

    /** The limit is raised and then reached again, as far as it was before: there is room at every moment. */
    @JCStressTest
    @Outcome(id = "1, 1, 3", expect = ACCEPTABLE, desc = "admitted under the old limit or the new one")
    @State
    public static class RaiseTheLimitAndAcquire {

        private static final ConnectionLimits BEFORE = limit(2);
        private static final ConnectionLimits AFTER = limit(3);

        private final ConnectionLimiter limiter = limiter(BEFORE);

        public RaiseTheLimitAndAcquire() {
            limiter.tryAcquire(CLIENT).orElseThrow();
        }

        @Actor
        public void reconfigure(III_Result result) {
            limiter.reconfigure(AFTER);
            result.r1 = tryAcquire(limiter);
        }

        @Actor
        public void acquire(III_Result result) {
            result.r2 = tryAcquire(limiter);
        }

        @Arbiter
        public void count(III_Result result) {
            result.r3 = limiter.openConnections(CLIENT);
        }
    }

    /** A stream begins on a connection that is closed; another connection keeps the client's entry. */
    @JCStressTest
    @Outcome(id = "1, 0", expect = ACCEPTABLE, desc = "no stream is left of a closed connection")
    @State
    public static class BeginStreamClose {

        private static final ConnectionLimits LIMITS =
                limit(7).toBuilder().reservedConnections(1).build();

        private final ConnectionLimiter limiter = limiter(LIMITS);
        private final ConnectionPermit permit = limiter.tryAcquire(CLIENT).orElseThrow();

        public BeginStreamClose() {
            limiter.tryAcquire(CLIENT).orElseThrow();
        }

        @Actor
        public void begin() {
            permit.tryBeginStream();
        }

        @Actor
        public void close() {
            permit.close();
        }

        @Arbiter
        public void count(II_Result result) {
            result.r1 = usage(limiter).openConnections();
            result.r2 = usage(limiter).streams();
        }
    }

    /** A stream ends while its connection is closed. */
    @JCStressTest
    @Outcome(id = "1, 0", expect = ACCEPTABLE, desc = "uncounted once")
    @State
    public static class EndStreamClose {

        private static final ConnectionLimits LIMITS = limit(2);

        private final ConnectionLimiter limiter = limiter(LIMITS);
        private final ConnectionPermit permit = limiter.tryAcquire(CLIENT).orElseThrow();
        private final ConnectionPermit.Stream stream = permit.tryBeginStream().orElseThrow();

        public EndStreamClose() {
            limiter.tryAcquire(CLIENT).orElseThrow();
        }

        @Actor
        public void end() {
            stream.close();
        }

        @Actor
        public void close() {
            permit.close();
        }

        @Arbiter
        public void count(II_Result result) {
            result.r1 = usage(limiter).openConnections();
            result.r2 = usage(limiter).streams();
        }
    }

    /** One stream of a connection ends while another one begins. */
    @JCStressTest
    @Outcome(
            id = "1, 1, 0",
            expect = ACCEPTABLE,
            desc = "the connection counts as one stream, until the other has ended")
    @State
    public static class EndStreamBeginStream {

        private static final ConnectionLimits LIMITS = limit(2);

        private final ConnectionLimiter limiter = limiter(LIMITS);
        private final ConnectionPermit permit = limiter.tryAcquire(CLIENT).orElseThrow();
        private final ConnectionPermit.Stream first = permit.tryBeginStream().orElseThrow();
        private ConnectionPermit.Stream second;

        @Actor
        public void end() {
            first.close();
        }

        @Actor
        public void begin() {
            second = permit.tryBeginStream().orElse(null);
        }

        @Arbiter
        public void count(III_Result result) {
            result.r1 = second == null ? 0 : 1;
            result.r2 = usage(limiter).streams();
            second.close();
            result.r3 = usage(limiter).streams();
        }
    }
}
