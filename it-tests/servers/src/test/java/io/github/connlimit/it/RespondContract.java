package io.github.connlimit.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.connlimit.Refusal;
import io.github.connlimit.RefusalBudget;
import java.io.IOException;
import java.util.concurrent.TimeUnit;
import org.awaitility.core.ThrowingRunnable;

/** What tests of answers to refused connections have in common. */
interface RespondContract extends Contract {

    /** What a refused client is told. */
    String REFUSED = "client connection limit reached\n";

    /** A request. */
    String GET = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

    /** A request with a body that a server does not read at once. */
    String POST = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 300000\r\n\r\n" + "x".repeat(300_000);

    /** A limit of one, and those over it are told why. */
    default void startResponding() throws Exception {
        bed().start(TestBed.patient().maxPerClient(1).refuse(Refusal.RESPOND).build());
    }

    /**
     * Asserts that a refused connection is answered; again, if the client was kept waiting by this machine for longer
     * than the server waits, as that proves nothing. But if the client has lost its patience, it is the server that has
     * neither answered nor closed.
     */
    static void unlessTooSlow(ThrowingRunnable answer) throws Exception {
        for (int i = 0; i < 5; i++) {
            long begin = System.nanoTime();
            try {
                answer.run();
                return;
            } catch (IOException | AssertionError lost) {
                long millis = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - begin);
                if (millis < RefusalBudget.MAX_LINGER_MILLIS || millis >= TestConnection.DEADLINE_MILLIS) {
                    throw lost;
                }
            } catch (Exception error) {
                throw error;
            } catch (Throwable error) {
                throw new AssertionError(error);
            }
        }
        throw new AssertionError("this machine is too slow");
    }

    static void assertTooManyRequests(TestConnection refused) throws IOException {
        assertAnswer(refused, 429, REFUSED);
    }

    /** Asserts that a refused connection gets this answer. */
    static void assertAnswer(TestConnection refused, int status, String body) throws IOException {
        TestConnection.Response response = refused.response();
        assertThat(response.status()).isEqualTo(status);
        assertThat(response.headers()).containsEntry("retry-after", "1").containsEntry("connection", "close");
        assertThat(response.body()).isEqualTo(body);
    }
}
