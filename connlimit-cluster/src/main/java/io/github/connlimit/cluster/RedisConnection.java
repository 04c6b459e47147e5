package io.github.connlimit.cluster;

import io.lettuce.core.AbstractRedisClient;
import io.lettuce.core.ClientOptions;
import io.lettuce.core.RedisChannelHandler;
import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisCommandExecutionException;
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
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;

/**
 * A connection to one Redis or Valkey, by Sentinel, or to a Redis Cluster. It is made again when it has ended, and when it is
 * there but has not answered for a while: what was cut off silently would otherwise come back as late as TCP tries again. How
 * patient a client of the application is does not matter. This class is thread-safe, and never waits.
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

    /**
     * So long after {@link #close}, a connection by a client of the application is closed; the application may shut its client
     * down before. And so long, a client of its own waits for its connection to be closed.
     */
    private static final long CLOSE_SECONDS = 1;

    private final Supplier<CompletionStage<? extends StatefulConnection<String, String>>> connector;

    /** Gives back the client; {@code null} for a client of the application. */
    private final Runnable end;

    // Guarded by this, as all that follows.
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
        attempt()
                .thenApply(connection -> {
                    connection.addListener(new RedisConnectionStateListener() {
                        @Override
                        public void onRedisConnected(RedisChannelHandler<?, ?> again, SocketAddress address) {
                            if (!notedAgain(made)) {
                                connection.closeAsync();
                            }
                        }
                    });
                    return connection;
                })
                .whenComplete((connection, error) -> {
                    noteConnecting(error);
                    if (error == null) {
                        made.complete(connection);
                    } else {
                        made.completeExceptionally(error);
                    }
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

    private synchronized void noteConnecting(Throwable error) {
        // A connection that the engine ends at once may be gone before Lettuce looks. What it says then is no reason.
        failure = failure != null && root(error) instanceof IllegalStateException ? failure : error;
        connections += error == null ? 1 : 0;
    }

    /** Lettuce has connected again by itself. {@return whether that was not too late} */
    private synchronized boolean notedAgain(CompletableFuture<StatefulConnection<String, String>> made) {
        boolean current = !closed && connecting == made;
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
        return client instanceof RedisClusterClient cluster
                ? cluster.connect(StringCodec.UTF8)
                : batching(((RedisClient) client).connect(StringCodec.UTF8));
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
                    () -> client.refreshPartitionsAsync().thenCompose(known -> client.connectAsync(StringCodec.UTF8)),
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
        CompletableFuture<StatefulConnection<String, String>> latest = latest();
        StatefulConnection<String, String> present = latest.isCompletedExceptionally() ? null : latest.getNow(null);
        if (isOpen(present)) {
            return present;
        }
        connectAgain(latest);
        return null;
    }

    private synchronized CompletableFuture<StatefulConnection<String, String>> latest() {
        return connecting;
    }

    private static boolean isOpen(StatefulConnection<String, String> connection) {
        // One to a Redis Cluster stands for several, and never says that it is open.
        return connection instanceof StatefulRedisClusterConnection
                ? !((RedisChannelHandler<?, ?>) connection).isClosed()
                : connection != null && connection.isOpen();
    }

    /** In place of the latest attempt, if that has ended, and was not a moment ago. */
    private void connectAgain(CompletableFuture<StatefulConnection<String, String>> latest) {
        CompletableFuture<StatefulConnection<String, String>> next = new CompletableFuture<>();
        synchronized (this) {
            long now = System.nanoTime();
            if (closed || connecting != latest || !latest.isDone() || now - connectingNanos < RETRY_NANOS) {
                return;
            }
            connecting = next;
            connectingNanos = now;
            unanswered = 0;
        }
        close(latest);
        connect(next);
    }

    /** Also if it is not there yet. One that has ended is not closed: Lettuce would warn of that. */
    private static CompletableFuture<Void> close(CompletableFuture<StatefulConnection<String, String>> connecting) {
        return connecting.thenCompose(
                connection -> isOpen(connection) ? connection.closeAsync() : CompletableFuture.completedFuture(null));
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

    /**
     * Says how a batch has been answered.
     *
     * @param error {@code null} if it was
     */
    void answered(Throwable error) {
        if (noteAnswered(error) >= MOST_UNANSWERED) {
            connectAgain(latest());
        }
    }

    private synchronized int noteAnswered(Throwable error) {
        failure = error;
        unanswered = error == null ? 0 : unanswered + 1;
        return unanswered;
    }

    boolean isOpen() {
        return connection() != null;
    }

    /** {@return why there is no connection, or no answer; empty if that is not known, or there is} */
    synchronized String failure() {
        Throwable cause = root(failure);
        if (cause == null || cause instanceof TimeoutException) {
            return "";
        }
        String message = String.valueOf(cause.getMessage());
        // What follows the word that names it may be what was sent, and so the password.
        return cause instanceof RedisCommandExecutionException
                ? message.split(" ", 2)[0]
                : cause.getClass().getSimpleName() + ": " + message;
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
            CompletableFuture.delayedExecutor(CLOSE_SECONDS, TimeUnit.SECONDS).execute(() -> close(latest()));
        } else {
            inThread(this::end);
        }
    }

    /** The connection first: a client alone closes those to the nodes of a Redis Cluster twice, and warns. It waits. */
    private void end() {
        try {
            close(latest()).get(CLOSE_SECONDS, TimeUnit.SECONDS);
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
