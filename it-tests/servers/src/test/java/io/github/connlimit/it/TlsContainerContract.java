package io.github.connlimit.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.connlimit.ConnectionPhase;
import io.github.connlimit.LimiterSnapshot;
import io.github.connlimit.Refusal;
import io.github.connlimit.it.TestConnection.Ending;
import java.io.EOFException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import javax.net.ssl.SSLException;
import org.junit.jupiter.api.Test;

/** What every limited HTTP server fulfils over TLS. */
interface TlsContainerContract extends ContainerContract, TlsContract {

    @Override
    TestBed<? extends ContainerServer> bed();

    // ---- deadlines

    @Test
    default void silenceAfterHandshakeIsClosedAtItsDeadline() throws Exception {
        bed().start(Contract.hurried().build());
        for (String protocol : List.of("http/1.1", "h2")) {
            TestConnection connection = TestBed.inTime(() -> bed().secure(bed().connect(ALICE), protocol));
            int before = bed().events().timedOut().size();
            awaitEndOfTls(connection);
            awaitTimedOut(before + 1, ConnectionPhase.FIRST_BYTE);
            bed().awaitZero();
        }
    }

    @Test
    default void firstHeaderOfHttp2HasADeadline() throws Exception {
        bed().start(HeaderTimeoutContract.hurriedHeaders().build());
        TestConnection late = bed().connect(ALICE);
        http2(late);
        awaitEndOfTls(late);
        TestBed.awaitUntil(
                "a header that was too late",
                () -> assertThat(bed().events().timedOut())
                        .singleElement()
                        .satisfies(event -> assertThat(event.phase()).isEqualTo(ConnectionPhase.HEADER)));
        bed().awaitZero();

        Http2Connection served = TestBed.inTime(() -> {
            Http2Connection connection = http2(bed().connect(ALICE));
            assertThat(connection.get("/")).isEqualTo(Application.ANSWER);
            return connection;
        });
        awaitDeadlineOfLaterHeader();
        assertThat(served.get("/")).isEqualTo(Application.ANSWER);
    }

    /** The record of a request, of which no byte can be read before the last one has come. */
    @Test
    default void recordOfALaterRequestThatTricklesIsEndedAtItsDeadline() throws Exception {
        bed().start(HeaderTimeoutContract.hurriedHeaders().build());
        TestConnection connection = bed().admitted(ALICE);
        awaitDeadlineOfLaterHeader();
        bed().assertServed(connection);
        connection.hold().request("/", "X-Long: " + "x".repeat(8000));
        TestBed.awaitUntil(
                "the end of a record that trickles",
                () -> assertThat(connection.trickles()).isFalse());
        TestBed.awaitUntil(
                "headers that were too late",
                () -> assertThat(bed().events().timedOut())
                        .hasSize(2)
                        .allSatisfy(event -> assertThat(event.phase()).isEqualTo(ConnectionPhase.HEADER)));
        bed().awaitZero();
    }

    /** A server that closes a connection in a hurry may do so without a word of TLS. */
    private static void awaitEndOfTls(TestConnection connection) throws IOException {
        try {
            connection.awaitEnd();
        } catch (SSLException withoutCloseNotify) {
            assertThat(withoutCloseNotify).hasRootCauseInstanceOf(EOFException.class);
        }
    }

    // ---- the answer to a refused connection

    /** Nothing but what was admitted and what was answered. */
    private void awaitAnswered(int admitted) {
        TestBed.awaitUntil("answers", () -> {
            LimiterSnapshot snapshot = bed().limiter().snapshot();
            assertThat(snapshot.responded()).isGreaterThanOrEqualTo(admitted).isEqualTo(snapshot.refused());
            assertThat(snapshot.reset()).isZero();
            assertThat(snapshot.admitted()).isEqualTo(admitted);
            assertThat(snapshot.openConnections()).isEqualTo(admitted);
        });
    }

