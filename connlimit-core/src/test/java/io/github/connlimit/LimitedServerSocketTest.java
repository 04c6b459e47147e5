package io.github.connlimit;

import static io.github.connlimit.Addresses.ip;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIOException;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.io.InputStream;
import java.lang.ref.Reference;
import java.net.BindException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.KeyStore;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class LimitedServerSocketTest {

    private static final InetAddress SERVER = ip("127.0.0.1");
    private static final InetAddress GREEDY = ip("127.0.0.2");
    private static final InetAddress MODEST = ip("127.0.0.3");
    private static final String REFUSED = "refused: 127.0.0.2/32 (CONNECTIONS; 2 open, 0 pending, 0 streams; limit 2)";
    private static final Duration DEADLINE = Duration.ofSeconds(20);

    private final RecordingLogger logger = new RecordingLogger();
    private final AtomicLong nanoTime = new AtomicLong();
    private final ConnectionLimiter limiter =
            new ConnectionLimiter(ConnectionLimits.builder().maxPerClient(2).build(), nanoTime::get, logger);
    private final ExecutorService executor = Executors.newCachedThreadPool();
    private final List<Socket> sockets = new CopyOnWriteArrayList<>();
    private final List<ServerSocket> servers = new ArrayList<>();

    @AfterEach
    void everythingEndsAtZero() throws Exception {
        for (ServerSocket server : servers) {
            server.close();
        }
        closeSockets();
        executor.shutdown();
        assertThat(executor.awaitTermination(20, TimeUnit.SECONDS)).isTrue();
        // Those that came in between.
        closeSockets();
        assertThat(limiter.snapshot().clients()).isZero();
        assertThat(limiter.snapshot().openConnections()).isZero();
    }

    private void closeSockets() throws IOException {
        for (Socket socket : sockets) {
            socket.close();
        }
    }

    private LimitedServerSocket listen() throws IOException {
        LimitedServerSocket server = new LimitedServerSocket(0, 200, SERVER, limiter);
        servers.add(server);
        return server;
    }

    private LimitedServerSocket listen(RefusalHandler<? super Socket> handler) throws IOException {
        LimitedServerSocket server = new LimitedServerSocket(limiter, handler);
        servers.add(server);
        server.bind(new InetSocketAddress(SERVER, 0));
        return server;
    }

    private Socket connect(ServerSocket server, InetAddress from) throws IOException {
        Socket socket = new Socket();
        sockets.add(socket);
        socket.bind(new InetSocketAddress(from, 0));
        socket.connect(server.getLocalSocketAddress(), 20_000);
        socket.setSoTimeout(20_000);
        return socket;
    }

    /** Accepts in another thread. */
    private Future<Socket> accepting(ServerSocket server) {
        return executor.submit(() -> {
            Socket socket = server.accept();
            sockets.add(socket);
            return socket;
        });
    }

    private Socket accept(ServerSocket server) throws Exception {
        return accepting(server).get(20, TimeUnit.SECONDS);
    }

    /** Connects and accepts: the server's end. */
    private Socket open(ServerSocket server, InetAddress from) throws Exception {
        connect(server, from);
        return accept(server);
    }

    private static void assertReset(Socket socket) {
        assertThatExceptionOfType(SocketException.class)
                .isThrownBy(() -> socket.getInputStream().read())
                .withMessageContaining("reset");
    }

    /** A client may see the reset when it reads, or while it still waits for its connection. */
    private void assertConnectIsReset(ServerSocket server, InetAddress from) {
        assertThatExceptionOfType(SocketException.class)
                .isThrownBy(() -> connect(server, from).getInputStream().read())
                .withMessageContaining("reset");
    }

    @Test
    void acceptReturnsOnlyWhatIsAdmitted() throws Exception {
        LimitedServerSocket server = listen();
        open(server, GREEDY);
        open(server, GREEDY);
        assertThat(limiter.openConnections(GREEDY)).isEqualTo(2);

        Future<Socket> accepting = accepting(server);
        assertConnectIsReset(server, GREEDY);
        assertThat(accepting).isNotDone();
        Socket modest = connect(server, MODEST);
        Socket accepted = accepting.get(20, TimeUnit.SECONDS);
        assertThat(accepted.getRemoteSocketAddress()).isEqualTo(modest.getLocalSocketAddress());
        assertThat(limiter.openConnections(MODEST)).isEqualTo(1);
        assertThat(limiter.openConnections(GREEDY)).isEqualTo(2);
        assertThat(logger.messages()).containsExactly(REFUSED);
    }

    /** Also if nobody comes any more. */
    @Test
    void theLastRefusalsAreSummedUp() throws Exception {
        AtomicLong clock = new AtomicLong();
        ConnectionLimiter own =
                new ConnectionLimiter(ConnectionLimits.builder().maxPerClient(1).build(), clock::get, logger);
        LimitedServerSocket server = new LimitedServerSocket(0, 200, SERVER, own);
        servers.add(server);
        open(server, GREEDY);
        accepting(server);
        for (int i = 0; i < 3; i++) {
            assertConnectIsReset(server, GREEDY);
        }
        await().atMost(DEADLINE).until(() -> own.snapshot(0).refused() == 3);
        clock.addAndGet(SummaryLog.INTERVAL_NANOS);
        await().atMost(DEADLINE)
                .untilAsserted(() -> assertThat(logger.messages())
                        .last()
                        .isEqualTo("in the last 10 s: 3 connections over the limit; most by 127.0.0.2/32 (3)"));
    }

    @Test
    void anAcceptedSocketIsAnOrdinaryOne() throws Exception {
        LimitedServerSocket server = listen();
        Socket client = connect(server, GREEDY);
        Socket accepted = accept(server);
        assertThat(accepted.isConnected()).isTrue();
        assertThat(accepted.isBound()).isTrue();
        assertThat(accepted.isClosed()).isFalse();
        assertThat(accepted.getInetAddress()).isEqualTo(GREEDY);
        assertThat(accepted.getPort()).isEqualTo(client.getLocalPort());
        assertThat(accepted.getLocalPort()).isEqualTo(server.getLocalPort());
        accepted.setTcpNoDelay(true);
        accepted.setSoTimeout(20_000);
        client.getOutputStream().write("ping".getBytes(StandardCharsets.US_ASCII));
        assertThat(accepted.getInputStream().readNBytes(4))
                .asString(StandardCharsets.US_ASCII)
                .isEqualTo("ping");
        accepted.getOutputStream().write("pong".getBytes(StandardCharsets.US_ASCII));
        accepted.shutdownOutput();
        assertThat(client.getInputStream().readAllBytes())
                .asString(StandardCharsets.US_ASCII)
                .isEqualTo("pong");
        // Half closed is not closed.
        assertThat(limiter.openConnections(GREEDY)).isEqualTo(1);
        accepted.shutdownInput();
        assertThat(limiter.openConnections(GREEDY)).isEqualTo(1);
        accepted.close();
        assertThat(accepted.isClosed()).isTrue();
        assertThat(limiter.openConnections(GREEDY)).isZero();
    }

    private interface Ending {
        void end(Socket accepted) throws IOException;
    }

    static Stream<Arguments> endings() {
        return Stream.of(
                Arguments.of("close", (Ending) Socket::close),
                Arguments.of("input stream", (Ending)
                        socket -> socket.getInputStream().close()),
                Arguments.of("output stream", (Ending)
                        socket -> socket.getOutputStream().close()),
                Arguments.of("reset", (Ending) socket -> {
                    socket.setSoLinger(true, 0);
                    socket.close();
                }));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("endings")
    void everyWayToCloseASocketGivesItsPermitBackOnce(String name, Ending ending) throws Exception {
        LimitedServerSocket server = listen();
        Socket accepted = open(server, GREEDY);
        open(server, GREEDY);
        ending.end(accepted);
        assertThat(limiter.openConnections(GREEDY)).isEqualTo(1);
        accepted.close();
        accepted.close();
        assertThat(limiter.openConnections(GREEDY)).isEqualTo(1);
        open(server, GREEDY);
        assertThat(limiter.openConnections(GREEDY)).isEqualTo(2);
        assertThat(logger.entries).isEmpty();
    }

    @Test
    void aConnectionCountsUntilTheServerClosesIt() throws Exception {
        LimitedServerSocket server = listen();
        Socket finished = connect(server, GREEDY);
        Socket first = accept(server);
        finished.close();
        assertThat(first.getInputStream().read()).isEqualTo(-1);
        assertThat(limiter.openConnections(GREEDY)).isEqualTo(1);
        first.close();
        assertThat(limiter.openConnections(GREEDY)).isZero();

        Socket reset = connect(server, GREEDY);
        Socket second = accept(server);
        reset.setSoLinger(true, 0);
        reset.close();
        assertReset(second);
        assertThat(limiter.openConnections(GREEDY)).isEqualTo(1);
        second.close();
        assertThat(limiter.openConnections(GREEDY)).isZero();
    }

    @Test
    void aSocketClosedByAnotherThreadThanTheOneThatReads() throws Exception {
        LimitedServerSocket server = listen();
        Socket accepted = open(server, GREEDY);
        Future<Integer> reading =
                executor.submit(() -> accepted.getInputStream().read());
        accepted.close();
        assertThatExceptionOfType(ExecutionException.class)
                .isThrownBy(() -> reading.get(20, TimeUnit.SECONDS))
                .withCauseInstanceOf(SocketException.class);
        assertThat(limiter.openConnections(GREEDY)).isZero();
    }

    @Test
    void theLimitsMayChangeWhileItListens() throws Exception {
        LimitedServerSocket server = listen();
        open(server, GREEDY);
        open(server, GREEDY);
        limiter.reconfigure(limits -> limits.toBuilder().maxPerClient(3).build());
        Socket third = open(server, GREEDY);
        limiter.reconfigure(limits -> limits.toBuilder().maxPerClient(2).build());
        third.close();
        Future<Socket> accepting = accepting(server);
        assertConnectIsReset(server, GREEDY);
        connect(server, MODEST);
        assertThat(accepting.get(20, TimeUnit.SECONDS).getInetAddress()).isEqualTo(MODEST);
    }

    @ParameterizedTest
    @EnumSource(Refusal.class)
    void theClientSeesTheRefusalThatIsConfigured(Refusal refusal) throws Exception {
        // By the clock of the test. The sweeper looks for what is due as often as this.
        Duration tarpitTime = Duration.ofMillis(20);
        limiter.reconfigure(limits -> limits.toBuilder()
                .maxPerClient(1)
                .refuse(refusal)
                .tarpitTime(tarpitTime)
                .build());
        LimitedServerSocket server = listen();
        open(server, GREEDY);
        Future<Socket> accepting = accepting(server);
        List<Socket> held = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            switch (refusal) {
                case CLOSE ->
                    assertThat(connect(server, GREEDY).getInputStream().read()).isEqualTo(-1);
                case TARPIT -> held.add(connect(server, GREEDY));
                default -> assertConnectIsReset(server, GREEDY);
            }
        }
        await().atMost(DEADLINE).until(() -> limiter.snapshot().tarpitOpen() == held.size());
        nanoTime.addAndGet(tarpitTime.toNanos());
        held.forEach(LimitedServerSocketTest::assertReset);
        connect(server, MODEST);
        accepting.get(20, TimeUnit.SECONDS);
        assertThat(limiter.snapshot().refused()).isEqualTo(20);
        assertThat(logger.errors()).isEmpty();
    }

    @Test
    void aHandlerOfOnesOwnSaysGoodbye() throws Exception {
        AtomicReference<InetAddress> peer = new AtomicReference<>();
        LimitedServerSocket server = listen((socket, from) -> {
            peer.set(from);
            socket.getOutputStream().write("bye".getBytes(StandardCharsets.US_ASCII));
        });
        open(server, GREEDY);
        open(server, GREEDY);
        Future<Socket> accepting = accepting(server);
        Socket refused = connect(server, GREEDY);
        assertThat(refused.getInputStream().readAllBytes())
                .asString(StandardCharsets.US_ASCII)
                .isEqualTo("bye");
        assertThat(peer).hasValue(GREEDY);
        connect(server, MODEST);
        accepting.get(20, TimeUnit.SECONDS);
        assertThat(logger.messages()).containsExactly(REFUSED);
    }

    static Stream<RefusalHandler<Socket>> badHandlers() {
        return Stream.of(
                (socket, peer) -> {
                    throw new IOException("made up");
                },
                (socket, peer) -> {
                    throw new IllegalStateException("made up");
                },
                (socket, peer) -> {
                    throw new AssertionError("made up");
                });
    }

    @ParameterizedTest
    @MethodSource("badHandlers")
    void aHandlerThatThrowsEndsOnlyItsOwnConnection(RefusalHandler<Socket> handler) throws Exception {
        LimitedServerSocket server = listen(handler);
        open(server, GREEDY);
        open(server, GREEDY);
        Future<Socket> accepting = accepting(server);
        for (int i = 0; i < 3; i++) {
            assertThat(connect(server, GREEDY).getInputStream().read()).isEqualTo(-1);
        }
        connect(server, MODEST);
        accepting.get(20, TimeUnit.SECONDS);
        assertThat(logger.messages()).containsExactly(REFUSED, "refusing a connection failed");
        assertThat(logger.errors().get(0).thrown()).hasMessage("made up");
        assertThat(limiter.openConnections(GREEDY)).isEqualTo(2);
    }

    @Test
    void aHandlerMayCloseTheSocketItself() throws Exception {
        LimitedServerSocket server = listen((socket, peer) -> socket.close());
        open(server, GREEDY);
        open(server, GREEDY);
        Future<Socket> accepting = accepting(server);
        assertThat(connect(server, GREEDY).getInputStream().read()).isEqualTo(-1);
        connect(server, MODEST);
        accepting.get(20, TimeUnit.SECONDS);
        assertThat(logger.messages()).containsExactly(REFUSED);
    }

    @ParameterizedTest
    @EnumSource(ErrorPolicy.class)
    void ifCountingFailsThePolicyDecides(ErrorPolicy policy) throws Exception {
        AtomicBoolean clockFails = new AtomicBoolean();
        Ticker clock = () -> {
            // In the thread that accepts, and once.
            if (!Thread.currentThread().getName().equals("connlimit-sweeper") && clockFails.getAndSet(false)) {
                throw new IllegalStateException("made up");
            }
            return System.nanoTime();
        };
        ConnectionLimiter broken =
                new ConnectionLimiter(ConnectionLimits.builder().onError(policy).build(), clock, logger);
        LimitedServerSocket server = new LimitedServerSocket(0, 0, SERVER, broken);
        servers.add(server);
        server.expectEstablished();
        clockFails.set(true);
        Future<Socket> accepting = accepting(server);
        if (policy == ErrorPolicy.ADMIT) {
            Socket client = connect(server, GREEDY);
            Socket accepted = accepting.get(20, TimeUnit.SECONDS);
            assertThat(broken.openConnections(GREEDY)).isZero();
            accepted.close();
            assertThat(client.getInputStream().read()).isEqualTo(-1);
        } else {
            assertConnectIsReset(server, GREEDY);
            assertThat(accepting).isNotDone();
        }
        connect(server, GREEDY);
        (policy == ErrorPolicy.ADMIT ? accepting(server) : accepting)
                .get(20, TimeUnit.SECONDS)
                .close();
        assertThat(broken.snapshot().clients()).isZero();
        assertThat(broken.snapshot().openConnections()).isZero();
        assertThat(logger.errors()).hasSize(1);
    }

    @Test
    void acceptTimesOut() throws Exception {
        LimitedServerSocket server = listen();
        server.setSoTimeout(20);
        for (int i = 0; i < 3; i++) {
            assertThatExceptionOfType(SocketTimeoutException.class)
                    .isThrownBy(server::accept)
                    .withMessage("Accept timed out");
        }
        server.setSoTimeout(20_000);
        connect(server, GREEDY);
        try (Socket accepted = server.accept()) {
            assertThat(accepted.getSoTimeout()).isZero();
        }
    }

    /** Whoever is refused again and again must not keep the caller from what it does at each time-out. */
    @Test
    void acceptTimesOutThoughSomebodyIsRefusedAllTheTime() throws Exception {
        LimitedServerSocket server = listen();
        open(server, GREEDY);
        open(server, GREEDY);
        server.setSoTimeout(300);
        Future<Socket> accepting = accepting(server);
        long end = System.nanoTime() + DEADLINE.toNanos();
        while (!accepting.isDone() && System.nanoTime() - end < 0) {
            try (Socket refused = connect(server, GREEDY)) {
                refused.setSoTimeout(100);
                refused.getInputStream().read();
            } catch (SocketException | SocketTimeoutException refusedOrTooLate) {
                // The next one.
            }
        }
        assertThat(accepting).isDone();
        assertThatExceptionOfType(ExecutionException.class)
                .isThrownBy(() -> accepting.get(20, TimeUnit.SECONDS))
                .withCauseInstanceOf(SocketTimeoutException.class);
        assertThat(limiter.snapshot().refused()).isPositive();
    }

    @Test
    void aRefusedConnectionAloneIsNoTimeOut() throws Exception {
        LimitedServerSocket server = listen();
        open(server, GREEDY);
        open(server, GREEDY);
        server.setSoTimeout(20_000);
        Future<Socket> accepting = accepting(server);
        assertConnectIsReset(server, GREEDY);
        connect(server, MODEST);
        assertThat(accepting.get(20, TimeUnit.SECONDS).getInetAddress()).isEqualTo(MODEST);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 4})
    void exactlyTheLimitOfAllThatComeAtOnce(int acceptors) throws Exception {
        int limit = 10;
        int connects = 100;
        limiter.reconfigure(limits -> limits.toBuilder().maxPerClient(limit).build());
        LimitedServerSocket server = listen();
        for (int i = 0; i < acceptors; i++) {
            executor.execute(() -> {
                try {
                    while (true) {
                        sockets.add(server.accept());
                    }
                } catch (IOException closed) {
                    // The end of this test.
                }
            });
        }
        List<Future<Socket>> connecting = new ArrayList<>();
        for (int i = 0; i < connects; i++) {
            connecting.add(executor.submit(() -> connect(server, GREEDY)));
        }
        int connected = 0;
        for (Future<Socket> future : connecting) {
            try {
                future.get(30, TimeUnit.SECONDS);
                connected++;
            } catch (ExecutionException reset) {
                assertThat(reset).hasMessageContaining("reset");
            }
        }
        assertThat(connected).isGreaterThanOrEqualTo(limit);
        await().atMost(DEADLINE).until(() -> {
            LimiterSnapshot snapshot = limiter.snapshot();
            return snapshot.admitted() + snapshot.refused() == connects;
        });
        assertThat(limiter.snapshot().admitted()).isEqualTo(limit);
        assertThat(limiter.openConnections(GREEDY)).isEqualTo(limit);
        connect(server, MODEST);
        await().atMost(DEADLINE).until(() -> limiter.openConnections(MODEST) == 1);
        server.close();
    }

    @Test
    void aServerSocketClosedDuringAccept() throws Exception {
        LimitedServerSocket server = listen();
        Socket accepted = open(server, GREEDY);
        AtomicReference<Thread> acceptor = new AtomicReference<>();
        Future<Socket> accepting = executor.submit(() -> {
            acceptor.set(Thread.currentThread());
            return server.accept();
        });
        await().atMost(DEADLINE)
                .until(() -> acceptor.get() != null
                        && Stream.of(acceptor.get().getStackTrace())
                                .anyMatch(frame -> frame.getMethodName().equals("implAccept")));
        server.close();
        assertThatExceptionOfType(ExecutionException.class)
                .isThrownBy(() -> accepting.get(20, TimeUnit.SECONDS))
                .withCauseInstanceOf(SocketException.class);
        // What was accepted before goes on, and counts.
        assertThat(accepted.isClosed()).isFalse();
        assertThat(limiter.openConnections(GREEDY)).isEqualTo(1);
    }

    @Test
    void aServerSocketClosedByTheHandlerOfARefusedConnection() throws Exception {
        LimitedServerSocket[] self = new LimitedServerSocket[1];
        self[0] = listen((socket, peer) -> self[0].close());
        open(self[0], GREEDY);
        open(self[0], GREEDY);
        connect(self[0], GREEDY);
        assertThatExceptionOfType(SocketException.class).isThrownBy(() -> self[0].accept());
    }

    @Test
    void acceptNeedsAnOpenAndBoundSocket() throws Exception {
        LimitedServerSocket server = new LimitedServerSocket(limiter);
        assertThatExceptionOfType(SocketException.class)
                .isThrownBy(server::accept)
                .withMessage("Socket is not bound yet");
        server.close();
        assertThatExceptionOfType(SocketException.class)
                .isThrownBy(server::accept)
                .withMessage("Socket is closed");
    }

    @Test
    void withoutALimiterNothingIsBound() throws Exception {
        int port;
        try (ServerSocket free = new ServerSocket(0, 0, SERVER)) {
            port = free.getLocalPort();
        }
        assertThatNullPointerException()
                .isThrownBy(() -> new LimitedServerSocket(port, 0, SERVER, null))
                .withMessage("limiter");
        assertThatNullPointerException()
                .isThrownBy(() -> new LimitedServerSocket(null))
                .withMessage("limiter");
        try (LimitedServerSocket server = new LimitedServerSocket(port, 0, SERVER, limiter)) {
            assertThat(server.getLocalPort()).isEqualTo(port);
            assertThat(server.getInetAddress()).isEqualTo(SERVER);
            assertThatExceptionOfType(BindException.class)
                    .isThrownBy(() -> new LimitedServerSocket(port, 0, SERVER, limiter));
        }
        assertThatIllegalArgumentException().isThrownBy(() -> new LimitedServerSocket(65_536, 0, SERVER, limiter));
    }

    @Test
    void mayBeSubclassed() throws Exception {
        List<Socket> seen = new ArrayList<>();
        ServerSocket server = new LimitedServerSocket(0, 0, SERVER, limiter) {
            @Override
            public Socket accept() throws IOException {
                Socket socket = super.accept();
                seen.add(socket);
                return socket;
            }
        };
        servers.add(server);
        Socket accepted = open(server, GREEDY);
        assertThat(seen).containsExactly(accepted);
        assertThat(limiter.openConnections(GREEDY)).isEqualTo(1);
    }

    /** The JDK closes the descriptor of a socket that nobody can reach any more; then it must not count either. */
    @Test
    void aSocketThatIsDroppedWithoutBeingClosedIsGivenBack() throws Exception {
        LimitedServerSocket server = listen();
        Socket client = connect(server, GREEDY);
        server.accept();
        connect(server, MODEST).getOutputStream().write(7);
        InputStream held = server.accept().getInputStream();
        await().atMost(DEADLINE).pollInterval(Duration.ofMillis(20)).until(() -> {
            System.gc();
            return limiter.openConnections(GREEDY) == 0;
        });
        assertThat(client.getInputStream().read()).isEqualTo(-1);
        await().atMost(DEADLINE)
                .untilAsserted(() -> assertThat(logger.messages())
                        .containsExactly(
                                "a socket was dropped without being closed: close every one that accept() returns"));
        assertThat(limiter.snapshot().forgotten()).isEqualTo(1);

        // Its stream is enough to keep a socket.
        assertThat(limiter.openConnections(MODEST)).isEqualTo(1);
        assertThat(held.read()).isEqualTo(7);
        held.close();
        assertThat(limiter.openConnections(MODEST)).isZero();
    }

    @Test
    void aServerSocketThatIsDroppedLeavesItsSocketsCounted() throws Exception {
        InetSocketAddress address;
        Socket dropped;
        Socket closed;
        try (LimitedServerSocket server = new LimitedServerSocket(0, 0, SERVER, limiter)) {
            address = new InetSocketAddress(SERVER, server.getLocalPort());
            connect(server, GREEDY);
            dropped = server.accept();
            connect(server, MODEST);
            closed = server.accept();
        }
        System.gc();
        assertThat(address.getPort()).isEqualTo(dropped.getLocalPort()).isEqualTo(closed.getLocalPort());
        assertThat(limiter.snapshot().openConnections()).isEqualTo(2);
        closed.close();
        assertThat(limiter.openConnections(MODEST)).isZero();
        Reference.reachabilityFence(dropped);
        dropped = null;
        await().atMost(DEADLINE).pollInterval(Duration.ofMillis(20)).until(() -> {
            System.gc();
            return limiter.openConnections(GREEDY) == 0;
        });
    }

    /** A TLS socket over an accepted one. */
    @Nested
    class Tls {

        private static SSLContext tls;

        @BeforeAll
        static void makeCertificate(@TempDir Path directory) throws Exception {
            Path file = directory.resolve("test.p12");
            Process keytool = new ProcessBuilder(
                            Path.of(System.getProperty("java.home"), "bin", "keytool")
                                    .toString(),
                            "-genkeypair",
                            "-alias",
                            "test",
                            "-keyalg",
                            "EC",
                            "-dname",
                            "CN=localhost",
                            "-validity",
                            "2",
                            "-storetype",
                            "PKCS12",
                            "-storepass",
                            "changeit",
                            "-keystore",
                            file.toString())
                    .redirectErrorStream(true)
                    .start();
            String output = new String(keytool.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            assertThat(keytool.waitFor()).as(output).isZero();
            char[] password = "changeit".toCharArray();
            KeyStore keys = KeyStore.getInstance(file.toFile(), password);
            KeyManagerFactory keyManagers = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
            keyManagers.init(keys, password);
            KeyStore trusted = KeyStore.getInstance("PKCS12");
            trusted.load(null, null);
            trusted.setCertificateEntry("test", keys.getCertificate("test"));
            TrustManagerFactory trustManagers =
                    TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
            trustManagers.init(trusted);
            tls = SSLContext.getInstance("TLS");
            tls.init(keyManagers.getKeyManagers(), trustManagers.getTrustManagers(), null);
        }

        private SSLSocket over(Socket accepted, boolean autoClose) throws IOException {
            SSLSocket socket = (SSLSocket) tls.getSocketFactory()
                    .createSocket(accepted, accepted.getInetAddress().getHostAddress(), accepted.getPort(), autoClose);
            socket.setUseClientMode(false);
            sockets.add(socket);
            return socket;
        }

        private SSLSocket clientOver(Socket client) throws IOException {
            SSLSocket socket = (SSLSocket) tls.getSocketFactory().createSocket(client, "localhost", 0, true);
            socket.setUseClientMode(true);
            sockets.add(socket);
            return socket;
        }

        private SSLSocket handshake(Socket client, Socket accepted, boolean autoClose) throws Exception {
            SSLSocket server = over(accepted, autoClose);
            Future<Void> handshake = executor.submit(() -> {
                clientOver(client).startHandshake();
                return null;
            });
            server.startHandshake();
            handshake.get(20, TimeUnit.SECONDS);
            return server;
        }

        @Test
        void closingItGivesThePermitBack() throws Exception {
            LimitedServerSocket server = listen();
            Socket client = connect(server, GREEDY);
            Socket accepted = accept(server);
            SSLSocket socket = handshake(client, accepted, true);
            assertThat(limiter.openConnections(GREEDY)).isEqualTo(1);
            socket.close();
            assertThat(accepted.isClosed()).isTrue();
            assertThat(limiter.openConnections(GREEDY)).isZero();
            socket.close();
            accepted.close();
            assertThat(limiter.openConnections(GREEDY)).isZero();
        }

        @Test
        void withoutAutoCloseTheSocketBelowCountsUntilItIsClosed() throws Exception {
            LimitedServerSocket server = listen();
            Socket client = connect(server, GREEDY);
            Socket accepted = accept(server);
            SSLSocket socket = handshake(client, accepted, false);
            Future<Integer> reading =
                    executor.submit(() -> client.getInputStream().read(new byte[1_000]));
            socket.close();
            reading.get(20, TimeUnit.SECONDS);
            assertThat(limiter.openConnections(GREEDY)).isEqualTo(1);
            accepted.close();
            assertThat(limiter.openConnections(GREEDY)).isZero();
        }

        @Test
        void garbageInPlaceOfAHandshake() throws Exception {
            LimitedServerSocket server = listen();
            Socket client = connect(server, GREEDY);
            SSLSocket socket = over(accept(server), true);
            client.getOutputStream().write("GET / HTTP/1.1\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
            assertThatIOException().isThrownBy(socket::startHandshake);
            socket.close();
            assertThat(limiter.openConnections(GREEDY)).isZero();
        }

        @Test
        void aHandshakeThatBreaksOff() throws Exception {
            LimitedServerSocket server = listen();
            Socket client = connect(server, GREEDY);
            SSLSocket socket = over(accept(server), true);
            client.getOutputStream().write(22);
            client.close();
            assertThatIOException().isThrownBy(socket::startHandshake);
            socket.close();
            assertThat(limiter.openConnections(GREEDY)).isZero();
        }
    }
}
