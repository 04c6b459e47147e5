package io.github.connlimit.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import org.junit.jupiter.api.Test;

/** What every limited HTTP server fulfils in clear text. */
interface PlainContainerContract extends ContainerContract, PlainRespondContract {

    @Override
    TestBed<? extends ContainerServer> bed();

    @Test
    default void connectionUpgradedToHttp2IsOneConnection() throws Exception {
        bed().start(1);
        TestConnection connection = bed().open(ALICE);
        Http2Connection http2 = upgrade(connection);
        assertThat(http2.get("/")).isEqualTo(Application.ANSWER);
        bed().assertOpen(ALICE, 1);
        bed().assertRefused(ALICE);
        connection.close();
        bed().awaitClosed(1);
    }

    private static Http2Connection upgrade(TestConnection connection) throws IOException {
        connection.request(
                "/",
                "Connection: Upgrade, HTTP2-Settings",
                "Upgrade: h2c",
                // At most 100 streams.
                "HTTP2-Settings: AAMAAABk");
        assertThat(connection.response().status()).isEqualTo(101);
        Http2Connection http2 = Http2Connection.upgraded(connection);
        assertThat(http2.response(1)).isEqualTo(Application.ANSWER);
        return http2;
    }

    @Test
    default void connectionUpgradedToHttp2HasSentItsFirstHeader() throws Exception {
        bed().start(HeaderTimeoutContract.hurriedHeaders().build());
        Http2Connection http2 = upgrade(bed().open(ALICE));
        awaitDeadlineOfLaterHeader();
        assertThat(http2.get("/")).isEqualTo(Application.ANSWER);
    }
}
