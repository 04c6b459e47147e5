package io.github.connlimit;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.ResourceBundle;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Whatever a gate calls fails once, at every point of a story in turn: the clock, the logger, the listener,
 * the adapter and the connection itself. No adapter hears of it, no count is lost and none is
 * left over, and the limit is exact afterwards.
 */
class GateFaultTest implements ConnectionGate.Channels<GateFaultTest.Name> {

    private static final InetAddress PEER = Addresses.ip("192.0.2.1");
    private static final InetAddress PROXY = Addresses.ip("192.0.2.9");
    private static final InetAddress BEHIND = Addresses.ip("2001:db8::1");
    private static final List<InetAddress> CLIENTS = List.of(PEER, PROXY, BEHIND);
    private static final int LIMIT = 2;

    static List<Supplier<Throwable>> faults() {
        return List.of(
                () -> new OutOfMemoryError("made up"),
                () -> new StackOverflowError("made up"),
                () -> new IllegalStateException("made up"),
                () -> new AssertionError("made up"));
    }

    /** How many more calls until one fails; none if negative. */
    private int left = -1;

    private boolean failed;
    private Supplier<Throwable> fault;
    private final AtomicLong now = new AtomicLong();
    private final List<String> closed = new ArrayList<>();

    private void call() {
        if (left >= 0 && left-- == 0) {
            failed = true;
            GateFaultTest.<RuntimeException>raise(fault.get());
        }
    }

    @SuppressWarnings("unchecked")
    private static <T extends Throwable> void raise(Throwable fault) throws T {
        throw (T) fault;
    }

    /** A connection that fails to be looked for. */
    final class Name {

        private final String text;

        private Name(String text) {
            this.text = text;
        }

        @Override
        public boolean equals(Object other) {
            call();
            return other instanceof Name name && text.equals(name.text);
        }

        @Override
        public int hashCode() {
            call();
            return text.hashCode();
        }
    }

    private final class Log implements System.Logger {

        @Override
        public String getName() {
            return "failing";
        }

        @Override
        public boolean isLoggable(Level level) {
            return true;
        }

        @Override
        public void log(Level level, ResourceBundle bundle, String message, Throwable thrown) {
            call();
        }

        @Override
        public void log(Level level, ResourceBundle bundle, String format, Object... parameters) {
            call();
        }
    }

    private final class Listener implements LimiterListener {

        @Override
        public void admitted(ClientUsage client) {
            call();
        }

        @Override
        public void refused(ClientUsage client, RefusalReason reason, boolean dryRun) {
            call();
        }

        @Override
        public void timedOut(ClientUsage client, ConnectionPhase phase, Duration timeout, boolean dryRun) {
            call();
        }

        @Override
        public void closed(ClientUsage client) {
            call();
        }
    }

    @Override
    public boolean isOpen(Name channel) {
        call();
        return !closed.contains(channel.text);
    }

    @Override
    public boolean closeExpired(Name channel, ConnectionPhase phase) {
        call();
        closed.add(channel.text);
        return true;
    }

    private long time() {
        call();
        return now.get();
    }

    private ConnectionLimiter limiter(ErrorPolicy onError) {
        return new ConnectionLimiter(
                ConnectionLimits.builder()
                        .maxPerClient(LIMIT)
                        .exempt("192.0.2.9")
                        .headerTimeout(Duration.ofSeconds(10))
                        .onError(onError)
                        .build(),
                this::time,
                new Log(),
                new Listener());
    }

    /** All that an adapter may call, in an order that makes sense. */
    private void play(ConnectionGate<Name> gate) {
        gate.admit(new Name("established"), PEER, ConnectionPhase.HANDSHAKE);
        gate.handshakeCompleted(new Name("established"));
        gate.established(new Name("established"));
        gate.headerBegun(new Name("established"));
        gate.admit(new Name("silent"), PEER, ConnectionPhase.FIRST_BYTE);
        gate.admit(new Name("too many"), PEER);
        gate.tryRespond(PEER, true).ifPresent(RefusalBudget.Place::close);
        gate.admit(new Name("proxied"), PROXY, ConnectionPhase.HANDSHAKE);
        gate.reassign(new Name("proxied"), PROXY, BEHIND);
        gate.permit(new Name("proxied")).ifPresent(ConnectionPermit::established);
        now.addAndGet(Duration.ofSeconds(11).toNanos());
        gate.sweep(this);
        now.addAndGet(Duration.ofSeconds(2).toNanos());
        gate.sweep(this);
        for (String channel : List.of("established", "silent", "proxied", "established")) {
            gate.release(new Name(channel));
        }
        gate.releaseAll();
    }

