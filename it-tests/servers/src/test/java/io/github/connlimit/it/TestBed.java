package io.github.connlimit.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.github.connlimit.Cidr;
import io.github.connlimit.ClientUsage;
import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.LimiterSnapshot;
import io.github.connlimit.RefusalReason;
import io.github.connlimit.testing.TestCertificate;
import java.io.IOException;
import java.net.InetAddress;
import java.net.SocketTimeoutException;
import java.net.UnknownHostException;
import java.security.GeneralSecurityException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import javax.net.ssl.SSLContext;
import org.awaitility.core.ThrowingRunnable;

/**
 * One server under test with its limiter, its application and its clients. What a test opens here is closed at the end,
 * and then nothing may be counted any more. Thread-safe.
 *
 * @param <S> the server
 */
final class TestBed<S extends TestServer> {

    static final Duration DEADLINE = Duration.ofMillis(TestConnection.DEADLINE_MILLIS);

    /** Where the server listens, unless a test says otherwise. */
    static final String SERVER = "127.0.0.1";

    /** How often to try what may miss a short deadline. What fails more often than now and then is no matter of time. */
    private static final int ATTEMPTS = 5;

    private final TestServer.Factory<S> factory;
    private final Transport transport;
    private final SSLContext tls;
    private final LogCapture log = new LogCapture();
    private final Application application = new Application();
    private final RecordedEvents events = new RecordedEvents();
    private final Queue<TestConnection> connections = new ConcurrentLinkedQueue<>();
    private volatile ConnectionLimiter limiter;
    private volatile S server;

    TestBed(TestServer.Factory<S> factory, Transport transport) {
        this.factory = factory;
        this.transport = transport;
        try {
            this.tls = TestCertificate.clientContext();
        } catch (GeneralSecurityException error) {
            throw new IllegalStateException(error);
        }
    }

    /** Starts the server. */
    S start(ConnectionLimits limits) throws Exception {
        return start(limits, setup -> setup);
    }

    /** Starts the server with this limit for each client. */
    S start(int maxPerClient) throws Exception {
        return start(maxPerClient, setup -> setup);
    }

    /** Starts the server with this limit for each client, and in some respect different. */
    S start(int maxPerClient, UnaryOperator<ServerSetup> change) throws Exception {
        return start(limits(maxPerClient), change);
    }

    /** Starts the server, in some respect different. */
    S start(ConnectionLimits limits, UnaryOperator<ServerSetup> change) throws Exception {
        limiter = new ConnectionLimiter(limits, events);
        server = factory.create(change.apply(new ServerSetup(limiter, application, transport)));
        server.start();
        return server;
    }

    /** Limits with deadlines that a test is not to reach, on however slow a machine. */
    static ConnectionLimits.Builder patient() {
        return ConnectionLimits.builder().handshakeTimeout(Duration.ofSeconds(60));
    }

    static ConnectionLimits limits(int maxPerClient) {
        return patient().maxPerClient(maxPerClient).build();
    }

    S server() {
        return server;
    }

    ConnectionLimiter limiter() {
        return limiter;
    }

    Application application() {
        return application;
    }

    RecordedEvents events() {
        return events;
    }

    Transport transport() {
        return transport;
    }

    LogCapture log() {
        return log;
    }

    /** Connects by TCP and sends nothing. */
    TestConnection connect(String from) throws IOException {
        return connect(from, SERVER);
    }

    TestConnection connect(String from, String host) throws IOException {
        TestConnection connection = new TestConnection(from, host, server.port());
        connections.add(connection);
        return connection;
    }

    /** Connects and, where the server speaks TLS, makes the handshake. */
    TestConnection open(String from) throws IOException {
        return secure(connect(from));
    }

    /** Makes the handshake, where the server speaks TLS. */
    TestConnection secure(TestConnection connection) throws IOException {
        return transport == Transport.TLS ? connection.handshake(tls, "http/1.1") : connection;
    }

    /** Makes the handshake and offers this application protocol. */
    TestConnection secure(TestConnection connection, String protocol) throws IOException {
        return connection.handshake(tls, protocol);
    }

    /** Opens a connection that has to be admitted. */
    TestConnection admitted(String from) throws IOException {
        return served(connect(from));
    }

