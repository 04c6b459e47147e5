package io.github.connlimit.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.connlimit.Cidr;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.ConnectionPhase;
import java.io.IOException;
import java.time.Duration;

/** What contract tests have in common; each contract adds what a server of some kind has to fulfil. */
interface Contract {

    /** What is the same in clear text and over TLS: a tag of tests that are run over TLS only. */
    String ANY_TRANSPORT = "any-transport";

    /** A client with an address of its own. */
    String ALICE = "127.0.0.2";

    /** Another client. */
    String BOB = "127.0.0.3";

    /** No server of a test closes a connection sooner because it has waited. */
    Duration SHORTEST_DEADLINE = Duration.ofMillis(500);

    /** An idle time-out not to wait long for. */
    Duration SHORT = SHORTEST_DEADLINE;

    /** A deadline not to wait long for. */
    Duration HANDSHAKE_TIMEOUT = SHORTEST_DEADLINE;

    /** Limits that nobody reaches, and a short deadline. */
    static ConnectionLimits.Builder hurried() {
        return ConnectionLimits.builder().maxPerClient(100).handshakeTimeout(HANDSHAKE_TIMEOUT);
    }

    /** Waits until so many connections have been closed at their deadline, the last of them in this phase. */
    default void awaitTimedOut(int count, ConnectionPhase phase) {
        TestBed.awaitUntil(
                "connections that were closed at their deadline",
                () -> assertThat(bed().events().timedOut())
                        .hasSize(count)
                        .last()
                        .satisfies(last -> {
                            assertThat(last.client()).isEqualTo(Cidr.parse(ALICE));
                            assertThat(last.phase()).isEqualTo(phase);
                            assertThat(last.timeout()).isEqualTo(HANDSHAKE_TIMEOUT);
                            assertThat(last.dryRun()).isFalse();
                        }));
    }

    /** Waits until a connection was closed at its deadline that was made after all there are now. */
    default void awaitDeadlineOfLaterConnection() throws IOException {
        int before = bed().events().timedOut().size();
        bed().connect(ALICE).awaitEnd();
        TestBed.awaitUntil(
                "a connection that was closed at its deadline",
                () -> assertThat(bed().events().timedOut()).hasSizeGreaterThan(before));
    }

    /** A request that came in time as the first of its connection, and is held. */
    default TestConnection heldInTime() throws Exception {
        int before = bed().application().held();
        return TestBed.inTime(() -> {
            TestConnection connection = bed().open(ALICE).request("/hold");
            long timedOut = bed().events().timedOut().size();
            TestBed.awaitUntil(
                    "a held request, or its end",
                    () -> assertThat(bed().application().held() > before
                                    || bed().events().timedOut().size() > timedOut)
                            .isTrue());
            if (bed().application().held() == before) {
                throw new IOException("not in time");
            }
            return connection;
        });
    }

    TestBed<? extends TestServer> bed();
}