    /** Plays with a fault at this call; returns whether there was one. */
    private boolean playWithFault(int at, ErrorPolicy onError) {
        closed.clear();
        failed = false;
        left = -1;
        ConnectionLimiter limiter = limiter(onError);
        ConnectionGate<Name> gate = new ConnectionGate<>(limiter);
        left = at;
        play(gate);
        left = -1;

        String where = "after a fault at call " + at;
        assertThat(gate.openConnections()).as(where).isZero();
        for (InetAddress client : CLIENTS) {
            assertThat(limiter.openConnections(client)).as(where).isZero();
        }
        LimiterSnapshot snapshot = limiter.snapshot();
        assertThat(snapshot.openConnections()).as(where).isZero();
        assertThat(snapshot.topClients()).as(where).isEmpty();

        // The limit is exact, of connections that have to prove themselves too, and then nothing is left at all.
        closed.clear();
        for (InetAddress client : List.of(PEER, BEHIND)) {
            for (int i = 0; i < LIMIT; i++) {
                assertThat(gate.admit(new Name(client + " " + i), client, ConnectionPhase.FIRST_BYTE))
                        .as(where)
                        .isTrue();
            }
            assertThat(gate.admit(new Name("one more"), client)).as(where).isFalse();
        }
        assertThat(gate.admit(new Name("proxy"), PROXY)).as(where).isTrue();
        gate.releaseAll();
        assertThat(limiter.snapshot().clients()).as(where).isZero();
        assertThat(limiter.snapshot().pendingConnections()).as(where).isZero();
        assertThat(limiter.snapshot().streams()).as(where).isZero();
        assertThat(limiter.snapshot().largestClient()).as(where).isZero();
        assertThat(limiter.snapshot().openConnections()).as(where).isZero();
        now.addAndGet(Duration.ofSeconds(60).toNanos());
        gate.sweep(this);
        assertThat(closed)
                .as("closed at a deadline without a connection, " + where)
                .isEmpty();
        return failed;
    }

    @ParameterizedTest
    @MethodSource("faults")
    void losesAndLeavesNothingWhereverSomethingFails(Supplier<Throwable> made) {
        fault = made;
        for (ErrorPolicy onError : ErrorPolicy.values()) {
            int at = 0;
            while (playWithFault(at, onError)) {
                at++;
            }
            assertThat(at).as("calls that have failed").isGreaterThan(40);
        }
    }

    @Test
    void tensOfThousandsOfClientsTakeMemoryOnlyWhileTheyAreConnected() {
        int clients = 40_000;
        ConnectionLimiter limiter = new ConnectionLimiter(
                ConnectionLimits.builder().maxPerClient(1).build(), now::get, new RecordingLogger());
        ConnectionGate<Integer> gate = new ConnectionGate<>(limiter);
        for (int round = 0; round < 2; round++) {
            for (int i = 0; i < clients; i++) {
                InetAddress client = i % 2 == 0 ? Addresses.ipv4(i) : Addresses.ipv6(0x2001_0db8L << 32 | i, 1);
                assertThat(gate.admit(i, client, ConnectionPhase.FIRST_BYTE)).isTrue();
                // Another address of the same /64, or the same one in its mapped form.
                InetAddress again = i % 2 == 0
                        ? Addresses.ipv6WithScope(0, 0xffff_0000_0000L | i, 0)
                        : Addresses.ipv6WithScope(0x2001_0db8L << 32 | i, 2, 3);
                assertThat(gate.admit(-1 - i, again, ConnectionPhase.FIRST_BYTE))
                        .isFalse();
            }
            assertThat(limiter.snapshot().clients()).isEqualTo(clients);
            assertThat(gate.openConnections()).isEqualTo(clients);
            for (int i = 0; i < clients; i++) {
                gate.release(i);
            }
            assertThat(limiter.snapshot().clients()).isZero();
            assertThat(gate.openConnections()).isZero();
            // Nothing has a deadline any more.
            now.addAndGet(Duration.ofSeconds(11).toNanos());
            gate.sweep(numbered());
            assertThat(closed).isEmpty();
        }
    }

    /** For connections that are told apart by a number. */
    private ConnectionGate.Channels<Integer> numbered() {
        return new ConnectionGate.Channels<>() {
            @Override
            public boolean isOpen(Integer channel) {
                return !closed.contains(channel.toString());
            }

            @Override
            public boolean closeExpired(Integer channel, ConnectionPhase phase) {
                closed.add(channel.toString());
                return true;
            }
        };
    }

    /** Each is a client of its own by its /64, like any other: a 6to4 host has 65,536 of those. */
    @Test
    void addressesOfTransitionAndOfTheLinkAreIpv6LikeAnyOther() {
        ConnectionLimiter limiter =
                new ConnectionLimiter(ConnectionLimits.builder().maxPerClient(1).build());
        ConnectionGate<String> gate = new ConnectionGate<>(limiter);
        assertThat(gate.admit("6to4", Addresses.ip("2002:c000:201::1"))).isTrue();
        assertThat(gate.admit("the IPv4 address inside", Addresses.ip("192.0.2.1")))
                .isTrue();
        assertThat(gate.admit("same /64", Addresses.ip("2002:c000:201::2"))).isFalse();
        assertThat(gate.admit("another /64", Addresses.ip("2002:c000:201:1::1")))
                .isTrue();
        assertThat(gate.admit("link-local", Addresses.ipv6WithScope(0xfe80L << 48, 1, 1)))
                .isTrue();
        assertThat(gate.admit("on another link", Addresses.ipv6WithScope(0xfe80L << 48, 2, 2)))
                .isFalse();
        limiter.reconfigure(limits -> limits.toBuilder().ipv6Prefix(48).build());
        assertThat(gate.admit("a /48 now", Addresses.ip("2002:c000:201:2::1"))).isTrue();
        assertThat(gate.admit("the same", Addresses.ip("2002:c000:201:3::1"))).isFalse();
        gate.releaseAll();
        assertThat(limiter.snapshot().clients()).isZero();
    }
}