    List<TestConnection> admitted(String from, int count) throws IOException {
        List<TestConnection> admitted = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            admitted.add(admitted(from));
        }
        return admitted;
    }

    /** Sends a request over a new connection, which has to be answered. */
    TestConnection served(TestConnection connection) throws IOException {
        assertServed(secure(connection));
        return connection;
    }

    void assertServed(TestConnection connection) throws IOException {
        TestConnection.Response response = connection.get("/");
        assertThat(response.status()).isEqualTo(200);
        assertThat(response.body()).isEqualTo(Application.ANSWER);
    }

    /** Opens a connection and sends a request; the connection, if it was answered. */
    Optional<TestConnection> tryServed(String from) throws IOException {
        TestConnection connection = connect(from);
        try {
            TestConnection.Response response = secure(connection).get("/");
            assertThat(response.status()).isEqualTo(200);
            return Optional.of(connection);
        } catch (SocketTimeoutException patienceLost) {
            throw patienceLost;
        } catch (IOException refused) {
            connection.close();
            return Optional.empty();
        }
    }

    /**
     * Makes a connection that has proved itself in time: on a slow machine an honest client may miss a short deadline,
     * and then tries again. It does not if it has failed before a deadline of the server could have passed.
     *
     * @param connecting fails if the server has closed the connection
     */
    static <T> T inTime(Callable<T> connecting) throws Exception {
        for (int i = 1; ; i++) {
            long begin = System.nanoTime();
            try {
                return connecting.call();
            } catch (SocketTimeoutException patienceLost) {
                throw patienceLost;
            } catch (IOException late) {
                if (i == ATTEMPTS || System.nanoTime() - begin < Contract.SHORTEST_DEADLINE.toNanos()) {
                    throw late;
                }
            }
        }
    }

    /** Asserts that the server that was started again serves, but for the one connection that it may drop. */
    void assertServing() throws IOException {
        Optional<TestConnection> served = tryServed("127.0.0.99");
        if (served.isEmpty() && server.mayDropFirstAfterRestart()) {
            served = tryServed("127.0.0.99");
        }
        assertThat(served).as("a connection after the server was started again").isPresent();
        served.orElseThrow().close();
    }

    /** Opens a connection that has to be refused. */
    void assertRefused(String from) throws IOException {
        long before = events.refused();
        assertThat(tryServed(from)).as("connection of " + from).isEmpty();
        awaitUntil("a refusal is reported", () -> assertThat(events.refused()).isGreaterThan(before));
    }

    /** Waits until the client has so many connections, by the count of the limiter. */
    void awaitOpen(String client, int count) {
        awaitUntil("connections of " + client, () -> assertOpen(client, count));
    }

    void assertOpen(String client, int count) throws UnknownHostException {
        assertThat(limiter.openConnections(InetAddress.getByName(client)))
                .as("connections of " + client)
                .isEqualTo(count);
    }

    /** Waits until the client has so many connections that have proved nothing yet. */
    void awaitPending(String client, int count) {
        awaitUsage(client, usage -> assertThat(usage.pendingConnections()).isEqualTo(count));
    }

    /** Waits until this is true of what the client has open; it has something. */
    void awaitUsage(String client, Consumer<ClientUsage> requirement) {
        awaitUntil(
                "what " + client + " has open",
                () -> assertThat(limiter.snapshot().topClients())
                        .filteredOn(usage -> usage.client().equals(Cidr.parse(client)))
                        .singleElement()
                        .satisfies(requirement));
    }

    /** Waits until so many connections have been admitted since the start. */
    void awaitAdmitted(int count) {
        awaitUntil("connections admitted", () -> assertThat(events.admitted()).isEqualTo(count));
    }

    /** Waits until so many connections have been admitted since the start, and each of them closed, once. */
    void awaitClosed(int count) {
        awaitAdmitted(count);
        awaitZero();
    }

    /** Waits until nothing is counted, and each connection that was admitted so far was closed, once. */
    void awaitZero() {
        awaitUntil("nothing counted", this::assertZero);
    }

    private void assertZero() {
        LimiterSnapshot snapshot = limiter.snapshot();
        assertNothingLeft(snapshot);
        assertThat(events.admitted()).isEqualTo(snapshot.admitted());
        assertThat(events.refused()).isEqualTo(snapshot.refused());
        assertThat(events.refused(RefusalReason.PENDING)).isEqualTo(snapshot.refusedPending());
        assertThat(events.refused(RefusalReason.STREAMS)).isEqualTo(snapshot.refusedStreams());
        assertThat(events.refused(RefusalReason.TOTAL)).isEqualTo(snapshot.refusedTotal());
        assertThat(events.refused(RefusalReason.RATE)).isEqualTo(snapshot.refusedRate());
        assertThat(events.refused(RefusalReason.NETWORK)).isEqualTo(snapshot.refusedNetwork());
        assertThat(events.refused(RefusalReason.CLUSTER)).isEqualTo(snapshot.refusedCluster());
        assertThat(events.refusedInDryRun()).isEqualTo(snapshot.dryRunRefused());
        assertThat(events.timedOut(false)).isEqualTo(snapshot.timedOut());
        assertThat(events.timedOut(true)).isEqualTo(snapshot.dryRunTimedOut());
        assertThat(events.closedByClient()).isEqualTo(events.admittedByClient());
    }

    /** Waits until nothing is counted, which must not have taken the sweep. */
    static void awaitNothingLeft(ConnectionLimiter limiter) {
        awaitUntil("nothing counted", () -> assertNothingLeft(limiter.snapshot()));
        assertNothingForgotten(limiter);
    }

    private static void assertNothingLeft(LimiterSnapshot snapshot) {
        assertThat(snapshot.openConnections()).as("open connections").isZero();
        assertThat(snapshot.pendingConnections()).as("pending connections").isZero();
        assertThat(snapshot.streams()).as("streams").isZero();
        assertThat(snapshot.clients()).as("clients").isZero();
        assertThat(snapshot.tarpitOpen()).as("held").isZero();
        assertThat(snapshot.topClients()).isEmpty();
        assertThat(snapshot.topNetworks()).isEmpty();
    }

    private static void assertNothingForgotten(ConnectionLimiter limiter) {
        assertThat(limiter.snapshot().forgotten())
                .as("forgotten connections, which nobody but the sweep has released")
                .isZero();
    }

    static void awaitUntil(String what, ThrowingRunnable assertion) {
        await(what)
                .pollInSameThread()
                .pollDelay(Duration.ZERO)
                .pollInterval(Duration.ofMillis(5))
                .atMost(DEADLINE)
                .untilAsserted(assertion);
    }

    /**
     * Closes the clients, then stops the server: nothing may be counted before, and nothing after. What connlimit
     * warned of, and no test expected, is a failure.
     */
    void end() throws Exception {
        try (log) {
            if (server == null) {
                return;
            }
            try {
                application.release();
                application.completeLater();
                for (TestConnection connection : connections) {
                    connection.close();
                }
                awaitZero();
            } finally {
                server.stop();
            }
            awaitZero();
            assertNothingForgotten(limiter);
            assertThat(log.warnings()).isEmpty();
        }
    }
}