    /** The clients close when they have read the answer; the last one leaves that to the server, which takes a while. */
    private void assertAnswered(String request) throws Exception {
        startResponding();
        for (int i = 1; i <= 5; i++) {
            String client = "127.0.1." + i;
            boolean last = i == 5;
            TestConnection admitted = bed().admitted(client);
            RespondContract.unlessTooSlow(() -> {
                try (TestConnection refused = bed().open(client).write(request)) {
                    RespondContract.assertTooManyRequests(refused);
                    if (last) {
                        awaitEndOfTls(refused);
                    }
                }
            });
            bed().assertServed(admitted);
            awaitAnswered(i);
        }
    }

    @Test
    default void respondAnswersRequestOverTls() throws Exception {
        assertAnswered(GET);
    }

    @Test
    default void respondReachesClientThatSendsBodyOverTls() throws Exception {
        assertAnswered(POST);
    }

    @Test
    default void respondAnswersRequestsOverHttp2() throws Exception {
        startResponding();
        for (int i = 1; i <= 5; i++) {
            String client = "127.0.1." + i;
            TestConnection admitted = bed().admitted(client);
            RespondContract.unlessTooSlow(() -> {
                try (TestConnection refused = bed().connect(client)) {
                    Http2Connection http2 = http2(refused);
                    int first = http2.request("/");
                    int second = http2.request("/");
                    assertThat(http2.refusal(first)).isEqualTo(REFUSED);
                    int last = http2.awaitGoAway();
                    assertThat(last).isGreaterThanOrEqualTo(first);
                    // Otherwise the client knows that nothing was done with it.
                    if (last >= second) {
                        assertThat(http2.refusal(second)).isEqualTo(REFUSED);
                    }
                    awaitEndOfTls(refused);
                }
            });
            bed().assertServed(admitted);
            awaitAnswered(i);
        }
    }

    /** Whatever refused clients do or don't, it is over soon, and counts nowhere. */
    @Test
    default void respondOverTlsIsBounded() throws Exception {
        startResponding();
        bed().admitted(ALICE);
        List<TestConnection> refused = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            refused.add(bed().connect(ALICE));
        }
        for (TestConnection connection : refused) {
            connection.awaitEnd();
        }
        TestBed.awaitUntil(
                "refusals", () -> assertThat(bed().events().refused()).isEqualTo(10));
        assertThat(bed().limiter().snapshot().responded()).isPositive();
        assertThat(bed().limiter().snapshot().reset()).isPositive();
        bed().assertOpen(ALICE, 1);
        assertThat(bed().events().admitted()).isEqualTo(1);
        // What waited in vain for an answer has given its place back.
        TestBed.awaitUntil("a place", () -> {
            try (TestConnection next = bed().open(ALICE).request("/")) {
                RespondContract.assertTooManyRequests(next);
            }
        });
    }

    @Test
    default void respondOverTlsHasABudget() throws Exception {
        bed().start(TestBed.patient()
                .maxPerClient(1)
                .refuse(Refusal.RESPOND)
                .respondRate(0)
                .respondBurst(2)
                .build());
        bed().admitted(ALICE);
        for (int i = 0; i < 2; i++) {
            try (TestConnection refused = bed().open(ALICE).request("/")) {
                RespondContract.assertTooManyRequests(refused);
            }
        }
        for (int i = 0; i < 5; i++) {
            Ending ending = bed().connect(ALICE).awaitEnd();
            assertThat(ending).isEqualTo(bed().server().canReset() ? Ending.RESET : Ending.END_OF_STREAM);
        }
        assertThat(bed().limiter().snapshot().responded()).isEqualTo(2);
        assertThat(bed().limiter().snapshot().reset()).isEqualTo(5);
    }

    @Test
    default void serverStopsWhileRefusedConnectionsWaitForTheirAnswer() throws Exception {
        startResponding();
        bed().admitted(ALICE);
        TestConnection silent = bed().connect(ALICE);
        TestConnection secure = bed().open(ALICE);
        TestBed.awaitUntil(
                "refusals", () -> assertThat(bed().events().refused()).isEqualTo(2));

        bed().server().stop();

        bed().awaitZero();
        silent.awaitEnd();
        awaitEndOfTls(secure);
    }
}
