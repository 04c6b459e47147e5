package io.github.connlimit.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.connlimit.RefusalReason;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What every server fulfils that counts WebSockets as streams. */
interface StreamContract extends Contract {

    default void startWithReserve(boolean dryRun) throws Exception {
        bed().start(TestBed.patient()
                .maxPerClient(8)
                .reservedConnections(2)
                .dryRun(dryRun)
                .build());
    }

    default void awaitStreams(int count) {
        bed().awaitUsage(ALICE, usage -> assertThat(usage.streams()).isEqualTo(count));
    }

    @Test
    @Tag(Contract.ANY_TRANSPORT)
    default void webSocketsLeaveRoomForOrdinaryRequests() throws Exception {
        startWithReserve(false);
        List<TestConnection> connections = new ArrayList<>();
        List<WebSocketConnection> webSockets = new ArrayList<>();
        for (int i = 0; i < 6; i++) {
            TestConnection connection = bed().open(ALICE);
            connections.add(connection);
            webSockets.add(new WebSocketConnection(connection));
        }
        awaitStreams(6);

        TestConnection refused = bed().open(ALICE);
        assertThatThrownBy(() -> new WebSocketConnection(refused))
                .isInstanceOf(WebSocketConnection.RefusedException.class);
        refused.close();
        bed().awaitOpen(ALICE, 6);
        assertThat(bed().events().refused(RefusalReason.STREAMS)).isEqualTo(1);
        bed().admitted(ALICE, 2);
        bed().assertRefused(ALICE);
        assertThat(new WebSocketConnection(bed().open(BOB)).echo("?")).isEqualTo("?");
        for (WebSocketConnection webSocket : webSockets) {
            assertThat(webSocket.echo("still here")).isEqualTo("still here");
        }

        webSockets.get(0).close();
        connections.get(0).close();
        connections.get(1).reset();
        bed().awaitOpen(ALICE, 6);
        awaitStreams(4);
        for (int i = 0; i < 2; i++) {
            assertThat(new WebSocketConnection(bed().open(ALICE)).echo("?")).isEqualTo("?");
        }
        awaitStreams(6);
    }

    @Test
    @Tag(Contract.ANY_TRANSPORT)
    default void dryRunRefusesNoStreams() throws Exception {
        startWithReserve(true);
        for (int i = 0; i < 7; i++) {
            assertThat(new WebSocketConnection(bed().open(ALICE)).echo("?")).isEqualTo("?");
        }
        assertThat(bed().events().refusedInDryRun(RefusalReason.STREAMS)).isEqualTo(1);
        awaitStreams(7);
    }
}
