package io.github.connlimit.cluster;

import io.lettuce.core.AbstractRedisClient;
import io.lettuce.core.ClientOptions;
import io.lettuce.core.RedisChannelHandler;
import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisCommandExecutionException;
import io.lettuce.core.RedisConnectionException;
import io.lettuce.core.RedisConnectionStateListener;
import io.lettuce.core.RedisURI;
import io.lettuce.core.SocketOptions;
import io.lettuce.core.api.StatefulConnection;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.cluster.ClusterClientOptions;
import io.lettuce.core.cluster.RedisClusterClient;
import io.lettuce.core.cluster.RedisClusterURIUtil;
import io.lettuce.core.cluster.api.StatefulRedisClusterConnection;
import io.lettuce.core.cluster.api.async.RedisClusterAsyncCommands;
import io.lettuce.core.codec.StringCodec;
import io.lettuce.core.resource.ClientResources;
import io.lettuce.core.resource.Delay;
import java.net.SocketAddress;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A connection to one Redis or Valkey, by Sentinel, or to a Redis Cluster. It is made again when it has ended, when
 * it is there but has not answered for a while, and when the engine says that another one is to be asked: what was cut off
 * silently would otherwise come back as late as TCP tries again, and a primary that has become a replica never. How patient a
 * client of the application is does not matter. This class is thread-safe, and never waits.
 *
 * <p>Lettuce is never called with the monitor held: some of its calls wait for its own threads, and those tell of answers here.
 */
final class RedisConnection implements AutoCloseable {

    /** Of a Redis Cluster, whose connections Lettuce makes again. */
    private static final Delay RECONNECT =
            Delay.exponential(Duration.ofMillis(50), Duration.ofSeconds(1), 2, TimeUnit.MILLISECONDS);

    private static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(2);

    /** An engine that is gone is not asked for a connection more often. */
    private static final long RETRY_NANOS = TimeUnit.MILLISECONDS.toNanos(500);

    /** After so many batches without an answer, one after the other. */
    private static final int MOST_UNANSWERED = 3;

    /** If some of a batch are answered and others not, Lettuce has that long to find another node by itself. */
    private static final long PARTIAL_NANOS = TimeUnit.SECONDS.toNanos(5);

    /** By these, an engine says that another one is to be asked, or that the connection is not what it was. */
    private static final Set<String> ELSEWHERE = Set.of("READONLY", "MOVED", "CLUSTERDOWN", "MASTERDOWN", "NOAUTH");

    /** What an error is called. Those in a script may have it within their text, or not at all. */
    private static final Pattern CODE = Pattern.compile("^([A-Z]{2,20})\\b|: -?([A-Z]{2,20}) ");

    /** What a script is told that calls what its user may not: by Redis, and by Valkey since 8.1. */
    private static final Pattern NOT_ALLOWED = Pattern.compile("The user executing the script|ACL failure in script");

    /**
     * So long after {@link #close}, a connection by a client of the application is closed; the application may shut its client
     * down before. And so long, a client of its own waits for its connection to be closed.
     */
    private static final long CLOSE_SECONDS = 1;

    private final Supplier<CompletionStage<? extends StatefulConnection<String, String>>> connector;

    /** Gives back the client; {@code null} for a client of the application. */
    private final Runnable end;

    // Guarded by this, as all that follows.

    /** What is used until {@link #connecting} has come to something better; {@code null} if there never was any. */
    private StatefulConnection<String, String> present;

    /** The latest attempt. */
    private CompletableFuture<StatefulConnection<String, String>> connecting = new CompletableFuture<>();

    private long connectingNanos = System.nanoTime();
    private int connections;
    private int unanswered;

    /** Of the latest attempt to connect, or of the latest batch; {@code null} if it has not failed. */
    private Throwable failure;

    private boolean closed;

    private RedisConnection(
            Supplier<CompletionStage<? extends StatefulConnection<String, String>>> connector, Runnable end) {
        this.connector = connector;
        this.end = end;
        connect(connecting);
    }

    private void connect(CompletableFuture<StatefulConnection<String, String>> made) {
        attempt().whenComplete((connection, error) -> {
            StatefulConnection<String, String> replaced = note(connection, error);
            if (error != null) {
                made.completeExceptionally(error);
                return;
            }
            connection.addListener(new RedisConnectionStateListener() {
                @Override
                public void onRedisConnected(RedisChannelHandler<?, ?> again, SocketAddress address) {
                    if (!notedAgain(connection)) {
                        connection.closeAsync();
                    }
                }
            });
            made.complete(connection);
            closeLater(replaced);
        });
    }

