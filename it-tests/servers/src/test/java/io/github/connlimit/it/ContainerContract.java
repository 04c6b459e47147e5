package io.github.connlimit.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.connlimit.RefusalReason;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What every limited HTTP server fulfils, in clear text or over TLS. */
interface ContainerContract extends HttpContract, StreamContract, HeaderTimeoutContract, RespondContract {

    @Override
    TestBed<? extends ContainerServer> bed();

    // ---- streams

    @Test
    @Tag(Contract.ANY_TRANSPORT)
    default void eventStreamsLeaveRoomForOrdinaryRequests() throws Exception {
        startWithReserve(false);
        List<TestConnection> streams = new ArrayList<>();
        for (int i = 0; i < 6; i++) {
            streams.add(bed().open(ALICE).request("/hold", "Accept: text/event-stream"));
        }
        TestBed.awaitUntil(
                "held requests", () -> assertThat(bed().application().held()).isEqualTo(6));
        awaitStreams(6);

        TestConnection refused = bed().open(ALICE).request("/", "Accept: text/event-stream");
        assertThat(refused.response().status()).isEqualTo(429);
        refused.close();
        bed().awaitOpen(ALICE, 6);
        assertThat(bed().events().refused(RefusalReason.STREAMS)).isEqualTo(1);
        bed().admitted(ALICE);

        bed().application().release();
        for (TestConnection stream : streams) {
            assertThat(stream.response().status()).isEqualTo(200);
        }
        awaitStreams(0);
        for (TestConnection stream : streams) {
            assertThat(stream.request("/", "Accept: text/event-stream")
                            .response()
                            .status())
                    .isEqualTo(200);
        }
    }

    // ---- what goes wrong in the server

    @Test
    default void endpointCreationFails() throws Exception {
        bed().start(1);
        bed().server().failEndpoints(true);
        for (int i = 0; i < 5; i++) {
            TestConnection connection = bed().connect(ALICE);
            connection.awaitEnd();
            bed().awaitClosed(i + 1);
        }
        assertThat(bed().events().refused()).isZero();

        bed().server().failEndpoints(false);

        bed().admitted(ALICE);
        bed().assertRefused(ALICE);
    }

    // ---- stop and start

    @Test
    @Tag(Contract.ANY_TRANSPORT)
    default void connectorThatWasStartedAgainLimitsAgain() throws Exception {
        bed().start(2);
        for (int i = 0; i < 3; i++) {
            bed().admitted(ALICE, 2);
            bed().assertRefused(ALICE);
            bed().server().stopConnector();
            bed().awaitZero();
            bed().server().startConnector();
            bed().assertServing();
        }
        bed().admitted(ALICE, 2);
        bed().assertRefused(ALICE);
        bed().admitted(BOB, 2);
    }

    @Test
    default void connectorStopsWithRequestsInFlight() throws Exception {
        bed().start(10);
        List<TestConnection> connections = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            connections.add(bed().open(ALICE).request("/hold"));
        }
        TestBed.awaitUntil(
                "held requests", () -> assertThat(bed().application().held()).isEqualTo(10));

        bed().server().stopConnector();

        bed().awaitZero();
        ConnectionLimitContract.awaitEndOf(connections);
        bed().application().release();
        bed().server().startConnector();
        bed().assertServing();
        bed().admitted(ALICE, 10);
        bed().assertRefused(ALICE);
    }
}
