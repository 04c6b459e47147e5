package io.github.connlimit;

import static io.github.connlimit.Addresses.ip;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.lang.ref.WeakReference;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A server that says when its connections are established. */
@Timeout(60)
class LimitedServerSocketDeadlineTest {

    private static final InetAddress SERVER = ip("127.0.0.1");
    private static final InetAddress PEER = ip("127.0.0.2");
    private static final Duration DEADLINE = Duration.ofSeconds(20);

    /** By the clock of the test. The sweeper looks for what is due as often as this. */
    private static final Duration TIMEOUT = Duration.ofMillis(20);

    private final AtomicLong nanoTime = new AtomicLong();
    private final RecordingLogger logger = new RecordingLogger();
    private final RecordingListener listener = new RecordingListener();
    private final ConnectionLimiter limiter = new ConnectionLimiter(
            ConnectionLimits.builder()
                    .maxPerClient(10)
                    .handshakeTimeout(TIMEOUT)
                    .build(),
            nanoTime::get,
            logger,
            listener);
    private final List<Socket> sockets = new ArrayList<>();
    private final Set<Thread> threadsBefore = sweepers();
    private LimitedServerSocket server;

    @BeforeEach
    void listen() throws IOException {
        server = new LimitedServerSocket(0, 50, SERVER, limiter);
        server.setSoTimeout(20_000);
        server.expectEstablished();
        server.expectEstablished();
    }

    @AfterEach
    void everythingEndsAtZeroAndItsThreadWithIt() throws Exception {
        for (Socket socket : sockets) {
            socket.close();
        }
        server.close();
        assertThat(limiter.snapshot().clients()).isZero();
        assertThat(limiter.snapshot().openConnections()).isZero();
        await().atMost(DEADLINE).until(() -> newSweepers().isEmpty());
    }

    /** Those that a server socket might begin. */
    private static Set<Thread> threads() {
        Set<Thread> threads = new HashSet<>(Thread.getAllStackTraces().keySet());
        threads.removeIf(thread -> !thread.getName().matches("(Cleaner-|connlimit-).*"));
        return threads;
    }

    private static Set<Thread> sweepers() {
        Set<Thread> sweepers = new HashSet<>(Thread.getAllStackTraces().keySet());
        sweepers.removeIf(thread -> !thread.getName().equals("connlimit-sweeper"));
        return sweepers;
    }

    private Set<Thread> newSweepers() {
        Set<Thread> now = sweepers();
        now.removeAll(threadsBefore);
        return now;
    }

    private Socket connect() throws IOException {
        Socket socket = new Socket();
        sockets.add(socket);
        socket.bind(new InetSocketAddress(PEER, 0));
        socket.connect(server.getLocalSocketAddress(), 20_000);
        socket.setSoTimeout(20_000);
        return socket;
    }

    /** The server's end, accepted after the client has connected. */
    private Socket accept() throws IOException {
        Socket socket = server.accept();
        sockets.add(socket);
        return socket;
    }

    private static void assertEnded(Socket client) throws IOException {
        try {
            assertThat(client.getInputStream().read()).isEqualTo(-1);
        } catch (SocketException reset) {
            assertThat(reset).hasMessageContaining("reset");
        }
    }

    /** Lets time pass until so many connections have missed their deadline. */
    private void awaitTimedOut(int connections) {
        await().atMost(DEADLINE).pollInterval(Duration.ofMillis(5)).until(() -> {
            nanoTime.addAndGet(TIMEOUT.toNanos());
            return limiter.snapshot().timedOut() == connections;
        });
    }

    @Test
    void aSilentConnectionIsClosed() throws Exception {
        Socket client = connect();
        Socket accepted = accept();
        awaitTimedOut(1);
        assertEnded(client);
        await().atMost(DEADLINE).until(accepted::isClosed);
        assertThat(limiter.openConnections(PEER)).isZero();
        assertThat(LimitedServerSocket.permit(accepted)).isEmpty();
        assertThat(logger.messages())
                .contains("timed out: 127.0.0.2/32 (HANDSHAKE within 20 ms; 0 open, 0 pending, 0 streams; limit 10)");
    }

