package io.github.connlimit.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.connlimit.Refusal;
import io.github.connlimit.it.TestConnection.Ending;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What a server fulfils that answers refused connections in clear text. */
interface PlainRespondContract extends RespondContract {

    /** Asserts that a connection over the limit gets the answer to this request, and then its end. */
    private void assertAnswered(String client, String request) throws Exception {
        RespondContract.unlessTooSlow(() -> {
            try (TestConnection refused = bed().connect(client)) {
                RespondContract.assertTooManyRequests(refused.write(request));
                assertThat(refused.awaitEnd()).isEqualTo(Ending.END_OF_STREAM);
            }
        });
    }

    @Test
    default void respondAnswersRequest() throws Exception {
        startResponding();
        // Many clients: of one, only a few at a time get an answer.
        for (int i = 1; i <= 20; i++) {
            TestConnection admitted = bed().admitted("127.0.1." + i);
            assertAnswered("127.0.1." + i, GET);
            bed().assertServed(admitted);
        }
        assertThat(bed().events().admitted()).isEqualTo(20);
    }

    /**
     * Who closes as soon as it has its answer finds its places free when it comes again. If this machine has kept the server
     * waiting, a client comes before the server can know that it has left. That is so now and then, and not in each of three
     * rounds.
     */
    @Test
    default void respondAnswersOneAfterTheOther() throws Exception {
        int attempts = 200;
        startResponding();
        TestConnection admitted = bed().admitted(ALICE);
        long answered = 0;
        int rounds = 0;
        while (answered < attempts - 1 && rounds < 3) {
            long before = bed().limiter().snapshot().responded();
            for (int i = 0; i < attempts; i++) {
                try (TestConnection refused = bed().connect(ALICE)) {
                    refused.awaitEnd();
                }
            }
            answered = bed().limiter().snapshot().responded() - before;
            rounds++;
            assertThat(answered).as("in round %d", rounds).isGreaterThanOrEqualTo(attempts * 9 / 10);
        }
        assertThat(answered).isGreaterThanOrEqualTo(attempts - 1);
        assertThat(bed().events().refused()).isEqualTo((long) attempts * rounds);
        bed().assertServed(admitted);
    }

    @Test
    default void respondReachesClientThatSendsBody() throws Exception {
        startResponding();
        for (int i = 1; i <= 20; i++) {
            bed().admitted("127.0.1." + i);
            assertAnswered("127.0.1." + i, POST);
        }
        assertThat(bed().events().admitted()).isEqualTo(20);
    }

    @Test
    default void respondDoesNotWaitForRequest() throws Exception {
        startResponding();
        bed().admitted(ALICE);
        assertAnswered(ALICE, "");
    }

    /** Refusing politely must not be a way to hold resources. */
    @Test
    default void respondIsBounded() throws Exception {
        startResponding();
        bed().admitted(ALICE);
        List<TestConnection> refused = new ArrayList<>();
        for (int i = 0; i < 30; i++) {
            refused.add(bed().connect(ALICE));
        }
        int reset = 0;
        for (TestConnection connection : refused) {
            // The client leaves its half open, and never sends anything.
            if (connection.awaitEnd() == Ending.RESET) {
                reset++;
            }
        }
        assertThat(bed().events().refused()).isEqualTo(30);
        if (bed().server().canReset()) {
            assertThat(reset).isPositive();
        }
        bed().assertOpen(ALICE, 1);
        bed().admitted(BOB);
    }

    /** It is no fault of the client's. */
    @Test
    default void respondSaysThatTheServerIsFull() throws Exception {
        bed().start(TestBed.patient()
                .maxPerClient(3)
                .maxTotal(1)
                .refuse(Refusal.RESPOND)
                .build());
        bed().admitted(ALICE);
        RespondContract.unlessTooSlow(() -> {
            try (TestConnection refused = bed().connect(BOB)) {
                RespondContract.assertAnswer(refused.write(GET), 503, "server connection limit reached\n");
                assertThat(refused.awaitEnd()).isEqualTo(Ending.END_OF_STREAM);
            }
        });
    }

    @Test
    default void respondEndsWhenSlotIsFree() throws Exception {
        startResponding();
        for (int i = 0; i < 4; i++) {
            TestConnection admitted = bed().admitted(ALICE);
            assertAnswered(ALICE, GET);
            admitted.close();
            bed().awaitClosed(i + 1);
        }
    }

    @Test
    default void respondIsReconfiguredWhileRunning() throws Exception {
        bed().start(1);
        bed().admitted(ALICE);
        bed().connect(ALICE).awaitEnd();

        bed().limiter()
                .reconfigure(now -> now.toBuilder().refuse(Refusal.RESPOND).build());
        assertAnswered(ALICE, GET);

        bed().limiter().reconfigure(now -> now.toBuilder().refuse(Refusal.RESET).build());
        Ending ending = bed().connect(ALICE).awaitEnd();
        assertThat(ending).isEqualTo(bed().server().canReset() ? Ending.RESET : Ending.END_OF_STREAM);
    }
}
