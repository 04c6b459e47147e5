package io.github.connlimit.cluster;

import io.github.connlimit.Cidr;
import io.github.connlimit.ClusterNode;
import io.github.connlimit.ConnectionLimits;
import io.lettuce.core.ClientOptions;
import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisURI;
import io.lettuce.core.protocol.ProtocolVersion;
import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.logging.Level;
import java.util.logging.Logger;

/**
 * Has an engine answer a request for a reservation with any bytes and close the connection: the request has an outcome
 * soon, and if that is a reservation it is one that can be, by which no node takes more than it says.
 */
public final class AnswerFuzz {

    private static final Cidr CLIENT = Cidr.parse("192.0.2.1");
    private static final int LIMIT = 100;
    private static final int OPEN = 40;
    private static final int WANTED = 60;
    private static final Duration LEASE = Duration.ofSeconds(5);
    private static final long DEADLINE_SECONDS = 20;

    /** Kept, or they would be collected with their levels. */
    private static final List<Logger> LOGGERS = List.of(Logger.getLogger("io.lettuce"), Logger.getLogger("io.netty"));

    private static final ServerSocket ENGINE;
    private static final RedisClient CLIENTS;

    /** What the engine answers now. */
    private static volatile byte[] answer = {};

    static {
        LOGGERS.forEach(logger -> logger.setLevel(Level.OFF));
        try {
            ENGINE = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        } catch (IOException cannot) {
            throw new UncheckedIOException(cannot);
        }
        Thread accepting = new Thread(AnswerFuzz::serve, "engine");
        accepting.setDaemon(true);
        accepting.start();
        CLIENTS = RedisClient.create(RedisURI.create("127.0.0.1", ENGINE.getLocalPort()));
        CLIENTS.setOptions(ClientOptions.builder()
                .autoReconnect(false)
                .protocolVersion(ProtocolVersion.RESP2)
                .build());
    }

    private AnswerFuzz() {}

    private static void serve() {
        while (true) {
            try (Socket socket = ENGINE.accept()) {
                serve(socket);
            } catch (IOException left) {
                // The next one.
            }
        }
    }

    /** Until it has answered the script. */
    private static void serve(Socket socket) throws IOException {
        socket.setTcpNoDelay(true);
        DataInputStream in = new DataInputStream(new BufferedInputStream(socket.getInputStream()));
        OutputStream out = socket.getOutputStream();
        while (true) {
            int parts = number(in, '*');
            String command = part(in);
            for (int i = 1; i < parts; i++) {
                part(in);
            }
            if (command.startsWith("EVAL")) {
                out.write(answer);
                return;
            }
            out.write((command.equals("PING") ? "+PONG\r\n" : "+OK\r\n").getBytes(StandardCharsets.US_ASCII));
        }
    }

    private static String part(DataInputStream in) throws IOException {
        byte[] part = new byte[number(in, '$')];
        in.readFully(part);
        in.readFully(new byte[2]);
        return new String(part, StandardCharsets.US_ASCII);
    }

    private static int number(DataInputStream in, char type) throws IOException {
        StringBuilder line = new StringBuilder();
        for (int next = in.readUnsignedByte(); next != '\n'; next = in.readUnsignedByte()) {
            line.append((char) next);
        }
        require(line.charAt(0) == type, line.toString());
        return Integer.parseInt(line.substring(1).trim());
    }

    /** Called by Jazzer again and again. */
    public static void fuzzerTestOneInput(byte[] input) throws Exception {
        answer = input;
        Reservation read = ask();
        if (read == null || read.isLate()) {
            return;
        }
        require(read.connections() >= 0 && read.connections() <= WANTED && read.epoch() != null, read.toString());
        take(read);
    }

    /** {@return {@code null} if the request has failed} */
    private static Reservation ask() throws InterruptedException {
        try (RedisReservationStore store =
                new RedisReservationStore(RedisConnection.by(() -> CLIENTS), "fuzz", LEASE)) {
            long begin = System.nanoTime();
            while (!store.isConnected()) {
                require(System.nanoTime() - begin < TimeUnit.SECONDS.toNanos(DEADLINE_SECONDS), store.failure());
                Thread.sleep(1);
            }
            ReservationRequest request = new ReservationRequest(
                    ReservationStore.slice(CLIENT.toString()), "a", CLIENT.toString(), 1, WANTED, OPEN, 1, 0, LIMIT);
            try {
                return store.reserve(List.of(request))
                        .get(0)
                        .toCompletableFuture()
                        .get(DEADLINE_SECONDS, TimeUnit.SECONDS);
            } catch (ExecutionException refused) {
                require(store.reason(refused) != null, "no reason");
                return null;
            } catch (TimeoutException late) {
                throw new AssertionError("no outcome", late);
            }
        }
    }

    /** Has a node get such an answer to whatever it asks for. */
    private static void take(Reservation read) {
        Node node = new Node();
        ClusterCoordinator coordinator =
                new ClusterCoordinator("a", new Answering(read), node, LEASE, new Silent(), node::nanoTime);
        int free = node.limits().freeOf(LIMIT);
        for (int i = 0; i < 3; i++) {
            int allowed = coordinator.allowed(CLIENT, OPEN, LIMIT);
            require(
                    allowed >= 1 && allowed <= Math.min(LIMIT, Math.max(free, read.connections())),
                    allowed + " by " + read);
            coordinator.tick();
            node.now += LEASE.toNanos() / 3;
        }
    }

    /** A node with one client. */
    private static final class Node implements ClusterNode {

        private final ConnectionLimits limits =
                ConnectionLimits.builder().maxPerClient(LIMIT).build();
        private long now;

        private long nanoTime() {
            return now;
        }

        @Override
        public int open(Cidr client) {
            return OPEN;
        }

        @Override
        public ConnectionLimits limits() {
            return limits;
        }

        @Override
        public void report(String what, Throwable error) {
            throw new AssertionError(what, error);
        }
    }

    /** Has one answer to everything, as far as that can be. */
    private record Answering(Reservation answer) implements ReservationStore {

        @Override
        public List<CompletionStage<Reservation>> reserve(List<ReservationRequest> requests) {
            return requests.stream()
                    .map(request -> (CompletionStage<Reservation>)
                            CompletableFuture.completedFuture(answer.atMost(request.wanted())))
                    .toList();
        }

        @Override
        public String reason(Throwable error) {
            throw new AssertionError(error);
        }

        @Override
        public boolean isConnected() {
            return true;
        }

        @Override
        public String failure() {
            return "";
        }

        @Override
        public int connections() {
            return 1;
        }

        @Override
        public void close() {}
    }

    /** Whom nothing need be told. */
    private static final class Silent implements ClusterCoordinator.Listener {

        @Override
        public void inDemand() {}

        @Override
        public void limitsDiffer(Cidr client, int limit, int otherLimit) {
            require(otherLimit > 0 && otherLimit != limit, limit + ", " + otherLimit);
        }

        @Override
        public void forgotten() {}

        @Override
        public void failed(String reason) {
            throw new AssertionError(reason);
        }

        @Override
        public void tooMany() {}
    }

    private static void require(boolean holds, String text) {
        if (!holds) {
            throw new AssertionError(text);
        }
    }
}
