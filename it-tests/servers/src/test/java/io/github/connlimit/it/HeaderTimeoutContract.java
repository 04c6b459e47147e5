package io.github.connlimit.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.ConnectionPhase;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.Callable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What every limited HTTP server does about headers that take too long. */
interface HeaderTimeoutContract extends Contract {

    Duration HEADER_TIMEOUT = Duration.ofMillis(500);

    /** The beginning of a header. */
    String BEGINNING = "GET / HTTP/1.1\r\nHost: loc";

    String REST = "alhost\r\n\r\n";

    String BODY = "0123456789";

    @Override
    TestBed<? extends ContainerServer> bed();

    /** Limits that nobody reaches, and a short time for headers only. */
    static ConnectionLimits.Builder hurriedHeaders() {
        return TestBed.patient().maxPerClient(100).headerTimeout(HEADER_TIMEOUT);
    }

    private long late() {
        return bed().events().timedOut().stream()
                .filter(event -> event.phase() == ConnectionPhase.HEADER)
                .count();
    }

    private void awaitLate(long count) {
        TestBed.awaitUntil(
                "headers that were too late", () -> assertThat(late()).isEqualTo(count));
        assertThat(bed().events().timedOut()).allSatisfy(event -> {
            assertThat(event.phase()).isEqualTo(ConnectionPhase.HEADER);
            assertThat(event.timeout()).isEqualTo(HEADER_TIMEOUT);
        });
    }

    /** Waits until a header was too late that has begun after all there are now. */
    default void awaitDeadlineOfLaterHeader() throws IOException {
        long before = late();
        bed().open(BOB).write(BEGINNING).awaitEnd();
        TestBed.awaitUntil(
                "a header that was too late", () -> assertThat(late()).isGreaterThan(before));
    }

    private static void assertTooLate(TestConnection connection) throws IOException {
        TestConnection.Response response = connection.response();
        assertThat(response.status()).isEqualTo(408);
        assertThat(response.headers()).containsEntry("connection", "close");
        connection.awaitEnd();
    }

    @Test
    default void headerThatStallsIsAnsweredAtItsDeadline() throws Exception {
        bed().start(hurriedHeaders().build());
        for (int i = 1; i <= 3; i++) {
            assertTooLate(bed().open(ALICE).write(BEGINNING));
            awaitLate(i);
            bed().awaitZero();
        }
        assertThat(bed().limiter().snapshot().timeOuts()).containsEntry(ConnectionPhase.HEADER, 3L);
    }

    @Test
    default void headerThatTricklesIsEndedAtItsDeadline() throws Exception {
        bed().start(hurriedHeaders().build());
        TestConnection trickling = bed().open(ALICE);
        long begin = System.nanoTime();
        trickling.write("GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: ");
        TestBed.awaitUntil("the end of a header that trickles", () -> {
            boolean open = trickles(trickling);
            assertThat(late() == 1 || !open).isTrue();
        });
        assertThat(Duration.ofNanos(System.nanoTime() - begin)).isGreaterThanOrEqualTo(HEADER_TIMEOUT);
        awaitLate(1);
        bed().awaitClosed(1);
    }

    private static boolean trickles(TestConnection connection) {
        try {
            connection.write("x");
            return true;
        } catch (IOException closed) {
            return false;
        }
    }

    @Test
    @Tag(Contract.ANY_TRANSPORT)
    default void laterHeaderHasItsDeadlineTooButNotTheTimeBefore() throws Exception {
        bed().start(hurriedHeaders().build());
        TestConnection connection = bed().admitted(ALICE);
        for (int i = 0; i < 2; i++) {
            awaitDeadlineOfLaterHeader();
            bed().assertServed(connection);
        }
        assertTooLate(connection.write(BEGINNING));
        awaitLate(3);
        bed().awaitZero();
    }

    @Test
    default void headerInPiecesIsServedInTime() throws Exception {
        bed().start(hurriedHeaders().build());
        TestBed.inTime(() -> {
            TestConnection connection = bed().open(ALICE);
            for (int i = 0; i < 3; i++) {
                connection.write(BEGINNING);
                bed().served(bed().connect(BOB)).close();
                assertServedInTime(connection.write(REST));
            }
            awaitDeadlineOfLaterHeader();
            bed().assertServed(connection);
            return connection;
        });
    }

    private static void assertServedInTime(TestConnection connection) throws IOException {
        if (connection.response().status() == 408) {
            throw new IOException("not in time");
        }
    }

    /** Each of them is complete in time, but never when the server has read all there is. */
    @Test
    default void headersThatOverlapAreServedInTime() throws Exception {
        bed().start(hurriedHeaders().build());
        TestBed.inTime(() -> {
            long first = System.nanoTime();
            TestConnection connection = bed().open(ALICE).write(BEGINNING);
            long begun = first;
            while (begun - first < 3 * HEADER_TIMEOUT.toNanos()) {
                // Not too many: Tomcat serves a hundred over one connection.
                while (System.nanoTime() - begun < HEADER_TIMEOUT.toNanos() / 8) {
                    bed().served(bed().connect(BOB)).close();
                }
                long next = System.nanoTime();
                connection.write(REST + BEGINNING);
                assertServedUnlessSlow(connection, begun);
                begun = next;
            }
            connection.write(REST);
            assertServedUnlessSlow(connection, begun);
            return connection;
        });
    }

