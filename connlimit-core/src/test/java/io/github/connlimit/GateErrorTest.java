package io.github.connlimit;

import static io.github.connlimit.Addresses.ip;
import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

/** What a gate logs when something fails, and how it goes on. */
class GateErrorTest {

    private static final InetAddress PROXY = ip("192.0.2.9");
    private static final InetAddress BEHIND = ip("198.51.100.7");

    private final RecordingLogger logger = new RecordingLogger();
    private final RecordingListener listener = new RecordingListener();
    private final AtomicLong now = new AtomicLong();
    private final ConnectionLimiter limiter = new ConnectionLimiter(
            ConnectionLimits.builder()
                    .maxPerClient(5)
                    .exempt("192.0.2.9")
                    .handshakeTimeout(Duration.ofSeconds(5))
                    .build(),
            this::nanoTime,
            logger,
            listener);
    private final ConnectionGate<Name> gate = new ConnectionGate<>(limiter);
    private final List<Name> expired = new ArrayList<>();

    private boolean clockFails;
    private boolean namesFail;
    private boolean closingFails;

    private long nanoTime() {
        if (clockFails) {
            clockFails = false;
            throw new IllegalStateException("made up");
        }
        return now.get();
    }

    /** Compared by what it says, or not at all. */
    private final class Name {

        private final String text;

        private Name(String text) {
            this.text = text;
        }

        @Override
        public boolean equals(Object other) {
            if (namesFail) {
                throw new IllegalStateException("made up");
            }
            return other instanceof Name that && that.text.equals(text);
        }

        @Override
        public int hashCode() {
            return text.hashCode();
        }
    }

    private final ConnectionGate.Channels<Name> channels = new ConnectionGate.Channels<>() {

        @Override
        public boolean isOpen(Name channel) {
            return true;
        }

        @Override
        public boolean closeExpired(Name channel, ConnectionPhase phase) {
            expired.add(channel);
            if (closingFails) {
                throw new IllegalStateException("made up");
            }
            return true;
        }
    };

    private long sweepAt(long seconds) {
        now.set(Duration.ofSeconds(seconds).toNanos());
        return gate.sweep(channels);
    }

    private void assertLogged(String message) {
        assertThat(logger.errors()).extracting(RecordingLogger.Entry::message).containsExactly(message);
        logger.entries.clear();
        // Else it would not log the next one yet.
        now.addAndGet(Duration.ofSeconds(11).toNanos());
    }

    @Test
    void everyCallLogsWhatHasFailed() {
        Name name = new Name("a");
        gate.admit(name, PROXY);
        namesFail = true;
        gate.established(new Name("a"));
        assertLogged("noting that a connection is established failed");
        gate.handshakeCompleted(new Name("a"));
        assertLogged("noting the end of a handshake failed");
        assertThat(gate.permit(new Name("a"))).isEmpty();
        assertLogged("finding the permit of a connection failed");
        assertThat(gate.release(new Name("a"))).isFalse();
        assertLogged("giving back a permit failed");
        assertThat(gate.admit(new Name("a"), PROXY)).isFalse();
        assertLogged("counting a connection failed, onError decides");
        namesFail = false;
        assertThat(gate.release(name)).isTrue();
        assertThat(limiter.snapshot().openConnections()).isZero();
    }

    @Test
    void onErrorDecidesOfAConnectionThatCannotBeReassigned() {
        for (ErrorPolicy policy : ErrorPolicy.values()) {
            limiter.reconfigure(limits -> limits.toBuilder().onError(policy).build());
            logger.entries.clear();
            gate.admit(new Name("a"), PROXY);
            assertThat(gate.reassign(new Name("a"), PROXY, null)).isEqualTo(policy == ErrorPolicy.ADMIT);
            assertLogged("counting a connection failed, onError decides");
            assertThat(limiter.openConnections(PROXY)).isOne();
            assertThat(gate.release(new Name("a"))).isTrue();
        }
    }

    @Test
    void aConnectionThatCannotBeClosedIsTriedAgainAfterTheSameTime() {
        gate.admit(new Name("a"), BEHIND, ConnectionPhase.FIRST_BYTE);
        closingFails = true;
        sweepAt(5);
        assertThat(logger.errors())
                .extracting(RecordingLogger.Entry::message)
                .containsExactly("closing a connection at its deadline failed");
        assertThat(limiter.snapshot().timedOut()).isZero();
        closingFails = false;
        sweepAt(9);
        assertThat(expired).hasSize(1);
        sweepAt(10);
        assertThat(expired).hasSize(2);
        assertThat(limiter.snapshot().timedOut()).isOne();
    }

