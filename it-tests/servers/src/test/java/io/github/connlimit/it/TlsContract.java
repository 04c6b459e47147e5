package io.github.connlimit.it;

import io.github.connlimit.ConnectionPhase;
import java.net.SocketException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** What every limited server fulfils that speaks TLS. */
interface TlsContract extends Contract {

    /** A record that announces a ClientHello of 508 bytes, and the first of them. */
    byte[] HALF_A_CLIENT_HELLO = HexFormat.of().parseHex("1603010200" + "010001fc" + "0303" + "5a".repeat(64));

    @Test
    default void clientLeavesInTheMiddleOfHandshake() throws Exception {
        bed().start(20);
        for (int i = 0; i < 10; i++) {
            bed().connect(ALICE).write(HALF_A_CLIENT_HELLO).close();
            bed().connect(ALICE).write(HALF_A_CLIENT_HELLO).reset();
        }
        bed().awaitClosed(20);
    }

    @Test
    default void handshakesInProgressCount() throws Exception {
        bed().start(2);
        for (int i = 0; i < 2; i++) {
            bed().connect(ALICE).write(HALF_A_CLIENT_HELLO);
        }
        bed().awaitOpen(ALICE, 2);
        bed().assertRefused(ALICE);
        bed().admitted(BOB);
    }

    @Test
    default void silentHandshakeTimesOut() throws Exception {
        bed().start(10, setup -> setup.withIdleTimeout(SHORT));
        List<TestConnection> silent = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
            silent.add(bed().connect(ALICE).write(HALF_A_CLIENT_HELLO));
            silent.add(bed().connect(ALICE));
        }
        for (TestConnection connection : silent) {
            connection.awaitEnd();
        }
        bed().awaitClosed(10);
    }

    @Test
    default void garbageInsteadOfHandshakeEndsConnection() throws Exception {
        bed().start(1);
        int connections = 0;
        for (String garbage :
                List.of("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "\0".repeat(600), "x".repeat(50_000))) {
            TestConnection connection = bed().connect(ALICE);
            try {
                connection.write(garbage);
            } catch (SocketException ended) {
                // The server may have had enough before it has all.
            }
            connection.awaitEnd();
            bed().awaitClosed(++connections);
        }
    }

    // ---- deadlines

    @Test
    default void halfHandshakeIsClosedAtItsDeadline() throws Exception {
        bed().start(Contract.hurried().build());
        for (int i = 0; i < 3; i++) {
            TestConnection connection = bed().connect(ALICE).write(HALF_A_CLIENT_HELLO);
            connection.awaitEnd();
            awaitTimedOut(i + 1, ConnectionPhase.HANDSHAKE);
            bed().awaitClosed(i + 1);
        }
    }

    /** No idle time-out ends it, for something comes all the time. */
    @Test
    default void tricklingHandshakeIsClosedAtItsDeadline() throws Exception {
        bed().start(Contract.hurried().build());
        TestConnection connection = bed().connect(ALICE);
        try {
            for (byte next : HALF_A_CLIENT_HELLO) {
                connection.write(new byte[] {next});
                TimeUnit.MILLISECONDS.sleep(50);
            }
        } catch (SocketException closed) {
            // As it should be.
        }
        awaitTimedOut(1, ConnectionPhase.HANDSHAKE);
        connection.awaitEnd();
        bed().awaitClosed(1);
    }
}