    private CompletionStage<? extends StatefulConnection<String, String>> attempt() {
        try {
            return connector.get();
        } catch (Throwable error) {
            // As if it had failed later: otherwise there would never be another attempt.
            return CompletableFuture.failedFuture(error);
        }
    }

    /** Notes what an attempt has come to. {@return what it replaces, or {@code null}} */
    private synchronized StatefulConnection<String, String> note(
            StatefulConnection<String, String> connection, Throwable error) {
        failure = isReason(root(error)) ? error : failure;
        if (error != null) {
            return null;
        }
        StatefulConnection<String, String> replaced = present;
        present = connection;
        connections++;
        return replaced;
    }

    /** A connection that the engine ends at once may be gone before Lettuce looks. What it says then is no reason. */
    private boolean isReason(Throwable root) {
        return !(root instanceof RedisConnectionException)
                && (failure == null || !(root instanceof IllegalStateException));
    }

    /** Lettuce has connected again by itself. {@return whether that was not too late} */
    private synchronized boolean notedAgain(StatefulConnection<String, String> connection) {
        boolean current = !closed && present == connection;
        connections += current ? 1 : 0;
        return current;
    }

    /**
     * Begins to connect by a client of the application, which is not shut down.
     *
     * @param client asked for each connection
     */
    static RedisConnection by(Supplier<? extends AbstractRedisClient> client) {
        return new RedisConnection(
                () -> CompletableFuture.supplyAsync(() -> connect(client.get()), RedisConnection::inThread), null);
    }

    /** Waits for the connection: what the client connects to is known to the client only, and by this way only. */
    private static StatefulConnection<String, String> connect(AbstractRedisClient client) {
        if (client instanceof RedisClusterClient cluster) {
            // What it knows may be why there is another attempt.
            cluster.refreshPartitions();
            return cluster.connect(StringCodec.UTF8);
        }
        return batching(((RedisClient) client).connect(StringCodec.UTF8));
    }

    private static void inThread(Runnable task) {
        Thread thread = new Thread(task, "connlimit-cluster-client");
        thread.setDaemon(true);
        thread.start();
    }

    /**
     * Begins to connect.
     *
     * @param uri of one engine, of Sentinels, or of several nodes of a Redis Cluster
     * @throws IllegalArgumentException if it is no such URI; the message may have the password in it
     */
    static RedisConnection to(String uri) {
        boolean cluster = !uri.contains("-sentinel://") && uri.contains(",");
        List<RedisURI> uris = cluster ? nodes(uri) : List.of(one(uri));
        ClientResources resources =
                ClientResources.builder().reconnectDelay(RECONNECT).build();
        SocketOptions sockets =
                SocketOptions.builder().connectTimeout(CONNECT_TIMEOUT).build();
        // Until the end of the handshake, TLS and Redis's own.
        uris.forEach(one -> one.setTimeout(CONNECT_TIMEOUT));
        if (cluster) {
            RedisClusterClient client = RedisClusterClient.create(resources, uris);
            client.setOptions(ClusterClientOptions.builder()
                    .disconnectedBehavior(ClientOptions.DisconnectedBehavior.REJECT_COMMANDS)
                    .socketOptions(sockets)
                    .build());
            return new RedisConnection(
                    () -> client.refreshPartitionsAsync()
                            .thenCompose(known -> client.connectAsync(StringCodec.UTF8))
                            .thenCompose(RedisConnection::toItsNodes),
                    () -> end(client, resources));
        }
        RedisClient client = RedisClient.create(resources);
        client.setOptions(ClientOptions.builder()
                .autoReconnect(false)
                .socketOptions(sockets)
                .build());
        return new RedisConnection(
                () -> client.connectAsync(StringCodec.UTF8, uris.get(0)).thenApply(RedisConnection::batching),
                () -> end(client, resources));
    }