    @Test
    void anEstablishedConnectionStays() throws Exception {
        Socket client = connect();
        Socket established = accept();
        LimitedServerSocket.permit(established).orElseThrow().established();
        assertThat(limiter.snapshot().topClients().get(0).pendingConnections()).isZero();
        // Each later than the one before, and so closed later.
        for (int i = 1; i <= 2; i++) {
            Socket silent = connect();
            accept();
            awaitTimedOut(i);
            assertEnded(silent);
        }
        established.getOutputStream().write('x');
        assertThat(client.getInputStream().read()).isEqualTo('x');
        assertThat(limiter.openConnections(PEER)).isOne();
    }

    @Test
    void oneThatIsNotEstablishedIsPending() throws Exception {
        connect();
        accept();
        assertThat(limiter.snapshot().topClients().get(0).pendingConnections()).isOne();
    }

    @Test
    void aPermitIsThatOfTheConnection() throws Exception {
        connect();
        Socket accepted = accept();
        LimitedServerSocket.permit(accepted).orElseThrow().close();
        assertThat(limiter.openConnections(PEER)).isZero();
        Socket other = sockets.get(0);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> LimitedServerSocket.permit(other))
                .withMessageStartingWith("socket: ")
                .withMessageEndingWith(" was not returned by a LimitedServerSocket's accept()");
    }

    @Test
    void theSweeperIsOneDaemonThatGoesOnWhenItIsInterrupted() throws Exception {
        assertThat(newSweepers()).singleElement().satisfies(sweeper -> {
            assertThat(sweeper.isDaemon()).isTrue();
            sweeper.interrupt();
        });
        await().atMost(DEADLINE).until(() -> logger.messages().contains("the sweeper was interrupted and goes on"));
        Socket client = connect();
        accept();
        awaitTimedOut(1);
        assertEnded(client);
    }

    @Test
    void theSweeperGoesOnForTheConnectionsOfAServerSocketThatIsClosed() throws Exception {
        Socket client = connect();
        accept();
        server.close();
        awaitTimedOut(1);
        assertEnded(client);
    }

    @Test
    void aServerSocketHasNoThreadUntilItAcceptsAndThenOne() throws Exception {
        Set<Thread> before = threads();
        try (LimitedServerSocket one = new LimitedServerSocket(0, 50, SERVER, limiter);
                LimitedServerSocket other = new LimitedServerSocket(limiter)) {
            assertThat(threads()).isEqualTo(before);
            one.setSoTimeout(1);
            for (int i = 0; i < 2; i++) {
                assertThatExceptionOfType(SocketTimeoutException.class).isThrownBy(one::accept);
            }
            Set<Thread> more = threads();
            more.removeAll(before);
            assertThat(more)
                    .singleElement()
                    .satisfies(thread -> assertThat(thread.getName()).isEqualTo("connlimit-sweeper"));
            assertThat(other.isClosed()).isFalse();
        }
        await().atMost(DEADLINE).until(() -> newSweepers().size() == 1);
    }

    @Test
    void aServerSocketThatWasDroppedIsCollected() throws Exception {
        WeakReference<LimitedServerSocket> dropped = dropOne();
        await().atMost(DEADLINE).until(() -> {
            System.gc();
            return dropped.get() == null;
        });
        await().atMost(DEADLINE).until(() -> newSweepers().size() == 1);
    }

    private WeakReference<LimitedServerSocket> dropOne() throws IOException {
        LimitedServerSocket one = new LimitedServerSocket(0, 50, SERVER, limiter);
        one.expectEstablished();
        one.setSoTimeout(1);
        assertThatExceptionOfType(SocketTimeoutException.class).isThrownBy(one::accept);
        return new WeakReference<>(one);
    }

    /** No deadline and not pending, as nobody says when it is established. */
    @Test
    void aServerThatSaysNothingHasNoDeadlines() throws Exception {
        try (LimitedServerSocket silent = new LimitedServerSocket(0, 50, SERVER, limiter)) {
            silent.setSoTimeout(20_000);
            try (Socket client = new Socket(SERVER, silent.getLocalPort());
                    Socket accepted = silent.accept()) {
                Callable<ClientUsage> only =
                        () -> limiter.snapshot().topClients().get(0);
                assertThat(only.call().openConnections()).isOne();
                assertThat(only.call().pendingConnections()).isZero();
                assertThat(client.isConnected()).isTrue();
                assertThat(accepted.isConnected()).isTrue();
            }
        }
    }
}
