package io.github.connlimit.benchmarks.counting;

import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.benchmarks.Clients;
import io.github.connlimit.benchmarks.Contender;
import io.github.connlimit.benchmarks.Counter;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/** The operations of a {@link Counter}, for JMH. */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class CountingBenchmark {

    /** Counts a connection and counts it down again. */
    @Benchmark
    public Object pair(Counts counts, Caller caller) {
        int client = caller.nextClient();
        Object acquired = counts.counter.acquire(client, caller);
        counts.counter.release(client, caller, acquired);
        return acquired;
    }

    /** Refuses a connection of a client that is at its limit. */
    @Benchmark
    public Object refusal(Counts counts, Caller caller) {
        return counts.counter.acquire(caller.nextClient(), caller);
    }

    /** Asks how many connections a client has. */
    @Benchmark
    public int open(Counts counts, Caller caller) {
        return counts.counter.open(caller.nextClient());
    }

    /** What all threads share. */
    @State(Scope.Benchmark)
    public static class Counts {

        @Param
        public Contender contender;

        @Param
        public Scenario scenario;

        private Clients clients;
        private Counter counter;

        /** Opens the connections that are open from the beginning. */
        @Setup
        public void open() {
            clients = scenario.clients();
            counter = contender.counter(clients, limits());
            for (int client = 0; client < clients.count(); client++) {
                for (int i = 0; i < scenario.held(); i++) {
                    counter.acquire(client, new Object());
                }
            }
            checkHeld();
        }

        private ConnectionLimits limits() {
            ConnectionLimits.Builder limits = ConnectionLimits.builder().maxPerClient(scenario.limit());
            for (int i = 0; i < scenario.rules(); i++) {
                // Blocks of 256 addresses, evenly over the address space.
                long block = (long) i * (1 << 24) / scenario.rules();
                String cidr = (block >> 16) + "." + (block >> 8 & 0xff) + "." + (block & 0xff) + ".0/24";
                limits.limit(cidr, scenario.limit() + 1);
            }
            scenario.settings().forEach(limits::set);
            return limits.build();
        }

        /** Nothing was lost or counted twice; otherwise the figure would be that of another thing. */
        @TearDown
        public void checkHeld() {
            for (int client = 0; client < clients.count(); client++) {
                if (counter.open(client) != scenario.held()) {
                    throw new IllegalStateException(contender + " has " + counter.open(client)
                            + " connections of a client with " + scenario.held());
                }
            }
        }
    }

    /** What each thread has of its own: which client is next. It also stands for the thread's connection. */
    @State(Scope.Thread)
    public static class Caller {

        private int clients;
        private long random;

        @Setup
        public void seed(Counts counts) {
            clients = counts.clients.count();
            random = new SplittableRandom().nextLong() | 1;
        }

        private int nextClient() {
            if (clients == 1) {
                return 0;
            }
            // xorshift64: a nanosecond, the same for all that are compared.
            random ^= random << 13;
            random ^= random >>> 7;
            random ^= random << 17;
            return (int) ((random >>> 32) * clients >>> 32);
        }
    }
}
