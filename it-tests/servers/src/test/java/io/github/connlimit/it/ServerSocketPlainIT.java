package io.github.connlimit.it;

import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.Refusal;
import org.junit.jupiter.api.Test;

class ServerSocketPlainIT extends ConnectionLimitContract<SocketServer> {

    ServerSocketPlainIT() {
        super(SocketServer::new, Transport.PLAIN);
    }

    @Test
    void respondIsAsReset() throws Exception {
        bed().start(ConnectionLimits.builder()
                .maxPerClient(1)
                .refuse(Refusal.RESPOND)
                .build());
        bed().admitted(ALICE);

        for (int i = 0; i < 10; i++) {
            assertEnded(bed().connect(ALICE), Refusal.RESET);
        }
    }
}