    @Test
    void aDeadlineThatCannotBeLookedIntoIsLogged() {
        gate.admit(new Name("a"), BEHIND, ConnectionPhase.FIRST_BYTE);
        gate.admit(new Name("b"), BEHIND, ConnectionPhase.FIRST_BYTE);
        namesFail = true;
        sweepAt(5);
        assertThat(expired).isEmpty();
        assertThat(logger.errors()).extracting(RecordingLogger.Entry::message).containsExactly("a deadline was missed");
    }

    @Test
    void aSweepThatFailsIsTriedAgainAfterASecond() {
        clockFails = true;
        assertThat(gate.sweep(channels)).isEqualTo(1000);
        assertLogged("a sweep failed");
        assertThat(gate.sweep(channels)).isEqualTo(1001);
    }

    @Test
    void aSweepLogsWhatHasGathered() {
        limiter.reconfigure(limits -> limits.toBuilder().maxPerClient(1).build());
        gate.admit(new Name("a"), BEHIND);
        for (int i = 0; i < 3; i++) {
            assertThat(gate.admit(new Name("refused"), BEHIND)).isFalse();
        }
        sweepAt(10);
        assertThat(logger.messages())
                .contains("in the last 10 s: 3 connections over the limit; most by 198.51.100.7/32 (3)");
    }

    @Test
    void aTimeOutIsLogged() {
        gate.admit(new Name("a"), BEHIND, ConnectionPhase.FIRST_BYTE);
        sweepAt(5);
        assertThat(logger.messages())
                .containsExactly("timed out: 198.51.100.7/32 (" + ConnectionPhase.FIRST_BYTE
                        + " within 5000 ms; 1 open, 1 pending, 0 streams; limit 5)");
    }

    @Test
    void aTimeOutInADryRunIsLoggedAndHasNoSecondOne() {
        limiter.reconfigure(limits -> limits.toBuilder().dryRun(true).build());
        logger.entries.clear();
        gate.admit(new Name("a"), PROXY, ConnectionPhase.HANDSHAKE);
        now.set(Duration.ofSeconds(4).toNanos());
        gate.admit(new Name("later"), PROXY, ConnectionPhase.HANDSHAKE);
        sweepAt(5);
        assertThat(logger.messages()).singleElement().asString().startsWith("dry run, would time out: 192.0.2.9/32 (");
        // Its deadline is over for whoever it is counted for.
        assertThat(gate.reassign(new Name("a"), PROXY, BEHIND)).isTrue();
        sweepAt(8);
        assertThat(limiter.snapshot().dryRunTimedOut()).isOne();
        sweepAt(9);
        assertThat(limiter.snapshot().dryRunTimedOut()).isEqualTo(2);
    }

    @Test
    void aHandshakeThatEndsWhenThereAreNoDeadlinesAnyMoreHasMetItsOwn() {
        gate.admit(new Name("a"), BEHIND, ConnectionPhase.HANDSHAKE);
        limiter.reconfigure(
                limits -> limits.toBuilder().handshakeTimeout(Duration.ZERO).build());
        gate.handshakeCompleted(new Name("a"));
        sweepAt(60);
        assertThat(expired).isEmpty();
    }

    @Test
    void aReassignedConnectionIsAsPendingAsItWas() {
        gate.admit(new Name("pending"), PROXY, ConnectionPhase.HANDSHAKE);
        gate.admit(new Name("established"), PROXY, ConnectionPhase.HANDSHAKE);
        gate.established(new Name("established"));
        gate.reassign(new Name("pending"), PROXY, BEHIND);
        gate.reassign(new Name("established"), PROXY, BEHIND);
        assertThat(limiter.snapshot().topClients()).singleElement().satisfies(client -> {
            assertThat(client.openConnections()).isEqualTo(2);
            assertThat(client.pendingConnections()).isOne();
        });
        gate.established(new Name("pending"));
        gate.established(new Name("pending"));
        assertThat(limiter.snapshot().topClients().get(0).pendingConnections()).isZero();
    }
}