    /** If it was late, then because this machine was. */
    private static void assertServedUnlessSlow(TestConnection connection, long begun) throws IOException {
        try {
            assertServedInTime(connection);
        } catch (IOException late) {
            assertThat(Duration.ofNanos(System.nanoTime() - begun)).isGreaterThan(HEADER_TIMEOUT.dividedBy(2));
            throw late;
        }
    }

    /** Whoever has answered the request before. */
    @Test
    default void headerAfterOneThatTheServerAnswersItselfHasItsDeadline() throws Exception {
        bed().start(hurriedHeaders().build());
        for (String path : new String[] {"/x%2fy", "/a/%2e%2e/b", "/x\\y"}) {
            TestConnection connection = bed().admitted(ALICE);
            TestConnection.Response answer = connection.request(path).response();
            if ("close".equals(answer.headers().get("connection"))) {
                connection.awaitEnd();
                continue;
            }
            long before = late();
            TestBed.awaitUntil("the end of a header that trickles", () -> {
                boolean open = trickles(connection);
                assertThat(late() > before || !open).isTrue();
            });
            awaitLate(before + 1);
        }
        bed().awaitZero();
    }

    @Test
    @Tag(Contract.ANY_TRANSPORT)
    default void bodyMayTakeLonger() throws Exception {
        bed().start(hurriedHeaders().build());
        TestConnection connection = bed().open(ALICE);
        for (String length : new String[] {"Content-Length: 10", "Transfer-Encoding: chunked"}) {
            boolean chunked = length.startsWith("Transfer");
            connection.write("POST /body HTTP/1.1\r\nHost: localhost\r\n" + length + "\r\n\r\n");
            for (int i = 0; i < BODY.length(); i++) {
                connection.write(chunked ? "1\r\n" + BODY.charAt(i) + "\r\n" : BODY.substring(i, i + 1));
                if (i % 4 == 0) {
                    awaitDeadlineOfLaterHeader();
                }
            }
            if (chunked) {
                connection.write("0\r\n\r\n");
            }
            assertThat(connection.response().body()).isEqualTo(BODY);
            awaitDeadlineOfLaterHeader();
        }
        bed().assertServed(connection);
        assertTooLate(connection.write(BEGINNING));
    }

    @Test
    @Tag(Contract.ANY_TRANSPORT)
    default void requestWhoseHeaderCameInPiecesMayTakeLonger() throws Exception {
        bed().start(hurriedHeaders().build());
        for (String path : new String[] {"/hold", "/async"}) {
            TestConnection connection = inPieces(
                    path,
                    () -> path.equals("/hold")
                            ? bed().application().held() > 0
                            : bed().application().pending() > 0);
            awaitDeadlineOfLaterHeader();
            bed().application().release();
            bed().application().completeLater();
            assertThat(connection.response().body()).isEqualTo(Application.ANSWER);
            bed().assertServed(connection);
        }
    }

    private TestConnection inPieces(String path, Callable<Boolean> reached) throws Exception {
        return TestBed.inTime(() -> {
            long before = late();
            TestConnection connection = bed().open(ALICE).write("GET " + path + " HTTP/1.1\r\nHo");
            bed().served(bed().connect(BOB)).close();
            connection.write("st: localhost\r\n\r\n");
            TestBed.awaitUntil(
                    "the request, or its end",
                    () -> assertThat(reached.call() || late() > before).isTrue());
            if (!reached.call()) {
                throw new IOException("not in time");
            }
            return connection;
        });
    }

    @Test
    @Tag(Contract.ANY_TRANSPORT)
    default void dryRunReportsLateHeadersOnly() throws Exception {
        bed().start(hurriedHeaders().dryRun(true).build());
        TestConnection connection = bed().open(ALICE).write(BEGINNING);
        TestBed.awaitUntil(
                "a header that was too late",
                () -> assertThat(bed().events().timedOut(true)).isEqualTo(1));
        assertThat(connection.write(REST).response().status()).isEqualTo(200);
        bed().assertServed(connection);
        assertThat(bed().events().timedOut()).hasSize(1);
        assertThat(bed().limiter().snapshot().dryRunTimeOuts()).containsEntry(ConnectionPhase.HEADER, 1L);
    }

    @Test
    @Tag(Contract.ANY_TRANSPORT)
    default void headerTimeoutIsReconfiguredWhileRunning() throws Exception {
        bed().start(TestBed.patient().maxPerClient(100).build());
        TestConnection old = bed().admitted(ALICE);
        TestConnection uploading =
                bed().open(ALICE).write("POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n0");
        bed().limiter()
                .reconfigure(limits ->
                        limits.toBuilder().headerTimeout(HEADER_TIMEOUT).build());
        uploading.write("1234");
        awaitDeadlineOfLaterHeader();
        assertThat(uploading.write("56789").response().body()).isEqualTo(BODY);
        bed().assertServed(old);
        assertTooLate(bed().admitted(ALICE).write(BEGINNING));

        bed().limiter()
                .reconfigure(limits ->
                        limits.toBuilder().headerTimeout(Duration.ZERO).build());
        TestConnection slow = bed().open(ALICE).write(BEGINNING);
        bed().awaitOpen(ALICE, 3);
        assertThat(slow.write(REST).response().status()).isEqualTo(200);
    }
}