    /** Otherwise, Lettuce connects to a node when it is first asked for something, and rejects that meanwhile. */
    private static CompletionStage<StatefulRedisClusterConnection<String, String>> toItsNodes(
            StatefulRedisClusterConnection<String, String> connection) {
        CompletableFuture<?>[] nodes = connection.getPartitions().stream()
                .filter(node -> !node.getSlots().isEmpty())
                .map(node -> toNode(connection, node.getUri()))
                .toArray(CompletableFuture[]::new);
        // Those that cannot be had do not keep it from the others.
        return CompletableFuture.allOf(nodes)
                .completeOnTimeout(null, CONNECT_TIMEOUT.toMillis(), TimeUnit.MILLISECONDS)
                .handle((connected, error) -> connection);
    }

    /** By its host and port, as Lettuce does for a key. */
    private static CompletableFuture<?> toNode(
            StatefulRedisClusterConnection<String, String> connection, RedisURI node) {
        try {
            return connection.getConnectionAsync(node.getHost(), node.getPort());
        } catch (RuntimeException unknown) {
            return CompletableFuture.failedFuture(unknown);
        }
    }

    private static RedisURI one(String uri) {
        RedisURI read = RedisURI.create(uri);
        String host = read.getSentinels().isEmpty() ? read.getHost() : "sentinel";
        // Lettuce takes a port that is no number for a part of the name.
        if (host == null || host.matches("[^:]*:[^:]*")) {
            throw new IllegalArgumentException("no host, or no number for its port");
        }
        return read;
    }

    private static List<RedisURI> nodes(String uri) {
        return RedisClusterURIUtil.toRedisURIs(URI.create(uri));
    }

    /** All requests of a batch go in one write. */
    private static StatefulRedisConnection<String, String> batching(
            StatefulRedisConnection<String, String> connection) {
        connection.setAutoFlushCommands(false);
        return connection;
    }

    private static void end(AbstractRedisClient client, ClientResources resources) {
        client.shutdownAsync(0, 1, TimeUnit.SECONDS).whenComplete((ended, error) -> resources.shutdown());
    }

    /** {@return the connection, or {@code null} while there is none that is open} */
    private StatefulConnection<String, String> connection() {
        StatefulConnection<String, String> used = present();
        if (isOpen(used)) {
            return used;
        }
        connectAgain(RETRY_NANOS);
        return null;
    }

    private synchronized StatefulConnection<String, String> present() {
        return present;
    }

    private static boolean isOpen(StatefulConnection<String, String> connection) {
        // One to a Redis Cluster stands for several, and never says that it is open.
        return connection instanceof StatefulRedisClusterConnection
                ? !((RedisChannelHandler<?, ?>) connection).isClosed()
                : connection != null && connection.isOpen();
    }

    /**
     * In place of what is there, if the latest attempt has ended, and has not begun a moment ago. What is there is used until
     * the new one is.
     */
    private void connectAgain(long momentNanos) {
        CompletableFuture<StatefulConnection<String, String>> next = new CompletableFuture<>();
        synchronized (this) {
            long now = System.nanoTime();
            if (closed || !connecting.isDone() || now - connectingNanos < momentNanos) {
                return;
            }
            connecting = next;
            connectingNanos = now;
            unanswered = 0;
        }
        connect(next);
    }

    /** Nothing comes by it any more. {@return what is to be closed, or {@code null}} */
    private synchronized StatefulConnection<String, String> dropPresent() {
        StatefulConnection<String, String> dropped = closed ? null : present;
        present = closed ? present : null;
        return dropped;
    }

    /** Answers may still be on their way. */
    private static void closeLater(StatefulConnection<String, String> replaced) {
        if (replaced != null) {
            CompletableFuture.delayedExecutor(CLOSE_SECONDS, TimeUnit.SECONDS).execute(() -> close(replaced));
        }
    }

    /** One that has ended is not closed: Lettuce would warn of that. */
    private static CompletableFuture<Void> close(StatefulConnection<String, String> connection) {
        return isOpen(connection) ? connection.closeAsync() : CompletableFuture.completedFuture(null);
    }

    /** Also what is not there yet. */
    private CompletableFuture<Void> closeAll() {
        CompletableFuture<StatefulConnection<String, String>> latest;
        StatefulConnection<String, String> used;
        synchronized (this) {
            latest = connecting;
            used = present;
        }
        CompletableFuture<Void> next =
                latest.thenCompose(made -> made == used ? CompletableFuture.completedFuture(null) : close(made));
        return used == null ? next : close(used).thenCombine(next, (one, other) -> null);
    }

