package io.github.connlimit.it;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.connlimit.Cidr;
import io.github.connlimit.ClusterLimits;
import io.github.connlimit.ClusterMembership;
import io.github.connlimit.ClusterSnapshot;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.ConnectionPhase;
import io.github.connlimit.Refusal;
import io.github.connlimit.RefusalReason;
import io.github.connlimit.it.TestConnection.Ending;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelOption;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.InetAddress;
import java.net.NetworkInterface;
import java.net.Socket;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.AsynchronousSocketChannel;
import java.nio.channels.NetworkChannel;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.extension.TestWatcher;

/**
 * What every limited server fulfils, whatever it is made of. Each test begins with a server of its own and ends with
 * nothing counted.
 *
 * @param <S> the server
 */
abstract class ConnectionLimitContract<S extends TestServer> implements Contract {

    private final TestBed<S> bed;

    ConnectionLimitContract(TestServer.Factory<S> factory, Transport transport) {
        bed = new TestBed<>(factory, transport);
    }

    @Override
    public final TestBed<S> bed() {
        return bed;
    }

    @RegisterExtension
    final TestWatcher failures = new TestWatcher() {
        @Override
        public void testFailed(ExtensionContext test, Throwable cause) {
            bed.log().print(System.out);
        }
    };

    @AfterEach
    final void endAtZero() throws Exception {
        bed.end();
    }

    // ---- the limit

    @Test
    @Tag(Contract.ANY_TRANSPORT)
    void limitIsExactWhenManyConnectAtOnce() throws Exception {
        int limit = 50;
        int attempts = 200;
        bed.start(limit);

        List<Optional<TestConnection>> outcomes = atOnce(attempts, () -> bed.tryServed(ALICE));

        assertThat(outcomes.stream().filter(Optional::isPresent)).hasSize(limit);
        assertThat(bed.events().admitted()).isEqualTo(limit);
        TestBed.awaitUntil("refusals", () -> assertThat(bed.events().refused()).isEqualTo(attempts - limit));
        bed.assertOpen(ALICE, limit);
        for (Optional<TestConnection> admitted : outcomes) {
            if (admitted.isPresent()) {
                bed.assertServed(admitted.get());
            }
        }
    }

