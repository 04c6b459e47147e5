package io.github.connlimit.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.connlimit.Refusal;
import io.github.connlimit.it.TestConnection.Ending;
import org.junit.jupiter.api.Test;

/** What a server fulfils whose protocol the limiter does not know. */
interface SocketServerContract extends Contract {

    @Test
    default void respondIsAsReset() throws Exception {
        bed().start(TestBed.patient().maxPerClient(1).refuse(Refusal.RESPOND).build());
        bed().admitted(ALICE);

        for (int i = 0; i < 10; i++) {
            assertThat(bed().connect(ALICE).awaitEnd()).isEqualTo(Ending.RESET);
        }
        assertThat(bed().limiter().snapshot().responded()).isZero();
    }
}