    /** {@return what sends commands, or {@code null} while there is no connection} */
    RedisClusterAsyncCommands<String, String> commands() {
        StatefulConnection<String, String> connection = connection();
        if (connection instanceof StatefulRedisClusterConnection<String, String> cluster) {
            return cluster.async();
        }
        return connection == null ? null : ((StatefulRedisConnection<String, String>) connection).async();
    }

    /** Sends what has been asked for. A cluster's commands have been sent already: they are for several nodes. */
    void flush() {
        if (connection() instanceof StatefulRedisConnection<String, String> one) {
            one.flushCommands();
        }
    }

    /** Says how a batch is answered: {@link Batch#answered} for each of its requests. */
    Batch batch(int requests) {
        return new Batch(requests);
    }

    /** What is asked for at once, and how it is answered. */
    final class Batch {

        private final AtomicInteger open;

        /** Of those that were not carried out. */
        private final AtomicReference<Throwable> error = new AtomicReference<>();

        private final AtomicBoolean any = new AtomicBoolean();

        private Batch(int requests) {
            open = new AtomicInteger(requests);
        }

        /** @param failure {@code null} if the request was carried out */
        void answered(Throwable failure) {
            Throwable cause = root(failure);
            if (cause == null || cause instanceof RedisCommandExecutionException) {
                any.set(true);
            }
            if (cause != null) {
                // What the engine says tells more than that it says nothing.
                error.accumulateAndGet(
                        cause, (one, next) -> one instanceof RedisCommandExecutionException ? one : next);
            }
            if (open.decrementAndGet() == 0) {
                RedisConnection.this.answered(any.get(), error.get());
            }
        }
    }

    private void answered(boolean any, Throwable error) {
        int inARow;
        boolean cluster;
        synchronized (this) {
            failure = error;
            unanswered = any ? 0 : unanswered + 1;
            inARow = unanswered;
            cluster = present instanceof StatefulRedisClusterConnection;
        }
        if (inARow >= MOST_UNANSWERED) {
            close(dropPresent());
            connectAgain(RETRY_NANOS);
        } else if (error != null && (cluster || ELSEWHERE.contains(reason(error)))) {
            connectAgain(cluster ? PARTIAL_NANOS : RETRY_NANOS);
        }
    }

    boolean isOpen() {
        return connection() != null;
    }

    /** {@return why there is no connection, or no answer; empty if that is not known, or there is} */
    synchronized String failure() {
        return reason(failure);
    }

    /** {@return what an error is called, without any secret; empty if it only took too long, or there is none} */
    static String reason(Throwable error) {
        Throwable cause = root(error);
        if (cause == null || cause instanceof TimeoutException) {
            return "";
        }
        String message = String.valueOf(cause.getMessage());
        return cause instanceof RedisCommandExecutionException
                ? code(message)
                : cause.getClass().getSimpleName() + ": " + message;
    }

    /** What is around the word that names the error may be what was sent, and so the password. */
    private static String code(String message) {
        if (NOT_ALLOWED.matcher(message).find()) {
            return "NOPERM";
        }
        String code = "";
        for (Matcher matcher = CODE.matcher(message); matcher.find() && (code.isEmpty() || code.equals("ERR")); ) {
            code = matcher.group(1) == null ? matcher.group(2) : matcher.group(1);
        }
        return code.isEmpty() ? "ERR" : code;
    }

    private static Throwable root(Throwable error) {
        Throwable root = error;
        while (root != null && root.getCause() != null) {
            root = root.getCause();
        }
        return root;
    }

    /** {@return how often a connection has been made} */
    synchronized int connections() {
        return connections;
    }

    @Override
    public void close() {
        if (!noteClosed()) {
            return;
        }
        if (end == null) {
            // If the client is shut down next, that closes the connection, and Lettuce would warn of a second time.
            CompletableFuture.delayedExecutor(CLOSE_SECONDS, TimeUnit.SECONDS).execute(this::closeAll);
        } else {
            inThread(this::end);
        }
    }

    /** The connection first: a client alone closes those to the nodes of a Redis Cluster twice, and warns. It waits. */
    private void end() {
        try {
            closeAll().get(CLOSE_SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException | ExecutionException | TimeoutException notConnected) {
            // The client closes what there is.
        } finally {
            end.run();
        }
    }

    /** {@return whether it was not closed before} */
    private synchronized boolean noteClosed() {
        boolean first = !closed;
        closed = true;
        return first;
    }
}