    private static <T> List<T> atOnce(int count, Callable<T> task) throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(count);
        try {
            CountDownLatch ready = new CountDownLatch(count);
            List<Future<T>> futures = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                futures.add(threads.submit(() -> {
                    ready.countDown();
                    ready.await();
                    return task.call();
                }));
            }
            List<T> results = new ArrayList<>();
            for (Future<T> future : futures) {
                results.add(future.get(60, TimeUnit.SECONDS));
            }
            return results;
        } finally {
            threads.shutdownNow();
        }
    }

    @Test
    @Tag(Contract.ANY_TRANSPORT)
    void otherClientsGoOnUndisturbed() throws Exception {
        bed.start(3);
        bed.admitted(ALICE, 3);
        List<TestConnection> bobs = new ArrayList<>();

        for (int i = 0; i < 3; i++) {
            bed.assertRefused(ALICE);
            bobs.add(bed.admitted(BOB));
            bed.assertRefused(ALICE);
            for (TestConnection bob : bobs) {
                bed.assertServed(bob);
            }
        }

        bed.assertRefused(BOB);
        bed.assertOpen(ALICE, 3);
        bed.assertOpen(BOB, 3);
    }

    @Test
    @Tag(Contract.ANY_TRANSPORT)
    void admittedConnectionsOfClientAtItsLimitGoOnUndisturbed() throws Exception {
        bed.start(2);
        List<TestConnection> admitted = bed.admitted(ALICE, 2);

        for (int i = 0; i < 10; i++) {
            bed.assertRefused(ALICE);
            for (TestConnection connection : admitted) {
                bed.assertServed(connection);
            }
        }
    }

    @Test
    @Tag(Contract.ANY_TRANSPORT)
    void freedSlotIsUsableAtOnce() throws Exception {
        bed.start(2);
        bed.admitted(ALICE);
        TestConnection last = bed.admitted(ALICE);

        for (int i = 0; i < 20; i++) {
            last.close();
            bed.awaitOpen(ALICE, 1);
            last = bed.admitted(ALICE);
            bed.assertRefused(ALICE);
        }
    }

    @Test
    @Tag(Contract.ANY_TRANSPORT)
    void raisedLimitAdmitsAtOnce() throws Exception {
        bed.start(1);
        bed.admitted(ALICE);
        bed.assertRefused(ALICE);

        bed.limiter().reconfigure(TestBed.limits(3));

        bed.admitted(ALICE, 2);
        bed.assertRefused(ALICE);
    }

    @Test
    @Tag(Contract.ANY_TRANSPORT)
    void loweredLimitClosesNothingAndDrains() throws Exception {
        bed.start(5);
        List<TestConnection> admitted = bed.admitted(ALICE, 5);

        bed.limiter().reconfigure(TestBed.limits(2));

        for (int open = 5; open > 1; open--) {
            bed.assertOpen(ALICE, open);
            for (TestConnection connection : admitted) {
                bed.assertServed(connection);
            }
            bed.assertRefused(ALICE);
            admitted.remove(0).close();
            bed.awaitOpen(ALICE, open - 1);
        }
        bed.admitted(ALICE);
        bed.assertRefused(ALICE);
    }

    @Test
    @Tag(Contract.ANY_TRANSPORT)
    void connectionsOpenedWhileUnlimitedCount() throws Exception {
        bed.start(0);
        List<TestConnection> admitted = bed.admitted(ALICE, 10);
        bed.assertOpen(ALICE, 10);

        bed.limiter().reconfigure(TestBed.limits(8));

        bed.assertRefused(ALICE);
        for (TestConnection connection : admitted.subList(0, 3)) {
            connection.close();
        }
        bed.awaitOpen(ALICE, 7);
        bed.admitted(ALICE);
        bed.assertRefused(ALICE);
    }

    // ---- who is a client

    @Test
    @Tag(Contract.ANY_TRANSPORT)
    void longestRuleDecides() throws Exception {
        bed.start(ConnectionLimits.builder()
                .maxPerClient(1)
                .limit("127.0.0.16/28", 2)
                .limit("127.0.0.17", 3)
                .exempt("127.0.0.18")
                .build());

        bed.admitted(ALICE);
        bed.admitted("127.0.0.16", 2);
        bed.admitted("127.0.0.17", 3);
        bed.admitted("127.0.0.18", 10);

        bed.assertRefused(ALICE);
        bed.assertRefused("127.0.0.16");
        bed.assertRefused("127.0.0.17");
        // The limit of a block is that of each client in it.
        bed.admitted("127.0.0.19", 2);
        bed.assertOpen("127.0.0.18", 10);
    }

    @Test
    @Tag(Contract.ANY_TRANSPORT)
    void addressesWithOnePrefixAreOneClient() throws Exception {
        bed.start(ConnectionLimits.builder().maxPerClient(2).ipv4Prefix(24).build());

        bed.admitted("127.0.2.1");
        bed.admitted("127.0.2.2");

        bed.assertRefused("127.0.2.3");
        bed.admitted("127.0.3.1", 2);
    }

    @Test
    @Tag(Contract.ANY_TRANSPORT)
    void clientsConnectByIpv6() throws Exception {
        assumeIpv6();
        bed.start(2, setup -> setup.withHost("::1"));

        for (int i = 0; i < 2; i++) {
            bed.served(bed.connect("::1", "::1"));
        }

        bed.assertOpen("::1", 2);
        // Of the same /64.
        bed.assertOpen("::2", 2);
        assertEnded(bed.connect("::1", "::1"), Refusal.RESET);
        assertThat(bed.events().mostOpen()).isEqualTo(Map.of(Cidr.parse("::/64"), 2));
    }

    @Test
    @Tag(Contract.ANY_TRANSPORT)
    void clientsConnectByIpv4AndIpv6() throws Exception {
        assumeIpv6();
        bed.start(1, setup -> setup.withHost(null));

        bed.served(bed.connect("::1", "::1"));
        bed.admitted(ALICE);

        bed.assertRefused(ALICE);
        assertEnded(bed.connect("::1", "::1"), Refusal.RESET);
        bed.assertOpen(ALICE, 1);
        bed.assertOpen("::1", 1);
    }

    private static void assumeIpv6() throws IOException {
        assumeTrue(
                NetworkInterface.getByInetAddress(InetAddress.getByName("::1")) != null,
                "a loopback interface with IPv6");
    }

    // ---- refusing

    @Test
    void refusedConnectionsAreResetByDefault() throws Exception {
        bed.start(1);
        bed.admitted(ALICE);

        for (int i = 0; i < 10; i++) {
            assertEnded(bed.connect(ALICE), Refusal.RESET);
        }
    }

    @Test
    void refusedConnectionsAreClosedIfConfigured() throws Exception {
        bed.start(
                ConnectionLimits.builder().maxPerClient(1).refuse(Refusal.CLOSE).build());
        bed.admitted(ALICE);

        for (int i = 0; i < 10; i++) {
            assertEnded(bed.connect(ALICE), Refusal.CLOSE);
        }
        // What the client has sent is never read, and may turn the end into a reset.
        bed.assertRefused(ALICE);
    }

    @Test
    void refusalIsReconfiguredWhileRunning() throws Exception {
        bed.start(1);
        bed.admitted(ALICE);

        for (Refusal refusal : List.of(Refusal.RESET, Refusal.CLOSE, Refusal.RESET)) {
            bed.limiter().reconfigure(now -> now.toBuilder().refuse(refusal).build());
            assertEnded(bed.connect(ALICE), refusal);
        }
    }

    /** Asserts how a connection ends on which the client has sent nothing. */
    final void assertEnded(TestConnection refused, Refusal refusal) throws IOException {
        Ending ending = refused.awaitEnd();
        if (refusal == Refusal.RESET && bed.server().canReset()) {
            assertThat(ending).isEqualTo(Ending.RESET);
        } else {
            assertThat(ending).isEqualTo(Ending.END_OF_STREAM);
        }
    }

    @Test
    void refusalHandlerSaysGoodbye() throws Exception {
        String goodbye = "too many connections\r\n";
        bed.start(
                1,
                setup -> setup.withRefusalHandler((connection, peer) -> {
                    assertThat(peer.getHostAddress()).isEqualTo(ALICE);
                    send(connection, goodbye);
                }));
        bed.admitted(ALICE);

        for (int i = 0; i < 10; i++) {
            TestConnection refused = bed.connect(ALICE);
            assertThat(new String(refused.read(goodbye.length()), US_ASCII)).isEqualTo(goodbye);
            assertThat(refused.awaitEnd()).isEqualTo(Ending.END_OF_STREAM);
        }
        bed.assertOpen(ALICE, 1);
    }

    private static void send(Object connection, String text) throws IOException {
        ByteBuffer bytes = ByteBuffer.wrap(text.getBytes(US_ASCII));
        if (connection instanceof Socket socket) {
            socket.getOutputStream().write(bytes.array());
        } else if (connection instanceof SocketChannel channel) {
            channel.write(bytes);
        } else if (connection instanceof Channel channel) {
            channel.writeAndFlush(Unpooled.wrappedBuffer(bytes));
        } else {
            ((AsynchronousSocketChannel) connection).write(bytes);
        }
    }

    @Test
    void refusalHandlerThatThrowsHarmsNothing() throws Exception {
        bed.start(
                1,
                setup -> setup.withRefusalHandler((connection, peer) -> {
                    throw new IOException("thrown by the test");
                }));
        TestConnection admitted = bed.admitted(ALICE);

        for (int i = 0; i < 10; i++) {
            bed.connect(ALICE).awaitEnd();
        }

        bed.assertOpen(ALICE, 1);
        bed.assertServed(admitted);
        bed.admitted(BOB);
        // An attacker must not be able to fill the log.
        assertThat(bed.log().warnings()).singleElement().asString().contains("thrown by the test");
        bed.log().forgetWarnings();
    }

    @Test
    void refusalHandlerMayCloseTheConnectionItself() throws Exception {
        bed.start(
                1,
                setup -> setup.withRefusalHandler((connection, peer) -> {
                    if (connection instanceof Socket socket) {
                        socket.setSoLinger(true, 0);
                        socket.close();
                    } else if (connection instanceof Channel channel) {
                        channel.config().setOption(ChannelOption.SO_LINGER, 0);
                        channel.close();
                    } else {
                        NetworkChannel channel = (NetworkChannel) connection;
                        if (channel.supportedOptions().contains(StandardSocketOptions.SO_LINGER)) {
                            channel.setOption(StandardSocketOptions.SO_LINGER, 0);
                        }
                        channel.close();
                    }
                }));
        bed.admitted(ALICE);

        for (int i = 0; i < 10; i++) {
            assertEnded(bed.connect(ALICE), Refusal.RESET);
        }
        bed.assertOpen(ALICE, 1);
        bed.admitted(BOB);
    }

    @Test
    void floodOfRefusedConnectionsLeavesNothingBehind() throws Exception {
        bed.start(1);
        TestConnection admitted = bed.admitted(ALICE);

        for (int i = 0; i < 500; i++) {
            bed.connect(ALICE).reset();
        }

        TestBed.awaitUntil("refusals", () -> assertThat(bed.events().refused()).isEqualTo(500));
        bed.assertServed(admitted);
        bed.assertOpen(ALICE, 1);
        assertThat(bed.events().admitted()).isEqualTo(1);
    }

    // ---- every way to end gives the count back

    @Test
    void clientClosesBeforeSendingAnything() throws Exception {
        bed.start(10);
        for (int i = 0; i < 10; i++) {
            bed.connect(ALICE).close();
        }
        bed.awaitClosed(10);
    }

    @Test
    void clientResetsBeforeSendingAnything() throws Exception {
        bed.start(10);
        for (int i = 0; i < 10; i++) {
            bed.connect(ALICE).reset();
        }
        bed.awaitClosed(10);
    }

    @Test
    void clientClosesAfterRequest() throws Exception {
        bed.start(10);
        for (TestConnection connection : bed.admitted(ALICE, 10)) {
            connection.close();
        }
        bed.awaitClosed(10);
    }

    @Test
    void clientClosesOrderlyAfterRequest() throws Exception {
        bed.start(10);
        for (TestConnection connection : bed.admitted(ALICE, 10)) {
            connection.closeOrderly();
        }
        bed.awaitClosed(10);
    }

    @Test
    void clientResetsAfterRequest() throws Exception {
        bed.start(10);
        for (TestConnection connection : bed.admitted(ALICE, 10)) {
            connection.reset();
        }
        bed.awaitClosed(10);
    }

    @Test
    void clientLeavesInTheMiddleOfRequest() throws Exception {
        bed.start(10);
        for (int i = 0; i < 5; i++) {
            bed.open(ALICE).write("GET / HTTP/1.1\r\nHo").close();
            bed.open(ALICE).write("GET / HTTP/1.1\r\nHo").reset();
        }
        bed.awaitClosed(10);
    }

    @Test
    void clientClosesItsHalfAndReadsOn() throws Exception {
        bed.start(1);
        TestConnection connection = bed.open(ALICE).request("/");
        connection.finish();
        connection.awaitEnd();
        bed.awaitClosed(1);
    }

    @Test
    void idleConnectionsTimeOut() throws Exception {
        bed.start(100, setup -> setup.withIdleTimeout(SHORT));
        List<TestConnection> idle = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            idle.add(bed.connect(ALICE));
            idle.add(TestBed.inTime(() -> bed.admitted(ALICE)));
            idle.add(TestBed.inTime(() -> bed.open(ALICE).write("GET / HTTP/1.1\r\nHo")));
        }
        for (TestConnection connection : idle) {
            connection.awaitEnd();
        }
        bed.awaitZero();
        assertThat(bed.events().admitted()).isGreaterThanOrEqualTo(9);
    }

    @Test
    void responseToHttp10EndsConnection() throws Exception {
        bed.start(1);
        for (int i = 0; i < 5; i++) {
            TestConnection connection = bed.open(ALICE).write("GET / HTTP/1.0\r\nHost: localhost\r\n\r\n");
            assertThat(connection.response().status()).isEqualTo(200);
            endAfterServer(connection);
            bed.awaitClosed(i + 1);
        }
        assertThat(bed.events().refused()).isZero();
    }

    @Test
    void serverClosesWhenAskedTo() throws Exception {
        bed.start(1);
        for (int i = 0; i < 5; i++) {
            TestConnection connection = bed.open(ALICE).request("/", "Connection: close");
            assertThat(connection.response().status()).isEqualTo(200);
            endAfterServer(connection);
            bed.awaitClosed(i + 1);
        }
    }

    /** Closes after the server has; it may have closed only its half, and then the connection is still open. */
    private static void endAfterServer(TestConnection connection) throws IOException {
        connection.awaitEnd();
        connection.close();
    }

    @Test
    void requestsOverOneConnectionAreOneConnection() throws Exception {
        bed.start(1);
        TestConnection connection = bed.open(ALICE);
        for (int i = 0; i < 20; i++) {
            bed.assertServed(connection);
            bed.assertOpen(ALICE, 1);
        }
        connection.close();
        bed.awaitClosed(1);
    }

    @Test
    void badRequestEndsConnection() throws Exception {
        bed.start(1);
        for (int i = 0; i < 5; i++) {
            endAfterServer(bed.open(ALICE).write("what is this\r\n\r\n"));
            bed.awaitClosed(i + 1);
        }
    }

    @Test
    void applicationThrows() throws Exception {
        bed.start(3);
        for (int i = 0; i < 3; i++) {
            endAfterServer(bed.open(ALICE).request("/throw", "Connection: close"));
        }
        bed.awaitClosed(3);
    }

    @Test
    void clientLeavesWhileItsRequestIsHeld() throws Exception {
        bed.start(10);
        List<TestConnection> waiting = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            waiting.add(bed.open(ALICE).request("/hold"));
        }
        awaitHeld(10);
        for (int i = 0; i < 10; i += 2) {
            waiting.get(i).close();
            waiting.get(i + 1).reset();
        }
        bed.application().release();
        bed.awaitClosed(10);
    }

    final void awaitHeld(int requests) {
        TestBed.awaitUntil(
                "held requests", () -> assertThat(bed.application().held()).isEqualTo(requests));
    }

    @Test
    void heldRequestIsAnsweredAndCountsUntilTheEnd() throws Exception {
        bed.start(1);
        TestConnection connection = bed.open(ALICE).request("/hold");
        awaitHeld(1);
        bed.assertOpen(ALICE, 1);
        bed.assertRefused(ALICE);

        bed.application().release();

        assertThat(connection.response().body()).isEqualTo(Application.ANSWER);
        bed.assertOpen(ALICE, 1);
        connection.close();
        bed.awaitClosed(1);
    }

    // ---- deadlines

    /** What a connection has to do first. A server that has only one word for both phases calls it by the first. */
    final ConnectionPhase firstPhase() {
        return bed.transport() == Transport.TLS || !bed.server().knowsClearText()
                ? ConnectionPhase.HANDSHAKE
                : ConnectionPhase.FIRST_BYTE;
    }

    @Test
    void silentConnectionIsClosedAtItsDeadline() throws Exception {
        bed.start(Contract.hurried().build());
        List<TestConnection> silent = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
            silent.add(bed.connect(ALICE));
        }
        awaitEndOf(silent);
        awaitTimedOut(5, firstPhase());
        bed.awaitClosed(5);
    }

    @Test
    void connectionsPastTheirDeadlineMakeRoom() throws Exception {
        bed.start(Contract.hurried().maxPerClient(2).build());
        for (int i = 0; i < 3; i++) {
            awaitEndOf(List.of(bed.connect(ALICE), bed.connect(ALICE)));
            bed.awaitClosed(2 * i + 2);
        }
        awaitTimedOut(6, firstPhase());
        assertThat(bed.events().refused()).isZero();
    }

    @Test
    void deadlineDoesNotTouchWhatHasProvedItself() throws Exception {
        bed.start(Contract.hurried().build());
        List<TestConnection> idle = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            idle.add(TestBed.inTime(() -> bed.admitted(ALICE)));
        }
        TestConnection waiting = heldInTime();

        awaitDeadlineOfLaterConnection();

        for (TestConnection connection : idle) {
            bed.assertServed(connection);
        }
        bed.application().release();
        assertThat(waiting.response().status()).isEqualTo(200);
        bed.assertServed(waiting);
    }

    /** How long the rest of a request may take is a matter of the server's idle time-out. */
    @Test
    void deadlineDoesNotTouchRequestThatHasBegun() throws Exception {
        bed.start(Contract.hurried().build());
        TestConnection.Response response = TestBed.inTime(() -> {
            TestConnection connection = bed.open(ALICE).write("GET / HTTP/1.1\r\n");
            awaitDeadlineOfLaterConnection();
            return connection.write("Host: localhost\r\n\r\n").response();
        });
        assertThat(response.status()).isEqualTo(200);
    }

    @Test
    @Tag(Contract.ANY_TRANSPORT)
    void deadlineIsReconfiguredWhileRunning() throws Exception {
        bed.start(10);
        TestConnection patient = bed.connect(ALICE);
        bed.awaitAdmitted(1);

        bed.limiter()
                .reconfigure(now ->
                        now.toBuilder().handshakeTimeout(HANDSHAKE_TIMEOUT).build());
        awaitDeadlineOfLaterConnection();
        bed.awaitOpen(ALICE, 1);

        bed.limiter()
                .reconfigure(
                        now -> now.toBuilder().handshakeTimeout(Duration.ZERO).build());
        TestConnection without = bed.connect(ALICE);
        bed.awaitOpen(ALICE, 2);
        bed.served(patient);
        bed.served(without);
    }

    // ---- connections that have proved nothing yet

    @Test
    void pendingConnectionsHaveALimitOfTheirOwn() throws Exception {
        bed.start(TestBed.patient().maxPerClient(10).maxPendingPerClient(3).build());
        List<TestConnection> silent = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            silent.add(bed.connect(ALICE));
        }
        bed.awaitOpen(ALICE, 3);
        assertPendingRefused(1);
        bed.admitted(BOB, 2);

        for (int i = 0; i < 3; i++) {
            bed.served(silent.remove(0));
            bed.awaitPending(ALICE, 2);
            silent.add(bed.connect(ALICE));
            bed.awaitPending(ALICE, 3);
            assertPendingRefused(i + 2);
        }
        bed.assertOpen(ALICE, 6);
        assertThat(bed.events().refused()).isZero();

        for (TestConnection connection : silent) {
            connection.close();
        }
        bed.awaitOpen(ALICE, 3);
        bed.admitted(ALICE, 7);
        bed.assertRefused(ALICE);
    }

    private void assertPendingRefused(long count) throws IOException {
        assertEnded(bed.connect(ALICE), Refusal.RESET);
        TestBed.awaitUntil(
                "refusals of pending connections",
                () -> assertThat(bed.events().refused(RefusalReason.PENDING)).isEqualTo(count));
    }

    // ---- refused connections that are held

    @Test
    void aTarpitHoldsRefusedConnectionsForAWhile() throws Exception {
        bed.start(TestBed.patient()
                .maxPerClient(2)
                .refuse(Refusal.TARPIT)
                .tarpitTime(Duration.ofSeconds(2))
                .tarpitMaxOpen(6)
                .build());
        List<TestConnection> admitted = bed.admitted(ALICE, 2);
        if (!bed.server().canHold()) {
            assertEnded(bed.connect(ALICE), Refusal.RESET);
            return;
        }
        long begin = System.nanoTime();
        List<TestConnection> held = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            held.add(bed.connect(ALICE));
        }
        awaitInTarpit(3);
        // Half of the room is for others.
        assertEnded(bed.connect(ALICE), Refusal.RESET);
        bed.admitted(BOB, 2);
        bed.assertServed(admitted.get(0));
        bed.assertOpen(ALICE, 2);

        for (TestConnection connection : held) {
            assertEnded(connection, Refusal.RESET);
            assertThat(System.nanoTime() - begin).isGreaterThan(TimeUnit.MILLISECONDS.toNanos(1_900));
        }
        awaitInTarpit(0);
        assertThat(bed.limiter().snapshot().tarpitted()).isEqualTo(3);
        assertThat(bed.limiter().snapshot().reset()).isEqualTo(1);
    }

    @Test
    void aServerThatStopsEndsRefusedConnectionsThatAreHeld() throws Exception {
        bed.start(TestBed.patient()
                .maxPerClient(1)
                .refuse(Refusal.TARPIT)
                .tarpitTime(Duration.ofMinutes(10))
                .build());
        bed.admitted(ALICE);
        if (!bed.server().canHold()) {
            assertEnded(bed.connect(ALICE), Refusal.RESET);
            return;
        }
        List<TestConnection> refused = List.of(bed.connect(ALICE), bed.connect(ALICE));
        awaitInTarpit(2);
        bed.server().stop();
        awaitInTarpit(0);
        for (TestConnection connection : refused) {
            assertEnded(connection, Refusal.RESET);
        }
        bed.awaitZero();
    }

    private void awaitInTarpit(int count) {
        TestBed.awaitUntil(
                "refused connections that are held",
                () -> assertThat(bed.limiter().snapshot().tarpitOpen()).isEqualTo(count));
    }

    // ---- all clients together

    @Test
    @Tag(Contract.ANY_TRANSPORT)
    void allClientsTogetherHaveALimit() throws Exception {
        String exempt = "127.0.0.4";
        bed.start(TestBed.patient().maxPerClient(3).maxTotal(4).exempt(exempt).build());
        List<TestConnection> admitted = bed.admitted(ALICE, 3);
        bed.admitted(BOB, 1);
        assertEnded(bed.connect(BOB), Refusal.RESET);
        TestBed.awaitUntil(
                "a refusal for want of room",
                () -> assertThat(bed.events().refused(RefusalReason.TOTAL)).isEqualTo(1));
        bed.admitted(exempt, 2);
        bed.assertRefused(ALICE);

        for (TestConnection connection : admitted) {
            connection.close();
        }
        bed.awaitOpen(ALICE, 0);
        bed.admitted(BOB, 1);
        assertEnded(bed.connect(ALICE), Refusal.RESET);
    }

    @Test
    @Tag(Contract.ANY_TRANSPORT)
    void limitsOfClientsHoldAboveANumberOfAll() throws Exception {
        bed.start(TestBed.patient().maxPerClient(2).enforceAbove(5).build());
        List<TestConnection> admitted = bed.admitted(ALICE, 4);
        bed.admitted(BOB, 1);
        bed.assertRefused(ALICE);
        bed.admitted(BOB, 1);
        bed.assertRefused(BOB);
        for (TestConnection connection : admitted) {
            connection.close();
        }
        bed.awaitOpen(ALICE, 0);
        bed.admitted(BOB, 3);
    }

    // ---- whole networks

    @Test
    @Tag(Contract.ANY_TRANSPORT)
    void allClientsOfANetworkHaveALimitTogether() throws Exception {
        String neighbour = "127.0.0.77";
        String elsewhere = "127.0.9.1";
        bed.start(TestBed.patient()
                .maxPerClient(3)
                .networkLimits("ipv4/24=4, ipv4/16=6")
                .exempt("127.0.0.9")
                .build());
        List<TestConnection> admitted = bed.admitted(ALICE, 3);
        bed.admitted("127.0.0.9", 2);
        bed.admitted(BOB, 1);
        assertRefusedForNetwork(neighbour, 1);
        bed.admitted(elsewhere, 2);
        // Now the wider one is full.
        assertRefusedForNetwork("127.0.8.1", 2);
        bed.assertRefused(ALICE);

        admitted.get(0).close();
        bed.awaitOpen(ALICE, 2);
        bed.admitted(neighbour, 1);
        assertRefusedForNetwork(elsewhere, 3);
    }

    private void assertRefusedForNetwork(String client, long count) throws IOException {
        assertEnded(bed.connect(client), Refusal.RESET);
        TestBed.awaitUntil(
                "a refusal for the network",
                () -> assertThat(bed.events().refused(RefusalReason.NETWORK)).isEqualTo(count));
    }

    // ---- connections in a time

    @Test
    @Tag(Contract.ANY_TRANSPORT)
    void aClientMayOpenSoManyConnectionsInATime() throws Exception {
        bed.start(TestBed.patient().maxPerClient(4).maxRatePerClient("1/m,3").build());
        for (TestConnection connection : bed.admitted(ALICE, 3)) {
            connection.close();
        }
        bed.awaitOpen(ALICE, 0);
        assertEnded(bed.connect(ALICE), Refusal.RESET);
        TestBed.awaitUntil(
                "a refusal of a restless client",
                () -> assertThat(bed.events().refused(RefusalReason.RATE)).isEqualTo(1));
        bed.admitted(BOB, 3);

        bed.limiter()
                .reconfigure(limits -> limits.toBuilder().maxRatePerClient("0").build());
        bed.admitted(ALICE, 4);
        bed.assertRefused(ALICE);
    }

    // ---- dry run

    @Test
    @Tag(Contract.ANY_TRANSPORT)
    void dryRunRefusesNothingAndClosesNothing() throws Exception {
        bed.start(Contract.hurried().maxPerClient(3).dryRun(true).build());
        TestConnection silent = bed.connect(ALICE);
        TestBed.awaitUntil(
                "a time-out that is only reported",
                () -> assertThat(bed.events().timedOut(true)).isEqualTo(1));
        List<TestConnection> admitted = bed.admitted(ALICE, 5);
        bed.assertOpen(ALICE, 6);
        TestBed.awaitUntil(
                "refusals that are only reported",
                () -> assertThat(bed.events().refusedInDryRun(RefusalReason.CONNECTIONS))
                        .isEqualTo(3));
        bed.served(silent);

        bed.limiter().reconfigure(now -> now.toBuilder().dryRun(false).build());

        bed.assertRefused(ALICE);
        for (TestConnection connection : admitted) {
            bed.assertServed(connection);
        }
    }

    @Test
    @Tag(Contract.ANY_TRANSPORT)
    void dryRunRefusesNoPendingConnections() throws Exception {
        bed.start(TestBed.patient().maxPendingPerClient(1).dryRun(true).build());
        List<TestConnection> silent = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            silent.add(bed.connect(ALICE));
        }
        bed.awaitPending(ALICE, 3);
        TestBed.awaitUntil(
                "refusals that are only reported",
                () -> assertThat(bed.events().refusedInDryRun(RefusalReason.PENDING))
                        .isEqualTo(2));
        for (TestConnection connection : silent) {
            bed.served(connection);
        }
        bed.awaitPending(ALICE, 0);
    }

    // ---- clusters

    /** Lets each client have two connections on this node. */
    private static final class TwoForEach implements ClusterLimits {

        private final AtomicInteger closed = new AtomicInteger();

        @Override
        public int allowed(Cidr client, int open, int limit) {
            return 2;
        }

        @Override
        public ClusterSnapshot snapshot() {
            return ClusterSnapshot.NONE;
        }

        @Override
        public void close() {
            closed.incrementAndGet();
        }
    }

    private static ConnectionLimits ofACluster() {
        return TestBed.patient()
                .maxPerClient(10)
                .freePerClient("1")
                .clusterUri("redis://192.0.2.1")
                .build();
    }

    @Test
    @Tag(Contract.ANY_TRANSPORT)
    void isANodeOfItsClusterWhileItRuns() throws Exception {
        TwoForEach cluster = new TwoForEach();
        AtomicReference<ClusterMembership> first = new AtomicReference<>();
        bed.start(ofACluster(), setup -> {
            first.set(bed.limiter().joinCluster((node, uri) -> cluster));
            return setup;
        });
        bed.admitted(ALICE, 2);
        assertEnded(bed.connect(ALICE), Refusal.RESET);
        bed.admitted(BOB, 2);
        TestBed.awaitUntil(
                "a refusal by the cluster",
                () -> assertThat(bed.events().refused(RefusalReason.CLUSTER)).isEqualTo(1));
        first.get().close();
        assertThat(cluster.closed).hasValue(0);
        bed.server().stop();
        TestBed.awaitUntil(
                "the end of the membership", () -> assertThat(cluster.closed).hasValue(1));
    }

    /** It would run without the limit that was asked for. A port that is bound would let clients into its backlog. */
    @Test
    @Tag(Contract.ANY_TRANSPORT)
    void doesNotServeWithoutWhatItsClusterNeeds() throws Exception {
        InetAddress host =
                InetAddress.getByName("127.7.7." + ThreadLocalRandom.current().nextInt(1, 255));
        StringWriter said = new StringWriter();
        try {
            bed.start(ofACluster(), setup -> setup.withHost(host.getHostAddress()));
        } catch (Exception refused) {
            refused.printStackTrace(new PrintWriter(said));
        }
        TestBed.awaitUntil(
                "a port that is not bound",
                () -> assertThat(KernelSockets.listening(host)).isEmpty());
        bed.log().allWarnings().forEach(record -> said.append(record.getMessage() + " " + record.getThrown()));
        assertThat(said.toString()).contains("connlimit-cluster is not on the class path");
        bed.log().forgetWarnings();
    }

    // ---- stop and start

    @Test
    void serverStopsWhileDeadlinesRun() throws Exception {
        bed.start(Contract.hurried().build());
        List<TestConnection> silent = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
            silent.add(bed.connect(ALICE));
        }
        bed.awaitAdmitted(5);

        bed.server().stop();

        bed.awaitZero();
        awaitEndOf(silent);
        bed.server().start();
        bed.assertServing();
        awaitDeadlineOfLaterConnection();
    }

    @Test
    void serverStopsWithIdleConnections() throws Exception {
        bed.start(20);
        List<TestConnection> idle = bed.admitted(ALICE, 10);
        for (int i = 0; i < 10; i++) {
            idle.add(bed.connect(ALICE));
        }
        bed.awaitAdmitted(20);

        bed.server().stop();

        bed.awaitZero();
        awaitEndOf(idle);
    }

    @Test
    void serverStopsWithHundredRequestsInFlight() throws Exception {
        bed.start(100);
        List<TestConnection> waiting = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            waiting.add(bed.open(ALICE).request("/hold"));
        }
        awaitHeld(100);
        bed.assertOpen(ALICE, 100);

        bed.server().stop();

        bed.awaitZero();
        awaitEndOf(waiting);
    }

    /** What counts no longer has to be closed. */
    static void awaitEndOf(List<TestConnection> connections) throws IOException {
        for (TestConnection connection : connections) {
            connection.awaitEndOfSocket();
        }
    }

    @Test
    @Tag(Contract.ANY_TRANSPORT)
    void serverThatWasStartedAgainLimitsAgain() throws Exception {
        bed.start(2);
        for (int i = 0; i < 3; i++) {
            bed.admitted(ALICE, 2);
            bed.assertRefused(ALICE);
            bed.server().stop();
            bed.awaitZero();
            bed.server().start();
            bed.assertServing();
        }
        bed.admitted(ALICE, 2);
        bed.assertRefused(ALICE);
    }

    // ---- everything at once

    @Test
    @Tag(Contract.ANY_TRANSPORT)
    void limitHoldsUnderStress() throws Exception {
        int limit = 3;
        bed.start(limit);
        Stress stress = new Stress(bed, limit);

        stress.run(Duration.ofMillis(2500));

        bed.awaitZero();
        assertThat(bed.events().mostOpen())
                .hasSize(Stress.CLIENTS.size())
                .allSatisfy((client, most) -> assertThat(most).isEqualTo(limit));
        assertThat(bed.application().mostServed())
                .hasSize(Stress.CLIENTS.size())
                .allSatisfy((client, most) -> assertThat(most).isBetween(1, limit));
        assertThat(bed.events().refused()).isPositive();
        for (String client : Stress.CLIENTS) {
            bed.admitted(client, limit);
            bed.assertRefused(client);
        }
    }
}
